from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qa_service import text as strings
from qa_service.artifact.read import Snapshot
from qa_service.assemble import Corpus, assemble, passage_of, wordings_of
from qa_service.build import embed
from qa_service.confidence import Calibration
from qa_service.domain import Entry, LabelledQuestion, Query, Source
from qa_service.lexical import Lexicon, build_lexicon
from qa_service.retriever import Retriever
from qa_service.vectors.faiss import FaissIndex
from qa_service.vectors.numpy import NumpyIndex
from tests import fakes

CALIBRATION = Calibration()


def entry(entry_id: str, question: str, answer: str = "", *alternates: str) -> Entry:
    """An entry of a FAQ in memory; only there may it have no answer text."""
    return Entry(entry_id, question, answer, Source("d", None, "0", 0, 1), alternates)


def corpus_of(folder: Path, entries: Sequence[Entry], *labelled: tuple[str, ...]) -> Corpus:
    """Entries and labelled questions (a text and the ids of its right entries), embedded with the fake model."""
    questions = tuple(LabelledQuestion(text, tuple(right)) for text, *right in labelled)
    return embed(folder, tuple(entries), questions, fakes.exporter())[0]


ENTRIES = (
    entry("alpha", "What is alpha?", "Red one, red.", "alpha alpha"),
    entry("beta", "Who must keep beta? When is it to end?", "Green two."),
    entry("gamma", "gamma delta"),
)
LABELLED: tuple[tuple[str, ...], ...] = (
    ("red\u200b blue", "alpha"),
    ("who is gamma", "beta", "gamma"),
    ("what is three",),
    ("green blue", "beta"),
    ("four five",),
    ("three blue alpha", "alpha"),
)
PASSAGES = ["What is alpha?\nRed one, red.", "Who must keep beta? When is it to end?\nGreen two.", "gamma delta"]
ALPHA = ["What is alpha?", "alpha alpha"]
BETA = ["Who must keep beta? When is it to end?", "Who must keep beta?", "When is it to end?"]
GAMMA = ["gamma delta"]


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return corpus_of(tmp_path, ENTRIES, *LABELLED)


def close(texts: Sequence[str]) -> object:
    """The vectors of texts, within single precision."""
    return pytest.approx(fakes.vectors(texts), abs=1e-6)


def same(one: Lexicon, other: Lexicon) -> bool:
    """Whether two lexicons are the same in every field."""
    return (
        (one.vocabulary, one.size) == (other.vocabulary, other.size)
        and one.starts.tolist() == other.starts.tolist()
        and one.documents.tolist() == other.documents.tolist()
        and one.saturations.tolist() == other.saturations.tolist()
    )


def test_an_entry_is_matched_by_its_question_its_alternates_and_its_parts() -> None:
    """Wordings repeat nothing and keep their order."""
    made = entry("x", "Will red be told? If so, how long before?", "Yes.", "Is red told?", "Will red be told?")
    expected = (made.question, "Is red told?", "Will red be told?", "If so, how long before?")
    assert expected == wordings_of(made)


def test_the_passage_is_question_and_answer() -> None:
    """Question and answer are one text; without an answer the question is."""
    assert passage_of(entry("x", "Will red be told?", "Yes.")) == "Will red be told?\nYes."
    assert passage_of(entry("x", "Will red be told?")) == "Will red be told?"


def test_rows_without_labels(corpus: Corpus) -> None:
    """Each entry's passage comes first, then the published wordings, entry by entry."""
    snapshot = assemble(corpus, [], CALIBRATION)
    assert close([*PASSAGES, *ALPHA, *BETA, *GAMMA]) == snapshot.vectors
    assert (tuple(ALPHA), tuple(BETA), tuple(GAMMA)) == snapshot.wordings
    assert snapshot.learned == (0, 0, 0)
    assert snapshot.unanswerable.shape == (0, len(fakes.WORDS))
    assert (snapshot.manifest.entries, snapshot.manifest.rows) == (3, 9)


def test_a_learned_question_is_a_row_behind_its_entrys_wordings(corpus: Corpus) -> None:
    """A question with one right entry gets a row of its own, and the published wordings stay what they were."""
    snapshot = assemble(corpus, range(len(LABELLED)), CALIBRATION)
    expected = [*PASSAGES, *ALPHA, "red blue", "three blue alpha", *BETA, "green blue", *GAMMA]
    assert close(expected) == snapshot.vectors
    assert (tuple(ALPHA), tuple(BETA), tuple(GAMMA)) == snapshot.wordings
    assert snapshot.learned == (2, 1, 0)
    assert snapshot.manifest.rows == len(expected)
    assert snapshot.vectors.dtype == snapshot.prototypes.dtype == snapshot.unanswerable.dtype == np.float32


def test_only_the_chosen_questions_are_learned(corpus: Corpus) -> None:
    """A question that is not chosen leaves no row, no word and no neighbour."""
    snapshot = assemble(corpus, [3, 4], CALIBRATION)
    assert close([*PASSAGES, *ALPHA, *BETA, "green blue", *GAMMA]) == snapshot.vectors
    assert snapshot.learned == (0, 1, 0)
    assert close(["four five"]) == snapshot.unanswerable
    everything = assemble(corpus, range(len(LABELLED)), CALIBRATION)
    for name in ("entry_lexicon", "wording_lexicon"):
        assert "thre" in getattr(everything, name).vocabulary  # the stem of "three"
        assert "thre" not in getattr(snapshot, name).vocabulary


def test_a_question_of_several_entries_is_not_learned(corpus: Corpus) -> None:
    """Where several entries are right, a snapshot is what it would be without the question."""
    without, taught = assemble(corpus, [], CALIBRATION), assemble(corpus, [1], CALIBRATION)
    assert without.vectors.tolist() == taught.vectors.tolist()
    assert without.prototypes.tolist() == taught.prototypes.tolist()
    assert without.unanswerable.tolist() == taught.unanswerable.tolist()
    assert same(without.entry_lexicon, taught.entry_lexicon)
    assert same(without.wording_lexicon, taught.wording_lexicon)
    assert taught.learned == (0, 0, 0)


def test_unanswerable_questions_go_to_the_bank(corpus: Corpus) -> None:
    """A question without a right entry is kept aside, and changes nothing else."""
    without, taught = assemble(corpus, [], CALIBRATION), assemble(corpus, [2, 4], CALIBRATION)
    assert close(["what is three", "four five"]) == taught.unanswerable
    assert without.vectors.tolist() == taught.vectors.tolist()
    assert without.prototypes.tolist() == taught.prototypes.tolist()
    assert same(without.entry_lexicon, taught.entry_lexicon)


def test_a_prototype_by_hand(tmp_path: Path) -> None:
    """The mean of the wordings, plus the passage, at unit length."""
    corpus = corpus_of(tmp_path, [entry("x", "alpha", "Beta.", "gamma")], ("delta", "x"))
    # Wordings: alpha, gamma and delta on an axis each; the passage is alpha and beta, 1/sqrt(2) each.
    half = 1 / math.sqrt(2)
    for chosen, third in (([], 0.0), ([0], 1.0)):
        share = 1 / (2 + third)
        raw = {"alpha": share + half, "beta": half, "gamma": share, "delta": third * share}
        length = math.sqrt(sum(x * x for x in raw.values()))
        (prototype,) = assemble(corpus, chosen, CALIBRATION).prototypes
        for word, value in raw.items():
            assert prototype[fakes.WORDS.index(word)] == pytest.approx(value / length, abs=1e-6)
        assert np.linalg.norm(prototype) == pytest.approx(1.0, abs=1e-6)


def test_a_prototype_without_an_answer(tmp_path: Path) -> None:
    """An entry without an answer has no passage of its own: the mean of its wordings is its centre."""
    corpus = corpus_of(tmp_path, [entry("x", "alpha", "", "beta", "beta beta")])
    (prototype,) = assemble(corpus, [], CALIBRATION).prototypes
    got = [prototype[fakes.WORDS.index(word)] for word in ("alpha", "beta")]
    assert [1 / math.sqrt(5), 2 / math.sqrt(5)] == pytest.approx(got, abs=1e-6)


def test_a_prototype_of_unknown_words_is_nothing(tmp_path: Path) -> None:
    """Where the model knows no word of an entry the centre is zero, not a division by zero."""
    (prototype,) = assemble(corpus_of(tmp_path, [entry("x", "zebra", "Zebra.")]), [], CALIBRATION).prototypes
    assert not prototype.any()


def test_the_words_of_an_entry(corpus: Corpus) -> None:
    """Its question, its alternates and what it learned count five times, its answer once, its parts not again."""
    snapshot = assemble(corpus, range(len(LABELLED)), CALIBRATION)
    alpha = {"what": 5, "is": 5, "alpha": 5 * 4, "red": 5 + 2, "blue": 5 * 2, "thre": 5, "one": 1}
    beta = dict.fromkeys("who must keep beta when is it to end".split(), 5.0) | {"green": 5 + 1, "blue": 5, "two": 1}
    gamma = {"gamma": 5, "delta": 5}
    assert same(build_lexicon([alpha, beta, gamma]), snapshot.entry_lexicon)


def test_the_words_of_the_wordings(corpus: Corpus) -> None:
    """Each row of a wording, published or learned, is a document of its own, in the order of the rows."""
    snapshot = assemble(corpus, range(len(LABELLED)), CALIBRATION)
    texts = [*ALPHA, "red blue", "three blue alpha", *BETA, "green blue", *GAMMA]
    documents = [{t: float(strings.terms(x).count(t)) for t in strings.terms(x)} for x in texts]
    assert same(build_lexicon(documents), snapshot.wording_lexicon)
    assert snapshot.wording_lexicon.size == len(snapshot.vectors) - len(snapshot.entries)


@pytest.mark.parametrize(("name", "kind"), [("numpy", NumpyIndex), ("faiss", FaissIndex)])
def test_the_engine_searches_the_rows(corpus: Corpus, name: str, kind: type) -> None:
    """The index is of the engine that was asked for, over the snapshot's rows."""
    snapshot = assemble(corpus, range(len(LABELLED)), CALIBRATION, name)
    assert isinstance(snapshot.index, kind)
    found = snapshot.index.search(snapshot.vectors, 1)
    assert np.allclose(1.0, found[0], atol=1e-6)
    assert (
        close([*PASSAGES, *ALPHA, "red blue", "three blue alpha", *BETA, "green blue", *GAMMA])
        == (snapshot.vectors[found[1][:, 0]])
    )


def content(snapshot: Snapshot) -> tuple[object, ...]:
    """All of a snapshot that depends on what was learned."""
    lexicons = (snapshot.entry_lexicon, snapshot.wording_lexicon)
    return (
        snapshot.learned,
        snapshot.vectors.tolist(),
        snapshot.prototypes.tolist(),
        snapshot.unanswerable.tolist(),
        [(x.vocabulary, x.starts.tolist(), x.documents.tolist(), x.saturations.tolist()) for x in lexicons],
    )


def test_the_same_choice_is_the_same_snapshot(corpus: Corpus) -> None:
    """Assembling twice gives the same numbers, bit by bit, so that a build of the same content is the same version."""
    assert content(assemble(corpus, [5, 0, 2], CALIBRATION)) == content(assemble(corpus, [5, 0, 2], CALIBRATION))


def test_the_order_of_the_chosen_changes_no_result(corpus: Corpus) -> None:
    """In whatever order questions are learned, the same question gets the same scores and confidences."""
    one, other = (
        Retriever(assemble(corpus, chosen, CALIBRATION)) for chosen in (range(len(LABELLED)), [5, 4, 3, 2, 1, 0])
    )
    for text, *_ in (*LABELLED, ("what is three blue",), ("keep beta",)):
        mine, theirs = one.examine(Query(text)), other.examine(Query(text))
        assert mine.places.tolist() == theirs.places.tolist()
        assert np.allclose(mine.score, theirs.score, atol=1e-6)
        assert np.allclose(mine.confidence, theirs.confidence, atol=1e-5)


def test_what_was_learned_is_answered(corpus: Corpus) -> None:
    """A question that shares no word with its entry finds it once it has been learned."""
    query = Query("four five")
    taught = replace(corpus, labelled=(*corpus.labelled[:4], LabelledQuestion("four five", ("gamma",))))
    taught = replace(taught, labelled_vectors=corpus.labelled_vectors[:5])
    before, after = (Retriever(assemble(taught, chosen, CALIBRATION)).examine(query) for chosen in ([], [4]))
    assert not before.score.any()
    assert [after.places[0], after.signals.wording[0]] == [2, pytest.approx(1.0, abs=1e-6)]
