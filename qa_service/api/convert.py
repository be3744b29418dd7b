"""The nouns of the service in the shapes that are sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from qa_service.api.schemas import AnswerOut, AskResponse, EntryOut, RelatedOut, SourceOut
from qa_service.domain import Entry, Explanation, Match, Result

_DECIMALS = 6


def answer_out(match: Match) -> AnswerOut:
    """An answer as it is sent."""
    return AnswerOut.model_validate(_answer(match))


def related_out(match: Match) -> RelatedOut:
    """A near entry as it is sent, without its answer."""
    return RelatedOut.model_validate(_related(match))


def ask_response(result: Result, query_id: str, took_ms: float, feedback: bool = False) -> AskResponse:
    """A result as it is sent."""
    return AskResponse.model_validate(_response(result, query_id, took_ms, feedback))


def ask_body(result: Result, query_id: str, took_ms: float, feedback: bool = False) -> bytes:
    """The JSON of an `AskResponse`, without making one: that takes longer than anything else about a response."""
    return to_json(_response(result, query_id, took_ms, feedback))


def batch_body(results: Sequence[bytes], index_version: str, took_ms: float) -> bytes:
    """The JSON of a `BatchResponse`, from that of its results."""
    rest = to_json({"index_version": index_version, "took_ms": round(took_ms, 3)})
    return b'{"results":[%b],%b' % (b",".join(results), rest[1:])


def entry_out(entry: Entry) -> EntryOut:
    """An entry as it is sent."""
    return EntryOut(
        id=entry.id,
        question=entry.question,
        answer=entry.answer,
        answer_html=entry.answer_html,
        alternates=list(entry.alternates),
        source=SourceOut.model_validate(_source(entry)),
        language=entry.language,
        tags=list(entry.tags),
        effective_from=entry.effective_from,
        effective_to=entry.effective_to,
        reviewed_at=entry.reviewed_at,
    )


# What follows are the fields of the models in `schemas` of the same names, in their order, of plain types: a text that is an
# enumeration's takes several times as long to write.


def _response(result: Result, query_id: str, took_ms: float, feedback: bool) -> dict[str, Any]:
    fields = {
        "query_id": query_id,
        "outcome": str(result.outcome),
        "answers": [_answer(match) for match in result.answers],
        "related": [_related(match) for match in result.related],
        "languages": result.languages,
        "index_version": result.index_version,
        "took_ms": round(took_ms, 3),
        "feedback": feedback,
    }
    if result.explanation is not None:
        fields["explanation"] = _explanation(result.explanation)
    return fields


def _answer(match: Match) -> dict[str, Any]:
    entry = match.entry
    return {
        "id": entry.id,
        "question": entry.question,
        "answer": entry.answer,
        "answer_html": entry.answer_html,
        "confidence": round(match.confidence, _DECIMALS),
        "similarity": round(match.similarity, _DECIMALS),
        "matched": match.matched,
        "source": _source(entry),
        "language": entry.language,
        "tags": entry.tags,
        "reviewed_at": entry.reviewed_at,
    }


def _related(match: Match) -> dict[str, Any]:
    return {
        "id": match.entry.id,
        "question": match.entry.question,
        "confidence": round(match.confidence, _DECIMALS),
        "similarity": round(match.similarity, _DECIMALS),
    }


def _source(entry: Entry) -> dict[str, Any]:
    source = entry.source
    return {
        "document": source.document,
        "title": source.title,
        "uri": source.uri,
        "sha256": source.sha256,
        "start": source.start,
        "end": source.end,
    }


def _explanation(told: Explanation) -> dict[str, Any]:
    # What a calibration holds may be a whole number.
    return {
        "rule": str(told.rule),
        "sentence": told.sentence,
        "entry_id": told.entry_id,
        "matched": told.matched,
        "parts": [
            {
                "name": part.name,
                "value": round(part.value, _DECIMALS),
                "weight": float(part.weight),
                "adds": round(part.adds, _DECIMALS),
            }
            for part in told.parts
        ],
        "shared": told.shared,
        "missing": told.missing,
        "runner_up": told.runner_up,
        "margin": None if told.margin is None else round(told.margin, _DECIMALS),
        "novelty": round(told.novelty, _DECIMALS),
        "confidence": round(told.confidence, _DECIMALS),
        "threshold": round(float(told.threshold), _DECIMALS),
        "question_language": told.question_language,
    }
