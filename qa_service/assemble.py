"""From embedded texts to a snapshot in memory: what a build writes, and what calibration asks with some questions left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qa_service import text as strings
from qa_service.artifact.manifest import FORMAT, Manifest
from qa_service.artifact.read import Snapshot
from qa_service.confidence import Calibration
from qa_service.domain import Entry, Floats, LabelledQuestion
from qa_service.embeddings import array
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
    `labelled_vectors` one for each labelled question; all float32, unit length. `scratch` is a folder for arrays that are
    too large for memory; None keeps them in memory.
    """

    entries: tuple[Entry, ...]
    wordings: tuple[tuple[str, ...], ...]
    passage_vectors: Floats
    wording_vectors: Floats
    labelled: tuple[LabelledQuestion, ...]
    labelled_vectors: Floats
    encoder: OnnxEncoder
    scratch: Path | None = None


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
    entries, size = corpus.entries, corpus.passage_vectors.shape[1]
    asked = [learned.by_entry.get(place, []) for place in range(len(entries))]
    rows = len(entries) + len(corpus.wording_vectors) + sum(map(len, asked))
    vectors = array(corpus.scratch, (rows, size))
    prototypes = array(corpus.scratch, (len(entries), size))
    vectors[: len(entries)] = corpus.passage_vectors
    first, published = len(entries), 0
    for place, extra in enumerate(asked):
        count = len(corpus.wordings[place])
        own = vectors[first : first + count + len(extra)]
        own[:count] = corpus.wording_vectors[published : published + count]
        own[count:] = corpus.labelled_vectors[extra]
        centre = own.mean(axis=0) + (corpus.passage_vectors[place] if entries[place].answer else 0.0)
        prototypes[place] = centre / max(float(np.linalg.norm(centre)), 1e-12)
        first, published = first + len(own), published + count
    card = corpus.encoder.card
    languages = tuple(sorted({entry.language for entry in corpus.entries}))
    return Snapshot(
        version="assembled",
        manifest=Manifest(FORMAT, {}, card, len(corpus.entries), len(vectors), {}, languages, (), {}),
        entries=corpus.entries,
        wordings=corpus.wordings,
        learned=tuple(map(len, asked)),
        vectors=vectors,
        prototypes=prototypes,
        unanswerable=np.ascontiguousarray(corpus.labelled_vectors[learned.unanswerable]),
        index=engine(engine_name).build(vectors),
        entry_lexicon=build_lexicon(_entry_documents(corpus, asked)),
        wording_lexicon=build_lexicon(_wording_documents(corpus, asked)),
        encoder=corpus.encoder,
        calibration=calibration,
    )


def _entry_documents(corpus: Corpus, asked: Sequence[Sequence[int]]) -> Iterator[Mapping[str, float]]:
    """The counted terms of each entry: those of its questions, learned ones too, and of its answer."""
    for entry, extra in zip(corpus.entries, asked, strict=True):
        texts = (entry.question, *entry.alternates, *(_asked(corpus, i) for i in extra))
        own = [term for text in texts for term in strings.terms(text)]
        yield counted((own, _QUESTION_WEIGHT), (strings.terms(entry.answer), 1.0))


def _wording_documents(corpus: Corpus, asked: Sequence[Sequence[int]]) -> Iterator[Mapping[str, float]]:
    """The counted terms of each wording, published and learned, in order of their rows."""
    for wordings, extra in zip(corpus.wordings, asked, strict=True):
        for text in (*wordings, *(_asked(corpus, i) for i in extra)):
            yield counted((strings.terms(text), 1.0))


def _asked(corpus: Corpus, number: int) -> str:
    return strings.normalise(corpus.labelled[number].text)
