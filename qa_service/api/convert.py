"""The nouns of the service in the shapes that are sent."""

from __future__ import annotations

from qa_service.api.schemas import AnswerOut, AskResponse, EntryOut, ExplanationOut, PartOut, RelatedOut, SourceOut
from qa_service.domain import Entry, Explanation, Match, Result

_DECIMALS = 6


def answer_out(match: Match) -> AnswerOut:
    """An answer as it is sent."""
    return AnswerOut(
        id=match.entry.id,
        question=match.entry.question,
        answer=match.entry.answer,
        answer_html=match.entry.answer_html,
        confidence=round(match.confidence, _DECIMALS),
        similarity=round(match.similarity, _DECIMALS),
        matched=match.matched,
        source=_source_out(match.entry),
        language=match.entry.language,
        tags=list(match.entry.tags),
        reviewed_at=match.entry.reviewed_at,
    )


def related_out(match: Match) -> RelatedOut:
    """A near entry as it is sent, without its answer."""
    return RelatedOut(
        id=match.entry.id,
        question=match.entry.question,
        confidence=round(match.confidence, _DECIMALS),
        similarity=round(match.similarity, _DECIMALS),
    )


def _source_out(entry: Entry) -> SourceOut:
    source = entry.source
    return SourceOut(
        document=source.document,
        title=source.title,
        uri=source.uri,
        sha256=source.sha256,
        start=source.start,
        end=source.end,
    )


def ask_response(result: Result, query_id: str, took_ms: float, feedback: bool = False) -> AskResponse:
    """A result as it is sent."""
    return AskResponse(
        query_id=query_id,
        outcome=result.outcome,
        answers=[answer_out(m) for m in result.answers],
        related=[related_out(m) for m in result.related],
        languages=list(result.languages),
        index_version=result.index_version,
        took_ms=round(took_ms, 3),
        feedback=feedback,
        explanation=_explanation_out(result.explanation) if result.explanation else None,
    )


def _explanation_out(told: Explanation) -> ExplanationOut:
    parts = [
        PartOut(
            name=part.name,
            value=round(part.value, _DECIMALS),
            weight=part.weight,
            adds=round(part.adds, _DECIMALS),
        )
        for part in told.parts
    ]
    return ExplanationOut(
        rule=told.rule,
        sentence=told.sentence,
        entry_id=told.entry_id,
        matched=told.matched,
        parts=parts,
        shared=list(told.shared),
        missing=list(told.missing),
        runner_up=told.runner_up,
        margin=None if told.margin is None else round(told.margin, _DECIMALS),
        novelty=round(told.novelty, _DECIMALS),
        confidence=round(told.confidence, _DECIMALS),
        threshold=round(told.threshold, _DECIMALS),
        question_language=told.question_language,
    )


def entry_out(entry: Entry) -> EntryOut:
    """An entry as it is sent."""
    return EntryOut(
        id=entry.id,
        question=entry.question,
        answer=entry.answer,
        answer_html=entry.answer_html,
        alternates=list(entry.alternates),
        source=_source_out(entry),
        language=entry.language,
        tags=list(entry.tags),
        effective_from=entry.effective_from,
        effective_to=entry.effective_to,
        reviewed_at=entry.reviewed_at,
    )
