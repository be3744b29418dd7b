from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.bootstrap import Interval
from qa_service.confidence import Calibration
from qa_service.domain import Entry, LabelledQuestion, Match, Outcome, Result, Source
from qa_service.evaluation import FIGURES, Evaluation, Figure, evaluation_of, shown
from qa_service.mistakes import Slip
from qa_service.report import MOST_MISTAKES, page
from tests.tags import Tags

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> \"'&amp; </style>"
CALIBRATION = Calibration(answer_threshold=0.6, figures={"top_1": 0.75, "labelled_questions": 8.0})


def entry(entry_id: str, question: str = "", language: str = "en") -> Entry:
    return Entry(entry_id, question or f"What is {entry_id}?", "That.", Source("d", None, "0", 0, 5), language=language)


def found(confidences: dict[str, float], answers: int) -> Result:
    matches = tuple(Match(entry(i), c, c, c, "What?") for i, c in confidences.items())
    outcome = (Outcome.ABSTAINED, Outcome.ANSWERED, Outcome.AMBIGUOUS)[min(answers, 2)]
    return Result(outcome, matches[:answers], matches[answers:], "v-0")


ENTRIES = {i: entry(i) for i in "abc"}
# One question of each kind: right, every slip, and an abstention that is right.
ASKED = [
    (found({"a": 0.9, "b": 0.1}, 1), LabelledQuestion("right", ("a",))),
    (found({"b": 0.8, "a": 0.1}, 1), LabelledQuestion("wrong answer", ("a",))),
    (found({"b": 0.95, "a": 0.1}, 1), LabelledQuestion("surer wrong answer", ("a",))),
    (found({"c": 0.7, "a": 0.1}, 1), LabelledQuestion("no answer exists", ())),
    (found({"b": 0.5, "c": 0.5, "a": 0.1}, 2), LabelledQuestion("wrong choices", ("a",))),
    (found({"b": 0.5, "a": 0.5, "c": 0.1}, 2), LabelledQuestion("later choice", ("a",))),
    (found({"b": 0.4, "a": 0.1}, 0), LabelledQuestion("far miss", ("a",))),
    (found({"a": 0.5, "b": 0.1}, 0), LabelledQuestion("near miss", ("a", "c"))),
    (found({"a": 0.3, "b": 0.1}, 0), LabelledQuestion("nearer miss", ("a",))),
    (found({"a": 0.2, "b": 0.1}, 0), LabelledQuestion("rightly silent", ())),
]


def evaluated(asked: list[tuple[Result, LabelledQuestion]] | None = None, learned: int = 0) -> Evaluation:
    held = ASKED if asked is None else asked
    return evaluation_of([r for r, _ in held], [q for _, q in held], CALIBRATION, learned)


EVALUATED = evaluated()


def test_figures_by_hand() -> None:
    """Eight answerable and two unanswerable questions: each figure is the one that can be counted."""
    values = {name: round(f.value, 6) for name, f in evaluated().figures.items()}
    joint = [0.95, 0.9, 0.8, 0.75, 0.75, 0.7, 0.5, 0.4, 0.3, 0.2]
    right = [0, 1, 0, 0, 0, 0, 1, 0, 1, 0]
    at = [sum(j >= joint[i] for j in joint) for i in range(10)]
    risks = [1 - sum(right[: at[i]]) / at[i] for i in range(10)]
    # In bins of 1/15: 0.2 | 0.3 | 0.4 | three of 0.5, one right | 0.7 | 0.8 | 0.9 | 0.95; 0.2 is in bin 3, 0.4 in 6.
    error = (0.2 + 0.7 + 0.4 + (1.5 - 1) + 0.7 + 0.8 + 0.1 + 0.95) / 10
    assert values == {
        "top_1": 3 / 8,
        "mrr_10": round((3 + 4 * 1 / 2 + 1 / 3) / 8, 6),
        "recall_3": 1.0,
        "recall_5": 1.0,
        "recall_10": 1.0,
        "answerable_answered_right": 1 / 8,
        "answerable_answered_wrong": 4 / 8,
        "answerable_ambiguous": 2 / 8,
        "answerable_abstained": 3 / 8,
        "unanswerable_answered": 1 / 2,
        "abstention_auroc": round((8 + 3) / 16, 6),
        "calibration_error": round(error, 6),
        "aurc": round(sum(risks) / 10, 6),
    }
    assert list(values) == list(FIGURES)


def test_mistakes_are_sorted_worst_first() -> None:
    """Wrong answers come before missing ones; the surer a wrong one and the less sure a missing one, the earlier."""
    assert [(m.text, m.slip) for m in evaluated().mistakes] == [
        ("surer wrong answer", Slip.WRONG_ANSWER),
        ("wrong answer", Slip.WRONG_ANSWER),
        ("no answer exists", Slip.NO_ANSWER_EXISTS),
        ("wrong choices", Slip.WRONG_CHOICES),
        ("later choice", Slip.LATER_CHOICE),
        ("far miss", Slip.FAR_MISS),
        ("nearer miss", Slip.NEAR_MISS),
        ("near miss", Slip.NEAR_MISS),
    ]


def test_figures_without_a_population_are_left_out() -> None:
    """Without unanswerable questions there is nothing to say of them; without answerable ones neither."""
    answerable = evaluated([p for p in ASKED if p[1].entry_ids]).figures
    unanswerable = evaluated([p for p in ASKED if not p[1].entry_ids]).figures
    assert set(FIGURES) - set(answerable) == {"unanswerable_answered", "abstention_auroc"}
    assert set(unanswerable) == {"unanswerable_answered", "calibration_error", "aurc"}


def test_shares_are_shown_as_percentages() -> None:
    """The others are numbers with three decimals."""
    assert (shown("top_1", 0.9714), shown("mrr_10", 0.98765)) == ("97.1%", "0.988")


def test_an_evaluation_is_the_same_each_time() -> None:
    """Intervals come from fixed random numbers, and can be written as JSON."""
    first = evaluated().to_json()
    assert json.loads(json.dumps(first)) == json.loads(json.dumps(evaluated().to_json()))
    assert first["figures"]["recall_3"] == {"value": 1.0, "low": 1.0, "high": 1.0, "size": 8}
    assert (first["figures_of_the_build"], first["warning"]) == (dict(CALIBRATION.figures), None)
    assert evaluated().figures["recall_3"] == Figure(1.0, Interval(1.0, 1.0), 8)


def test_the_page_stands_alone() -> None:
    """No script, no address, no style outside the one style element, whose hash the page's own policy allows."""
    text = page(evaluated(), ENTRIES)
    read = Tags(text)
    allowed = {
        *(
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "main",
            "h1",
            "h2",
            "p",
            "ul",
            "ol",
            "li",
            "strong",
            "small",
        ),
        *(
            "div",
            "span",
            "table",
            "caption",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "figure",
            "figcaption",
            "q",
            "i",
            "bdi",
        ),
        *("dl", "dt", "dd", "svg", "desc", "line", "polyline", "rect", "circle", "text"),
    }
    assert {tag for tag, _ in read.elements} == allowed
    assert [] == [
        a for _, a in read.elements for name in a if name in ("src", "href", "style") or name.startswith("on")
    ]
    assert "url(" not in text
    assert "@import" not in text
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [a["content"] for a in read.named("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]


def test_the_page_can_be_read_by_everybody() -> None:
    """Language, viewport, named images, captions, and a scope on every heading cell; ids are unique."""
    text = page(evaluated(), ENTRIES)
    read = Tags(text)
    assert read.named("html") == [{"lang": "en"}]
    assert "width=device-width, initial-scale=1" in [a.get("content") for a in read.named("meta")]
    assert [a["role"] for a in read.named("svg")] == ["img"] * 5
    assert len(read.named("caption")) == len(read.named("table")) == 3
    assert {a["scope"] for a in read.named("th")} == {"col", "row"}
    ids = [a["id"] for _, a in read.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_the_page_shows_the_figures() -> None:
    """Values and those of the build stand in the table; the threshold in use is marked."""
    text = page(evaluated(), ENTRIES)
    row = r"<tr><th scope=\"row\">Nearest entry right <small>\(of 8\)</small></th><td>37.5%</td><td>[^<]+</td><td>75.0%</td></tr>"
    assert len(re.findall(row, text)) == 1
    now = re.findall(r"<tr class=\"now\" aria-current=\"true\">(.*?)</tr>", text)
    assert now == [
        '<th scope="row">0.600, now</th><td>12.5% (1)</td><td>50.0% (4)</td><td>50.0% (1)</td>',
    ]
    assert ">0.60<" not in text
    assert ">0.65<" in text


def test_confusions_and_mistakes_name_entries() -> None:
    """Entries are shown by their official questions in their language, and by their ids where the index has none."""
    text = page(evaluated(), {"a": entry("a", "¿Qué es a?", "es"), "b": entry("b")})
    assert (
        '<tr><th scope="row"><bdi lang="es">¿Qué es a?</bdi></th><td class=text><bdi lang="en">What is b?</bdi></td>'
        "<td>5</td><td>4</td></tr>" in text
    )
    assert '<i>none: the FAQ has no answer</i></th><td class=text><bdi class="id">c</bdi></td><td>1</td>' in text
    assert '<bdi lang="es">¿Qué es a?</bdi> or <bdi class="id">c</bdi></dd></dl>' in text


def test_learned_questions_are_told() -> None:
    """The warning has the numbers; without learned questions there is none."""
    warning = "10 questions were learned by this index at its build; its figures for them are flattering"
    assert f"<strong>Warning:</strong> 4 of {warning}" in page(evaluated(learned=4), ENTRIES)
    assert "Warning" not in page(evaluated(), ENTRIES)


def test_only_the_worst_are_listed() -> None:
    """Of 60 mistakes 50 are shown, and the page says so."""
    text = page(evaluated([ASKED[1]] * 60), ENTRIES)
    assert "60 in all, the first 50 of 60, worst first." in text
    assert len(Tags(text).named("q")) == MOST_MISTAKES


def test_nothing_went_wrong() -> None:
    """A page of right answers says so, and leaves out what it can't say."""
    text = page(evaluated([ASKED[0]]), ENTRIES)
    Tags(text)
    assert "No entry was found instead of another." in text
    assert "<h2>Questions that went wrong</h2>\n<p>None.</p>" in text
    assert "<td>\u2013</td></tr>" in text


def test_nothing_was_found() -> None:
    """Where no entry is in effect, the page names none."""
    text = page(evaluated([(found({}, 0), LabelledQuestion("q", ("a",)))]), ENTRIES)
    assert "<dt>Nearest</dt><dd><i>nothing</i></dd>" in text


@pytest.mark.parametrize("hostile", [HOSTILE, "\u202etxt.exe\u202c", "]]>--><!--"])
def test_hostile_text_stays_text(hostile: str) -> None:
    """Questions, ids and official questions with markup add no element."""
    ids = {"a": hostile, "b": f"{hostile}b"}
    asked = [
        (found({ids["b"]: 0.9, ids["a"]: 0.1}, 1), LabelledQuestion(hostile, (ids["a"],))),
        (found({ids["b"]: 0.9}, 1), LabelledQuestion(hostile, ("unknown" + hostile,))),
    ]
    plain = page(evaluated([(r, LabelledQuestion("q", q.entry_ids)) for r, q in asked]), {})
    made = page(evaluated(asked), {i: entry(i, hostile, '"><script>') for i in ids.values()})
    tags = [tag for tag, _ in Tags(made).elements]
    assert tags == [tag for tag, _ in Tags(plain).elements]
    assert "\u202e" not in made


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30))
def test_any_question_can_be_shown(text: str) -> None:
    """Whatever is asked, the page stays well-formed, and its only scripts are none."""
    one = EVALUATED.mistakes[0]
    made = page(replace(EVALUATED, mistakes=(replace(one, text=text, expected=(text,), found=text),)), ENTRIES)
    assert Tags(made).named("script") == []
