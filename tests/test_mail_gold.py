"""The labelled mails, read and answered with the real model: floors under what `benchmarks/mail` measures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.mail.judge import Judged, Labelled, Wanted, judge, place, read_gold
from qa_service.api.mailing import MailResponse, mail_response
from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.batch.ledger import Ledger
from qa_service.batch.run import run
from qa_service.domain import Entry, Match, Outcome, Result, Source
from qa_service.mail.base import Asked, Letter, Reading
from qa_service.mail.match import judged as mail_result
from qa_service.mail.pool import ReadingPool
from qa_service.mail.sources import mails
from qa_service.retriever import Retriever


@pytest.fixture(scope="module")
def folder(root: Path) -> Path:
    return root / "tests" / "data" / "mails"


@pytest.fixture(scope="module")
def gold(folder: Path) -> dict[str, Labelled]:
    return read_gold(folder / "gold.jsonl")


@pytest.fixture(scope="module")
def retriever(seed_index: Path) -> Retriever:
    return Retriever(read(seed_index / publish.current(seed_index)))


@pytest.fixture(scope="module")
def responses(folder: Path, retriever: Retriever, tmp_path_factory: pytest.TempPathFactory) -> list[MailResponse]:
    """What became of each mail, as `qa mail` makes it."""
    paths = [str(path) for path in sorted(folder.glob("*.eml"))]
    with Ledger(tmp_path_factory.mktemp("mail") / "ledger") as ledger:
        with ReadingPool(2) as pool:
            run(mails(paths), retriever, pool, ledger)
        return [MailResponse.model_validate_json(row) for row in ledger.rows()]


@pytest.fixture(scope="module")
def judged(gold: dict[str, Labelled], responses: list[MailResponse]) -> Judged:
    return judge(gold, responses, lambda file: Path(file).name)


def test_every_mail_is_labelled_and_every_label_has_its_mail(folder: Path, gold: dict[str, Labelled]) -> None:
    """There are at least 60 mails, each with one line of labels, and no line without a mail."""
    assert len(gold) >= 60
    assert sorted(gold) == sorted(path.name for path in folder.glob("*.eml"))
    assert len((folder / "gold.jsonl").read_text("utf-8").splitlines()) == len(gold)


def test_labels_name_entries_of_the_faq(gold: dict[str, Labelled], retriever: Retriever) -> None:
    """Every entry that is named exists, every entry is asked for, and a quarter to a third or so have none."""
    named = [question.entry_id for label in gold.values() for question in label.questions]
    assert {one for one in named if one} == {entry.id for entry in retriever.snapshot.entries}
    assert 0.25 <= named.count(None) / len(named) <= 0.35


def test_labelled_words_are_in_the_mail(gold: dict[str, Labelled], responses: list[MailResponse]) -> None:
    """Every labelled question stands in its mail's new text or is its subject, in the mail's own words."""
    by_file = {Path(one.file).name: one for one in responses}
    lost = [
        (label.file, question.text)
        for label in gold.values()
        for question in label.questions
        if not place(question.text, by_file[label.file].new_text)
        and not place(question.text, by_file[label.file].subject)
    ]
    assert lost == []


def test_mail_that_wants_no_answer_is_skipped_and_no_other(judged: Judged, responses: list[MailResponse]) -> None:
    """Automatic mail, lists, bounces, receipts, empty and repeated mail are skipped; all partners' mail is read."""
    assert judged.skipped_right == judged.to_skip == sum(one.status in {"skipped", "error"} for one in responses)


def test_answerable_questions_get_the_right_entry(judged: Judged) -> None:
    """At least 90 % of the questions that the FAQ answers are answered with the right entry."""
    assert np.mean(judged.right) >= 0.90, judged


def test_wrong_answers_are_rare(judged: Judged) -> None:
    """At most 0.1 answers a mail are not the right entry of a question that was asked there."""
    assert np.mean(judged.wrong) <= 0.1


def test_unanswerable_questions_are_left_to_a_person(judged: Judged) -> None:
    """At least 90 % of the questions that the FAQ does not answer get no answer."""
    assert np.mean(judged.abstained) >= 0.90


def test_questions_are_found(judged: Judged) -> None:
    """At least 95 % of the labelled questions are found."""
    assert np.mean(judged.present) >= 0.95


TEXT = "We ship by sea. Is the first\nthing so? Is the second? Thank you, it was kind."


Found = tuple[Asked, Result]


def question(words: str, entry_id: str | None) -> Found:
    """A found question at the place of its words, answered with an entry or abstained on."""
    where = place(words, TEXT)
    assert where is not None
    entries = [Entry(entry_id, "?", "!", Source("faq.md", None, "0" * 64, 0, 1))] if entry_id else []
    answers = tuple(Match(entry, 1.0, 1.0, 0.9, "?") for entry in entries)
    return Asked(words, *where), Result(Outcome.ANSWERED if answers else Outcome.ABSTAINED, answers, (), "1")


def verdict(*found: Found) -> Judged:
    """The figures of a mail with two labelled questions, of which the FAQ answers the first."""
    label = Labelled("a.eml", False, (Wanted("Is the first thing so?", "one"), Wanted("Is the second?", None)))
    letter = Letter(None, "Ships", None, None, None, (), TEXT)
    reading = Reading(letter, tuple(asked for asked, _ in found))
    response = mail_response(mail_result("a.eml", reading, [result for _, result in found], "1"))
    return judge({"a.eml": label}, [response], str)


def test_the_judge_finds_right_answers_at_their_place() -> None:
    """A right answer and an abstention at the labelled places make a mail without a miss, whatever the line breaks."""
    got = verdict(question("Is the first thing so?", "one"), question("Is the second?", None))
    assert (got.right, got.abstained, got.present, got.wrong, got.spurious) == ((1,), (1,), (1, 1), (0,), (0,))
    assert got.misses == ()


def test_the_judge_counts_every_answer_that_nobody_should_get() -> None:
    """Another entry, an answer to the unanswerable, and an answer where nothing was asked are each a wrong answer."""
    got = verdict(
        question("Is the first thing so?", "two"),
        question("Is the second?", "one"),
        question("Thank you, it was kind.", "one"),
    )
    assert (got.right, got.abstained, got.present, got.wrong, got.spurious) == ((0,), (0,), (1, 1), (3,), (1,))
    assert [miss.kind for miss in got.misses] == ["wrong entry", "answered though the FAQ has no answer", "spurious"]


def test_the_judge_does_not_take_one_answer_for_two_questions() -> None:
    """Where both questions were taken for one and answered, the unanswerable one did not abstain."""
    got = verdict(question("Is the first thing so? Is the second?", "one"))
    assert (got.right, got.abstained, got.present, got.wrong) == ((1,), (0,), (1, 1), (0,))


def test_the_judge_misses_what_was_not_found() -> None:
    """A question that was not found is not answered, and one that is not found has no answer either."""
    got = verdict()
    assert (got.right, got.abstained, got.present, got.found) == ((0,), (1,), (0, 0), 0)
    assert [miss.kind for miss in got.misses] == ["not found"]
