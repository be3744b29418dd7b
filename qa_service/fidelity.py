"""Whether the int8 encoder may stand for the model: measured against sentence-transformers, text by text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_service.assemble import Corpus
from qa_service.domain import Floats
from qa_service.export import Export

_FAITHFUL_COSINE = 0.98
# Entries that the reference itself holds less than this apart are a tie; rounding may turn their order round.
_TIE = 0.02
_SAMPLE = 5_000


@dataclass(frozen=True)
class Fidelity:
    """How close the exported encoder comes to the reference, and what follows for its precision."""

    precision: str
    reason: str
    least_cosine: float
    moved: int
    labelled: int


def measure(corpus: Corpus, passages: Sequence[str], wordings: Sequence[str], export: Export) -> Fidelity:
    """Hold the encoder that embedded a corpus against the reference.

    It is faithful where the cosine of each entry's text to its reference is at least 0.98 and each labelled question
    that has an answer finds the same nearest entry, ties aside. Of more than 5,000 texts an even sample is measured.
    """
    some_passages, some_wordings = _sample(len(passages)), _sample(len(wordings))
    ours = np.concatenate((corpus.passage_vectors[some_passages], corpus.wording_vectors[some_wordings]))
    reference = np.concatenate(
        (
            export.reference_documents([passages[i] for i in some_passages]),
            export.reference_queries([wordings[i] for i in some_wordings]),
        )
    )
    owners = np.repeat(np.arange(len(corpus.entries)), [len(w) for w in corpus.wordings])
    whose = np.concatenate((some_passages, owners[some_wordings]))
    least = float(np.min(np.sum(ours * reference, axis=1)))
    asked = [i for i, q in enumerate(corpus.labelled) if q.entry_ids]
    moved = 0
    if asked:
        theirs = export.reference_queries([corpus.labelled[i].text for i in asked]) @ reference.T
        moved = _moved(corpus.labelled_vectors[asked] @ ours.T, theirs, whose)
    if least < _FAITHFUL_COSINE:
        reason = f"int8 falls to a cosine of {least:.4f} to the reference; {_FAITHFUL_COSINE} is needed"
    elif moved:
        reason = f"int8 finds another entry for {moved} of {len(asked)} labelled questions"
    else:
        reason = f"int8 is faithful: cosine at least {least:.4f}, nearest entry the same for {len(asked)} questions"
    return Fidelity("int8" if least >= _FAITHFUL_COSINE and not moved else "fp32", reason, least, moved, len(asked))


def _moved(mine: Floats, theirs: Floats, whose: NDArray[Any]) -> int:
    """How many questions find an entry that the reference holds clearly behind its own nearest."""
    found = whose[np.argmax(mine, axis=1)]
    best = np.max(np.where(whose[None, :] == found[:, None], theirs, -1.0), axis=1)
    return int(np.count_nonzero(np.max(theirs, axis=1) - best > _TIE))


def _sample(size: int) -> NDArray[Any]:
    return np.unique(np.linspace(0, size - 1, min(size, _SAMPLE)).astype(np.int64))
