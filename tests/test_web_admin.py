from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from qa_service.artifact.publish import current
from qa_service.artifact.read import read
from qa_service.bootstrap import Interval
from qa_service.confidence import Calibration
from qa_service.domain import AtThreshold, Floats, Outcome
from qa_service.feedback.base import Day, EntryVotes, Reason, Recorded, Unanswered, Vote
from qa_service.feedback.store import Store
from qa_service.feedback.tally import BOUNDS_MS, Tally
from qa_service.observe import Metrics
from qa_service.retriever import Retriever
from qa_service.web import admin_unanswered
from qa_service.web.admin import Admin, Records, milliseconds, percent
from qa_service.web.admin_curve import curve
from qa_service.web.admin_unanswered import COLUMNS, Asked, Cluster, Collected, Grouper, to_csv
from qa_service.web.admin_volume import Bar, Period, by_day, since_start
from qa_service.web.admin_votes import Rated, rated, wilson

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BUCKETS = len(BOUNDS_MS) + 1
HOSTILE = "<script>window.hit=1</script>\u202e'\"&"


@pytest.fixture
def retriever(index: Path) -> Retriever:
    """Of the fake FAQ: alpha, beta and gamma on axes of their own."""
    return Retriever(read(index / current(index)), clock=NOW.date)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store whose clock stands still."""
    opened = Store(tmp_path / "state", NOW.timestamp)
    yield opened
    opened.close()


def near(value: float) -> Any:
    """What equals a number but for the last bits."""
    return pytest.approx(value)


def latencies(**counts: int) -> tuple[int, ...]:
    """So many questions in the buckets of these numbers: `_3=2`."""
    return tuple(counts.get(f"_{bucket}", 0) for bucket in range(BUCKETS))


def days(*asked: tuple[int, int, int]) -> list[Day]:
    """30 days, of which the last ones have these outcomes and every question took as long as bucket 4."""
    held = [(0, 0, 0)] * (30 - len(asked)) + list(asked)
    first = NOW.date() - timedelta(days=29)
    return [Day(first + timedelta(days=i), *one, latencies(_4=sum(one))) for i, one in enumerate(held)]


def unanswered(text: str, minutes: int = 0, nearest: str | None = None, outcome: str = "abstained") -> Unanswered:
    """A question that was asked so many minutes ago."""
    return Unanswered(NOW - timedelta(minutes=minutes), text, outcome, nearest)


def plain(html: str) -> str:
    """The text of a page with single spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).replace("\xa0", " ")


def page(retriever: Retriever, store: Store | None = None, **changes: Any) -> str:
    """The page of some records."""
    values: dict[str, Any] = {
        "is_wanted": store is not None,
        "is_recording": store is not None,
        "record_days": 90,
    } | changes
    made = Admin(Records(values.pop("metrics", Metrics()), store, **values), lambda: NOW)
    return made.html(retriever, NOW - timedelta(days=1), NOW, None)


@pytest.mark.parametrize(
    ("helpful", "votes", "low", "high"),
    [
        (0, 1, 0.0, 0.7935),  # z²/(1 + z²)
        (1, 1, 0.2065, 1.0),
        (5, 10, 0.2366, 0.7634),
        # R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998, table I.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_of_a_share(helpful: int, votes: int, low: float, high: float) -> None:
    """Wilson's interval is what others have published and worked out by hand, and stays within 0 and 1."""
    found = wilson(helpful, votes)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_the_ends_solve_the_equation_of_the_score() -> None:
    """At both ends the share that was seen is 1.96 standard errors of the end away."""
    found, share, votes = wilson(7, 23), 7 / 23, 23
    for end in (found.low, found.high):
        assert abs(share - end) / math.sqrt(end * (1 - end) / votes) == pytest.approx(1.959964, abs=1e-6)


def test_worst_first() -> None:
    """Many bad votes come before few, reasons are named with the most frequent first, and unknown entries stay."""
    held = [
        EntryVotes("good", 20, 0, {}),
        EntryVotes("few", 0, 1, {Reason.WRONG: 1}),
        EntryVotes("many", 5, 45, {Reason.OUTDATED: 3, Reason.UNCLEAR: 3, Reason.OTHER_QUESTION: 9}),
        EntryVotes("gone", 1, 1, {}),
        EntryVotes(None, 1, 1, {}),
    ]
    found = rated(held, {"good": "Good?", "few": "Few?", "many": "Many?"})
    assert [(one.entry_id, one.question, one.helpful, one.votes) for one in found] == [
        ("many", "Many?", 5, 50),
        ("few", "Few?", 0, 1),
        (None, None, 1, 2),
        ("gone", None, 1, 2),
        ("good", "Good?", 20, 20),
    ]
    assert found[0].reasons == (("another question", 9), ("out of date", 3), ("unclear", 3))
    assert found[1] == Rated("few", "Few?", 0, 1, wilson(0, 1), (("wrong", 1),))
    assert found[4].interval == Interval(wilson(20, 20).low, 1.0)


def test_sums_of_days() -> None:
    """Today, the last 7 and the last 30 days, with the times of all their questions."""
    held = days(*[(1, 0, 1)] * 10, (6, 2, 4))
    today = Day(NOW.date(), 6, 2, 4, latencies(_0=6, _20=6))
    volume = by_day([*held[:-1], today])
    middle = BOUNDS_MS[4] / math.sqrt(1.25), BOUNDS_MS[20] / math.sqrt(1.25)
    assert volume.periods == (
        Period("Today", 6, 2, 4, near(BOUNDS_MS[0] / math.sqrt(1.25)), near(middle[1])),
        Period("7 days", 12, 2, 10, near(middle[0]), near(middle[1])),
        Period("30 days", 16, 2, 14, near(middle[0]), near(middle[1])),
    )
    assert [one.questions for one in volume.periods] == [12, 24, 32]
    assert volume.days[-1] is today


def test_the_bars_of_days() -> None:
    """Bars stand on each other, an outcome that nobody had has none, and every seventh day back from today is named."""
    chart = by_day(days((0, 0, 0), (6, 0, 2))).chart
    assert chart is not None
    left, width = near(100 * 29.1 / 30), near(100 * 0.8 / 30)
    assert chart.bars == (
        Bar(Outcome.ANSWERED, left, near(25.0), width, near(75.0)),
        Bar(Outcome.ABSTAINED, left, near(0.0), width, near(25.0)),
    )
    assert chart.lines == ((100.0, 0), (75.0, 2), (50.0, 4), (25.0, 6), (0.0, 8))
    assert chart.names[:2] == ((100.0, date(2026, 11, 24)), (near(100 * 23 / 30), date(2026, 11, 17)))
    assert len(chart.names) == 5


def test_lines_are_whole_numbers_of_questions() -> None:
    """Where a day has one question at most there is a line at 0 and one at 1."""
    chart = by_day(days((1, 0, 0))).chart
    assert chart is not None
    assert chart.lines == ((100.0, 0), (0.0, 1))


def test_figures_since_the_start() -> None:
    """Without a state folder the metrics are told; a time is the bound that holds it."""
    metrics = Metrics()
    metrics.questions.labels("answered").inc(3)
    metrics.questions.labels("abstained").inc()
    for seconds in (0.003, 0.004, 0.004, 9.0):
        metrics.seconds.labels("/v1/ask").observe(seconds)
    metrics.seconds.labels("/livez").observe(0.001)
    volume = since_start(metrics)
    assert volume.periods == (Period("Since the start", 3, 0, 1, 5.0, 5000.0),)
    assert (volume.days, volume.chart) == ((), None)
    assert since_start(Metrics()).periods == (Period("Since the start", 0, 0, 0, None, None),)


def test_questions_are_grouped_by_meaning(retriever: Retriever) -> None:
    """Those of the same words are one group with what most had for nearest; others are alone, the newest first."""
    records = [
        unanswered("red delta", 1, "alpha"),
        unanswered("six", 2),
        unanswered("a red delta", 3, "beta"),
        unanswered("seven", 4),
        unanswered("red delta", 5, "gamma", "ambiguous"),
        unanswered("red delta to", 6, "beta"),
    ]
    found = Grouper().collect(records, retriever.snapshot)
    assert [(one.number, one.count, one.nearest, one.last) for one in found.clusters] == [
        (1, 4, "alpha", NOW - timedelta(minutes=1))
    ]
    held = {one.text: one for one in found.clusters[0].questions}
    assert found.clusters[0].questions[0].text == "red delta"
    assert held["red delta"] == Asked("red delta", 2, NOW - timedelta(minutes=1), "abstained", "alpha")
    assert set(held) == {"red delta", "a red delta", "red delta to"}
    assert [(one.text, one.nearest) for one in found.alone] == [("six", None), ("seven", None)]
    assert found.questions == 6


def test_nothing_to_group(retriever: Retriever) -> None:
    """No records make no groups."""
    assert Grouper().collect([], retriever.snapshot) == Collected()


def test_the_newest_different_questions_are_grouped(retriever: Retriever, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many different ones, older ones are left out; what was asked again still counts."""
    monkeypatch.setattr(admin_unanswered, "MOST_QUESTIONS", 2)
    records = [unanswered(text, i) for i, text in enumerate(["six", "seven", "eight", "six", "nine"])]
    found = Grouper().collect(records, retriever.snapshot)
    assert [(one.text, one.count) for one in found.alone] == [("seven", 1)]
    assert [(one.count, one.questions[0].text) for one in found.clusters] == [(2, "six")]


def test_a_question_is_embedded_once_a_version(retriever: Retriever) -> None:
    """The second time nothing is embedded, unless another version serves."""
    asked: list[str] = []

    class Counting:
        def encode_queries(self, texts: Sequence[str]) -> Floats:
            asked.extend(texts)
            return retriever.snapshot.encoder.encode_queries(texts)

    grouper, records = Grouper(), [unanswered("six"), unanswered("seven")]
    snapshot = replace(retriever.snapshot, encoder=Counting())  # type: ignore[arg-type]  # all of it that is used
    assert grouper.collect(records, snapshot) == grouper.collect(records, snapshot)
    assert asked == ["six", "seven"]
    grouper.collect(records[:1], replace(snapshot, version="v-2"))
    assert asked == ["six", "seven", "six"]


def test_the_table_of_unanswered_questions(retriever: Retriever) -> None:
    """A line a question: groups first, then what is alone; nothing in it is a formula."""
    asked = [Asked("=cmd", 2, NOW, "ambiguous", "alpha"), Asked("b", 1, NOW, "abstained", "gone")]
    alone = (Asked("c\ud800", 1, NOW, "abstained", None),)
    raw = to_csv(Collected((Cluster(1, tuple(asked), 3, NOW, "alpha"),), alone), retriever.snapshot)
    assert list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""))) == [
        list(COLUMNS),
        ["1", "'=cmd", "2", "2026-11-24 12:00:00", "ambiguous", "alpha", "What is alpha?"],
        ["1", "b", "1", "2026-11-24 12:00:00", "abstained", "gone", ""],
        ["", "c\ufffd", "1", "2026-11-24 12:00:00", "abstained", "", ""],
    ]


CALIBRATED = Calibration(
    answer_threshold=0.62,
    figures={
        "labelled_questions": 30.0,
        "top_1": 0.9,
        "answerable_answered_right": 0.65,
        "answerable_answered_wrong": 0.05,
        "unanswerable_answered": 0.1,
        "calibration_error": 0.04,
    },
    curve=(AtThreshold(0.5, 15, 2, 4), AtThreshold(0.7, 11, 1, 0)),
    answerable=20,
    unanswerable=10,
)


def test_the_threshold_in_use_is_among_the_others() -> None:
    """Its counts are those of the build's figures; the plot has three lines and marks it."""
    found = curve(CALIBRATED)
    assert found.now == AtThreshold(0.62, 13, 1, 1)
    assert [one.threshold for one in found.points] == [0.5, 0.62, 0.7]
    assert found.figures[:2] == (("Labelled questions", "30"), ("Nearest entry right", "90.0%"))
    assert found.figures[-1] == ("Expected calibration error", "0.040")
    assert found.plot.count("<polyline") == 3
    assert "in use</text>" in found.plot
    assert "65.0% of the answerable questions are answered right, 5.0% are answered wrong, 10.0% of the" in found.plot
    assert " style=" not in found.plot


def test_a_kind_of_questions_that_there_is_none_of_has_no_line() -> None:
    """Without unanswerable questions two lines are left."""
    assert curve(replace(CALIBRATED, unanswerable=0)).plot.count("<polyline") == 2


def test_no_curve_without_labelled_questions() -> None:
    """Only the threshold is known."""
    found = curve(Calibration(answer_threshold=0.6))
    assert (found.threshold, found.now, found.points, found.plot, found.figures) == (0.6, None, (), "", ())


@pytest.mark.parametrize(
    ("count", "of", "told"),
    [(0, 0, "–"), (0, 9, "0\xa0%"), (1, 1000, "1\xa0%"), (999, 1000, "99\xa0%"), (9, 9, "100\xa0%"), (1, 3, "33\xa0%")],
)
def test_percents(count: int, of: int, told: str) -> None:
    """Only none is 0 % and only all is 100 %."""
    assert percent(count, of) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "–"), (4.47, "4.5\xa0ms"), (44.7, "45\xa0ms"), (999.9, "1000\xa0ms"), (1250.0, "1.2\xa0s")],
)
def test_times(value: float | None, told: str) -> None:
    """Two digits are enough, in seconds from a second on."""
    assert milliseconds(value) == told


def test_a_page_without_a_state_folder(retriever: Retriever) -> None:
    """It says what serves, gives the figures since the start, and names the settings that keep more."""
    metrics = Metrics()
    metrics.questions.labels("answered").inc(1234)
    text = plain(page(retriever, metrics=metrics))
    for told in (
        f"Index version {retriever.version}",
        "Published 23 Nov 2026, 12:00 UTC",
        "Loaded 24 Nov 2026, 12:00 UTC",
        "Entries 3",
        "Languages en, es",
        "Model fake, int8",
        "Document faq.jsonl",
        "1,234 since the start",
        "Set QA_STATE_DIR to keep those of each day",
        "Set QA_STATE_DIR to a folder, and readers can say whether an answer helped.",
        "The text of questions is not kept. With QA_STATE_DIR and QA_RECORD_QUESTIONS=true",
        "It was set without labelled questions",
    ):
        assert told in text
    assert '<svg class="days"' not in page(retriever)


def test_a_folder_that_cannot_be_used_is_told(retriever: Retriever) -> None:
    """Who has set a folder is not told to set one."""
    text = plain(page(retriever, is_wanted=True, is_recording=True))
    assert "The folder of QA_STATE_DIR can't be used; the service's log says why." in text
    assert "Set QA_STATE_DIR" not in text


def test_a_page_of_an_empty_folder(retriever: Retriever, store: Store) -> None:
    """Nothing has happened yet, and the page says so."""
    text = plain(page(retriever, store))
    for told in ("Nobody has asked anything", "Nobody has voted yet.", "No question without an answer is on record."):
        assert told in text


def filled(store: Store) -> None:
    """Questions, votes and records in a store."""
    tally = Tally()
    for outcome in ("answered", "answered", "answered", "abstained"):
        tally.count(NOW.timestamp(), outcome, 0.004)
    for text in ("red delta", "a red delta", "red delta to", "red delta do", "red delta is", "six", HOSTILE):
        tally.record(Recorded(int(NOW.timestamp()), text, "abstained", "alpha"))
    store.add(tally.take())
    for entry, helpful, reason in (
        ("alpha", True, None),
        ("alpha", False, Reason.UNCLEAR),
        ("gone", True, None),
        (None, False, None),
    ):
        store.vote(Vote(store.queries.new(), entry, helpful, reason))


def test_a_page_with_everything(retriever: Retriever, store: Store) -> None:
    """Volume, votes, groups and their nearest entries, each entry with a link to its page."""
    filled(store)
    html = page(retriever, store)
    text = plain(html)
    for told in (
        "Questions 4 in 30 days",
        "Answered 75 % in 30 days",
        "Called helpful 67 % of 3 votes on entries",
        "Half within (p50) 4.2 ms",
        "24 Nov 4 3 0 1",
        "What is alpha? unclear 1 50 % 9–91 %",
        "gone (no longer in the index) 100 %",
        "Whole results (several answers, or none)",
        "red delta 5 times, last on 24 Nov",
        "and 1 more Nearest entry: What is alpha?",
        "2 questions like no other",
    ):
        assert told in text
    assert html.count('<a href="../entry/alpha" dir="auto">What is alpha?</a>') == 2
    assert "../entry/gone" not in html
    assert html.count("<rect") == 2


def test_what_people_wrote_is_escaped(retriever: Retriever, store: Store) -> None:
    """A question's text is shown as it is; the page has no script and no style of its own."""
    filled(store)
    html = page(retriever, store)
    assert "<script" not in html
    assert " style=" not in html
    assert "&lt;script&gt;window.hit=1&lt;/script&gt;" in html


def test_an_entry_that_is_not_in_effect_has_no_link(retriever: Retriever, store: Store) -> None:
    """It is named, since its votes are still told, but has no page."""
    entries = tuple(
        replace(one, effective_to=date(2026, 1, 1)) if one.id == "alpha" else one for one in retriever.snapshot.entries
    )
    filled(store)
    html = page(Retriever(replace(retriever.snapshot, entries=entries), clock=NOW.date), store)
    assert "../entry/alpha" not in html
    assert "What is alpha? (not in effect today)" in plain(html)
    assert "Entries 2 in effect, of 3" in plain(html)


def test_long_lists_are_cut(retriever: Retriever, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out is counted, and the table has it."""
    monkeypatch.setattr("qa_service.web.admin._MOST", {"open": 1, "closed": 1, "alone": 1, "rated": 1})
    tally = Tally()
    for word in ("six", "seven", "eight"):
        for other in ("", " to", " do"):
            tally.record(Recorded(int(NOW.timestamp()), f"{word} {word}{other}", "abstained", None))
    for word in ("nine", "ten"):
        tally.record(Recorded(int(NOW.timestamp()), word, "abstained", None))
    store.add(tally.take())
    for entry in ("alpha", "beta"):
        store.vote(Vote(store.queries.new(), entry, True))
    text = plain(page(retriever, store))
    for told in (
        "2 smaller groups",
        "The largest 1; the others are in the table.",
        "2 questions like no other",
        "The newest 1; the others are in the table.",
        "The first 1 of 2 are shown.",
        "Nearest entry: none",
    ):
        assert told in text


def test_a_refused_version_is_a_warning(retriever: Retriever) -> None:
    """The reason is told, and what goes on serving."""
    made = Admin(Records(Metrics(), None, False, False, 90), lambda: NOW)
    text = plain(made.html(retriever, None, None, "v-2/vectors.npy: cut"))
    assert (
        f"A newer index version was refused. {retriever.version} goes on serving. Reason: v-2/vectors.npy: cut" in text
    )
    assert "Published" not in text
    assert "Loaded" not in text


def test_the_curve_is_a_plot_and_a_table(retriever: Retriever) -> None:
    """The threshold in use is marked in both."""
    html = page(Retriever(replace(retriever.snapshot, calibration=CALIBRATED), clock=NOW.date))
    assert html.count('class="plot"') == 1
    assert '<tr class="now" aria-current="true"><th scope="row">0.620, in&nbsp;use</th>' in html
    assert "with 20 questions that the FAQ answers and 10 that it does not" in plain(html)
    assert "0.70 55 % 11 5 % 1 0 % 0" in plain(html)
