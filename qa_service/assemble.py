"""From embedded texts to a snapshot in memory: what a build writes, and what calibration asks with some questions left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from qa_service import text as strings
from qa_service.artifact.manifest import FORMAT, Manifest
from qa_service.artifact.read import Snapshot
from qa_service.confidence import Calibration
from qa_service.domain import Entry, Floats, LabelledQuestion
from qa_service.encoder import OnnxEncoder
from qa_service.lexical import build_lexicon, counted
from qa_service.vectors import engine

# A term of a question says more of an entry than one of its answer; 1, 2, 3 and 5 were tried.
_QUESTION_WEIGHT = 5.0


def wordings_of(entry: Entry) -> tuple[str, ...]:
    """The published wordings that a question is matched by: as published, its alternates, its parts if compound."""
    return tuple(dict.fromkeys((entry.question, *entry.alternates, *strings.question_parts(entry.question))))


def passage_of(entry: Entry) -> str:
    """Question and answer as the one text that is embedded for both."""
    return f"{entry.question}\n{entry.answer}" if entry.answer else entry.question


@dataclass(frozen=True)
class Corpus:
    """A FAQ and its labelled questions, embedded.

    `passage_vectors` has a row for each entry, `wording_vectors` one for each published wording, entry by entry, and
    `labelled_vectors` one for each labelled question; all float32, unit length.
    """

    entries: tuple[Entry, ...]
    wordings: tuple[tuple[str, ...], ...]
    passage_vectors: Floats
    wording_vectors: Floats
    labelled: tuple[LabelledQuestion, ...]
    labelled_vectors: Floats
    encoder: OnnxEncoder


@dataclass(frozen=True)
class _Learned:
    """Which labelled questions are wordings of which entry, by place, and which are known to be unanswerable."""

    by_entry: dict[int, list[int]]
    unanswerable: list[int]


def _learn(corpus: Corpus, chosen: Iterable[int]) -> _Learned:
    places = {entry.id: place for place, entry in enumerate(corpus.entries)}
    by_entry: defaultdict[int, list[int]] = defaultdict(list)
    unanswerable = []
    for number in sorted(set(chosen)):
        ids = corpus.labelled[number].entry_ids
        if len(ids) == 1:  # where several entries are right, the question would make them rivals of each other
            by_entry[places[ids[0]]].append(number)
        elif not ids:
            unanswerable.append(number)
    return _Learned(by_entry, unanswerable)


def assemble(corpus: Corpus, chosen: Sequence[int], calibration: Calibration, engine_name: str = "numpy") -> Snapshot:
    """Make a snapshot that has learned the chosen labelled questions.

    An answerable one becomes a further wording of its entry, of which only the vector and the counted words are kept; an
    unanswerable one tells how near a question is to what the FAQ does not answer.
    """
    learned = _learn(corpus, chosen)
    counts = [len(w) for w in corpus.wordings]
    published = np.split(corpus.wording_vectors, np.cumsum(counts)[:-1])
    wording_rows, wording_documents, entry_documents, centres = [], [], [], []
    for place, (entry, wordings) in enumerate(zip(corpus.entries, corpus.wordings, strict=True)):
        extra = learned.by_entry.get(place, [])
        asked = [strings.normalise(corpus.labelled[i].text) for i in extra]
        rows = np.concatenate((published[place], corpus.labelled_vectors[extra]))
        wording_rows.append(rows)
        wording_documents += [counted((strings.terms(text), 1.0)) for text in (*wordings, *asked)]
        own = [t for text in (entry.question, *entry.alternates, *asked) for t in strings.terms(text)]
        entry_documents.append(counted((own, _QUESTION_WEIGHT), (strings.terms(entry.answer), 1.0)))
        centre = rows.mean(axis=0) + (corpus.passage_vectors[place] if entry.answer else 0.0)
        centres.append(centre / max(float(np.linalg.norm(centre)), 1e-12))
    vectors = np.ascontiguousarray(np.concatenate((corpus.passage_vectors, *wording_rows)), dtype=np.float32)
    card = corpus.encoder.card
    languages = tuple(sorted({entry.language for entry in corpus.entries}))
    return Snapshot(
        version="assembled",
        manifest=Manifest(FORMAT, {}, card, len(corpus.entries), len(vectors), {}, languages, (), {}),
        entries=corpus.entries,
        wordings=corpus.wordings,
        learned=tuple(len(learned.by_entry.get(place, ())) for place in range(len(corpus.entries))),
        vectors=vectors,
        prototypes=np.asarray(centres, dtype=np.float32),
        unanswerable=np.ascontiguousarray(corpus.labelled_vectors[learned.unanswerable]),
        index=engine(engine_name).build(vectors),
        entry_lexicon=build_lexicon(entry_documents),
        wording_lexicon=build_lexicon(wording_documents),
        encoder=corpus.encoder,
        calibration=calibration,
    )
