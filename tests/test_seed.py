from __future__ import annotations

import hashlib
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from qa_service import labels, loaders
from qa_service import text as strings
from qa_service.domain import Document

SEED_SHA256 = "5f6bb933741ccaf927c75bb2262319b47707e96fffad644538708a95099f6f8d"
NAME = "ctpat_top_faqs.md"
QUESTION_LINES = (5, 9, 13, 17, 23, 27, 31, 35, 39, 43)


@pytest.fixture
def seed(root: Path) -> Document:
    """The seed, as the service loads it."""
    return loaders.load_file(root / "data" / NAME, NAME, "en")


@pytest.fixture
def raw(root: Path) -> bytes:
    """The seed's bytes."""
    return (root / "data" / NAME).read_bytes()


def _texts(path: Path) -> list[str]:
    """The questions of a file as they are compared: folded words, and the whole text where it has none."""
    return [" ".join(strings.words(q.text)) or q.text for q in labels.read(path)]


def test_the_seed_is_unchanged(seed: Document, raw: bytes) -> None:
    """The file is, byte for byte, the one that was published, and its document says so."""
    assert (hashlib.sha256(raw).hexdigest(), seed.sha256) == (SEED_SHA256, SEED_SHA256)


def test_the_seed_has_ten_entries(seed: Document) -> None:
    """Each of the ten questions is an entry, in the line it stands in."""
    assert (len(seed.entries), seed.lines) == (10, QUESTION_LINES)


def test_the_seed_is_found_in_the_data_folder(root: Path) -> None:
    """The data folder holds the seed as its only FAQ file; the labels beside it are none."""
    assert [root / "data" / NAME] == loaders.find(root / "data")


def test_questions_are_those_of_the_file(seed: Document, raw: bytes) -> None:
    """Each question is what stands between its mark and the end of its bold line."""
    lines = raw.decode().split("\n")
    expected = [lines[n - 1].removesuffix("**").split(" ", 1)[1] for n in QUESTION_LINES]
    assert expected == [e.question for e in seed.entries]


def test_answers_are_the_bytes_of_their_spans(seed: Document, raw: bytes) -> None:
    """Every answer is quoted from the file, and its source names the file and its hash."""
    assert [e.answer.encode() for e in seed.entries] == [raw[e.source.start : e.source.end] for e in seed.entries]
    assert {(NAME, SEED_SHA256, None)} == {(e.source.document, e.source.sha256, e.source.uri) for e in seed.entries}


def test_answers_are_all_that_stands_between_two_questions(seed: Document, raw: bytes) -> None:
    """No answer loses a character: between two questions there is nothing else but blank lines."""
    lines = raw.decode().split("\n")
    between = ["\n".join(lines[start : end - 1]).strip() for start, end in pairwise(QUESTION_LINES)]
    assert between == [e.answer for e in seed.entries[:-1]]


def test_the_last_answer_ends_before_the_ornament(seed: Document) -> None:
    """The words at the foot of the page are not part of the last answer, and the build is told."""
    assert seed.entries[-1].answer[-21:] == "evaluate accordingly."
    note = "line 47: 'CBP Virtual TRADE WEEK' is taken for a page ornament and left out of the answer"
    assert (note,) == seed.notes


def test_answers_name_the_document_by_its_title(seed: Document) -> None:
    """The title is the heading of the page, without its marks."""
    title = "Customs Trade Partnership Against Terrorism (CTPAT) Top FAQs"
    assert {title} == {e.source.title for e in seed.entries}


def test_ids_are_stable(seed: Document) -> None:
    """The ids, which clients and labels hold on to, are these."""
    assert [e.id for e in seed.entries] == [
        "is-there-any-analysis-of-resources-needed-for-a-913085",
        "beyond-the-important-reason-for-a-secure-supply-chain-e6967f",
        "if-a-profile-extension-is-requested-and-granted-does-16c86f",
        "will-the-minimum-security-criteria-for-foreign-8dba76",
        "when-will-cbp-exam-stations-begin-to-recognize-ctpat-cc5bee",
        "how-can-non-ctpat-member-participate-collaborate-with-5a5f92",
        "are-there-any-considerations-for-somehow-combining-30db04",
        "as-global-authorized-economic-operators-aeo-adapt-to-88e36f",
        "will-notifications-be-sent-to-members-regarding-cbd632",
        "how-does-cbp-measure-and-leverage-the-experience-and-34d999",
    ]


def test_ids_are_unique(seed: Document) -> None:
    """No two entries share an id."""
    assert len({e.id for e in seed.entries}) == 10


@pytest.mark.parametrize("kept", range(10))
def test_an_id_does_not_depend_on_other_entries(seed: Document, raw: bytes, tmp_path: Path, kept: int) -> None:
    """An entry alone in the file, without all the others, keeps its id, its question and its answer."""
    lines = raw.decode().split("\n")
    end = QUESTION_LINES[kept + 1] - 1 if kept < 9 else len(lines)
    path = tmp_path / NAME
    path.write_bytes("\n".join(lines[:4] + lines[QUESTION_LINES[kept] - 1 : end]).encode())
    alone = loaders.load_file(path, NAME, "en").entries
    whole = seed.entries[kept]
    assert [(whole.id, whole.question, whole.answer)] == [(e.id, e.question, e.answer) for e in alone]


def test_every_entry_has_labelled_questions(seed: Document, root: Path) -> None:
    """The labels know only entries of the seed, and have at least eight questions for each of them."""
    known = {e.id for e in seed.entries}
    counts = Counter(i for q in labels.read(root / "data" / "questions.jsonl", known) for i in q.entry_ids)
    assert (known, True) == (set(counts), min(counts.values()) >= 8)


def test_there_are_unanswerable_questions(root: Path) -> None:
    """At least sixty labelled questions have no answer in the FAQ, so that a threshold can be learned."""
    unanswerable = [q for q in labels.read(root / "data" / "questions.jsonl") if not q.entry_ids]
    assert len(unanswerable) >= 60


@pytest.mark.parametrize("path", ["data/questions.jsonl", "tests/data/heldout_questions.jsonl"])
def test_no_text_is_labelled_twice(root: Path, path: str) -> None:
    """No question stands twice in a file of labels, case, accents and punctuation aside."""
    assert [text for text, count in Counter(_texts(root / path)).items() if count > 1] == []


def test_heldout_questions_are_not_among_the_labels(root: Path) -> None:
    """What the service is measured on shares no text with what its threshold is learned from."""
    heldout = _texts(root / "tests" / "data" / "heldout_questions.jsonl")
    assert (True, set()) == (len(heldout) > 0, set(heldout) & set(_texts(root / "data" / "questions.jsonl")))


def test_heldout_questions_know_only_entries_of_the_seed(seed: Document, root: Path) -> None:
    """Every entry of the seed is asked for in the held-out questions, and no other."""
    known = {e.id for e in seed.entries}
    heldout = labels.read(root / "tests" / "data" / "heldout_questions.jsonl", known)
    assert known == {i for q in heldout for i in q.entry_ids}
