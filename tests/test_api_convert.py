from __future__ import annotations

import json
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qa_service.api.convert import answer_out, ask_body, ask_response, batch_body, entry_out, related_out
from qa_service.api.schemas import (
    AnswerOut,
    AskResponse,
    BatchItemError,
    BatchResponse,
    EntryOut,
    ExplanationOut,
    PartOut,
    Problem,
    RelatedOut,
    SourceOut,
)
from qa_service.domain import Entry, Explanation, Match, Outcome, Part, Result, Rule, Source

_DAYS = st.none() | st.dates()
_TEXTS = st.lists(st.text(max_size=10), max_size=3).map(tuple)
_MAYBE = st.none() | st.text(max_size=10)
# Close to zero and to each other's decimals numbers are written in other ways than elsewhere.
_SHARES = st.floats(0, 1) | st.floats(0, 1e-3) | st.integers(0, 1000).map(lambda n: n / 1e6)
_NUMBERS = st.floats(-1e6, 1e6) | _SHARES | _SHARES.map(lambda share: -share)
_SOURCES = st.builds(
    Source,
    document=st.text(max_size=10),
    uri=_MAYBE,
    sha256=st.text(max_size=10),
    start=st.integers(0, 2**40),
    end=st.integers(0, 2**40),
    title=_MAYBE,
)
_ENTRIES = st.builds(
    Entry,
    id=st.text(max_size=10),
    question=st.text(max_size=30),
    answer=st.text(max_size=30),
    source=_SOURCES,
    alternates=_TEXTS,
    language=st.text(max_size=5),
    tags=_TEXTS,
    effective_from=_DAYS,
    effective_to=_DAYS,
    reviewed_at=_DAYS,
    answer_html=st.text(max_size=30),
)
_MATCHES = st.builds(
    Match,
    entry=_ENTRIES,
    score=st.floats(-1, 1),
    similarity=_SHARES | _SHARES.map(lambda share: -share),
    confidence=_SHARES,
    matched=st.text(max_size=30),
)
_EXPLANATIONS = st.builds(
    Explanation,
    rule=st.sampled_from(Rule),
    sentence=st.text(max_size=10),
    entry_id=_MAYBE,
    matched=_MAYBE,
    parts=st.lists(
        st.builds(Part, name=st.text(max_size=5), value=_NUMBERS, weight=_NUMBERS | st.just(1), adds=_NUMBERS),
        max_size=3,
    ).map(tuple),
    shared=_TEXTS,
    missing=_TEXTS,
    runner_up=_MAYBE,
    margin=st.none() | _NUMBERS,
    novelty=_NUMBERS,
    confidence=_SHARES,
    threshold=_SHARES | st.sampled_from((0, 1)),
    question_language=_MAYBE,
    languages=_TEXTS,
)
_RESULTS = st.builds(
    Result,
    outcome=st.sampled_from(Outcome),
    answers=st.lists(_MATCHES, max_size=3).map(tuple),
    related=st.lists(_MATCHES, max_size=3).map(tuple),
    index_version=st.text(max_size=10),
    languages=_TEXTS,
    explanation=st.none() | _EXPLANATIONS,
)
_PROBLEMS = st.builds(
    Problem,
    type=st.text(max_size=5),
    title=st.text(max_size=5),
    status=st.integers(400, 599),
    code=st.text(max_size=5),
    detail=st.text(max_size=5),
    errors=st.none(),
)
_DAY = date(2026, 11, 24)
_ENTRY = Entry(
    "e", "q\u2603", "a", Source("d", None, "0" * 64, 1, 2), ("x",), "en-US", ("t",), _DAY, None, _DAY, "<p>a</p>"
)


def source_of(entry: Entry) -> SourceOut:
    """The model of a source, field by field."""
    held = entry.source
    return SourceOut(
        document=held.document, title=held.title, uri=held.uri, sha256=held.sha256, start=held.start, end=held.end
    )


def answer_of(match: Match) -> AnswerOut:
    """The model of an answer, field by field."""
    entry = match.entry
    return AnswerOut(
        id=entry.id,
        question=entry.question,
        answer=entry.answer,
        answer_html=entry.answer_html,
        confidence=round(match.confidence, 6),
        similarity=round(match.similarity, 6),
        matched=match.matched,
        source=source_of(entry),
        language=entry.language,
        tags=list(entry.tags),
        reviewed_at=entry.reviewed_at,
    )


def related_of(match: Match) -> RelatedOut:
    """The model of a near entry, field by field."""
    return RelatedOut(
        id=match.entry.id,
        question=match.entry.question,
        confidence=round(match.confidence, 6),
        similarity=round(match.similarity, 6),
    )


def explanation_of(told: Explanation) -> ExplanationOut:
    """The model of an explanation, field by field."""
    return ExplanationOut(
        rule=told.rule,
        sentence=told.sentence,
        entry_id=told.entry_id,
        matched=told.matched,
        parts=[
            PartOut(name=one.name, value=round(one.value, 6), weight=one.weight, adds=round(one.adds, 6))
            for one in told.parts
        ],
        shared=list(told.shared),
        missing=list(told.missing),
        runner_up=told.runner_up,
        margin=None if told.margin is None else round(told.margin, 6),
        novelty=round(told.novelty, 6),
        confidence=round(told.confidence, 6),
        threshold=round(told.threshold, 6),
        question_language=told.question_language,
    )


def response_of(result: Result, query_id: str, took_ms: float, feedback: bool) -> AskResponse:
    """The model of a response, field by field."""
    return AskResponse(
        query_id=query_id,
        outcome=result.outcome,
        answers=[answer_of(match) for match in result.answers],
        related=[related_of(match) for match in result.related],
        languages=list(result.languages),
        index_version=result.index_version,
        took_ms=round(took_ms, 3),
        feedback=feedback,
        explanation=explanation_of(result.explanation) if result.explanation else None,
    )


def fields(model: Any) -> list[str]:
    """The names of a model's fields, as they are published."""
    return list(type(model).model_fields)


@given(_RESULTS, st.text(max_size=32), st.floats(0, 1e7) | _SHARES, st.booleans())
def test_a_body_is_the_bytes_of_its_model(result: Result, query_id: str, took_ms: float, feedback: bool) -> None:
    """A response that no model was made for is to the byte what the model of the published schema writes."""
    expected = response_of(result, query_id, took_ms, feedback)
    assert ask_body(result, query_id, took_ms, feedback) == expected.model_dump_json().encode()
    assert ask_response(result, query_id, took_ms, feedback) == expected


@given(st.lists(st.tuples(_RESULTS, st.booleans()) | _PROBLEMS, max_size=4), st.text(max_size=10), st.floats(0, 1e7))
def test_a_batch_is_the_bytes_of_its_model(items: list[Any], version: str, took_ms: float) -> None:
    """So is a batch, with its errors in their places, or with nothing in it."""
    models = [
        BatchItemError(error=item) if isinstance(item, Problem) else response_of(item[0], "id", 1.5, item[1])
        for item in items
    ]
    bodies = [
        BatchItemError(error=item).model_dump_json().encode()
        if isinstance(item, Problem)
        else ask_body(item[0], "id", 1.5, item[1])
        for item in items
    ]
    expected = BatchResponse(results=models, index_version=version, took_ms=round(took_ms, 3))
    assert batch_body(bodies, version, took_ms) == expected.model_dump_json().encode()


@given(_MATCHES)
def test_models_of_a_match(match: Match) -> None:
    """The models that mails are told in hold the same."""
    assert answer_out(match) == answer_of(match)
    assert related_out(match) == related_of(match)


def test_every_field_is_sent() -> None:
    """A field that the schema gets must be sent, even one that has a default."""
    match = Match(_ENTRY, 0.5, 0.25, 0.75, "m")
    told = Explanation(
        Rule.CLEAR,
        "s",
        "e",
        "m",
        (Part("wording", 0.5, 1.0, 0.5),),
        ("a",),
        (),
        None,
        None,
        0.0,
        0.5,
        0.5,
        "en",
        ("en",),
    )
    result = Result(Outcome.ANSWERED, (match,), (match,), "v-1", ("en",), told)
    expected = response_of(result, "id", 1.0, feedback=True)
    sent = json.loads(ask_body(result, "id", 1.0, feedback=True))
    assert expected.explanation is not None
    for written, model in (
        (sent, expected),
        (sent["answers"][0], expected.answers[0]),
        (sent["answers"][0]["source"], expected.answers[0].source),
        (sent["related"][0], expected.related[0]),
        (sent["explanation"], expected.explanation),
        (sent["explanation"]["parts"][0], expected.explanation.parts[0]),
    ):
        assert list(written) == fields(model)


def test_an_entry() -> None:
    """An entry is sent with all that was published of it."""
    assert entry_out(_ENTRY) == EntryOut(
        id="e",
        question="q\u2603",
        answer="a",
        answer_html="<p>a</p>",
        alternates=["x"],
        source=SourceOut(document="d", title=None, uri=None, sha256="0" * 64, start=1, end=2),
        language="en-US",
        tags=["t"],
        effective_from=_DAY,
        effective_to=None,
        reviewed_at=_DAY,
    )
