"""`qa ask` and `qa entries`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.table import Table

from qa_service.cli.common import (
    Format,
    Formatted,
    IndexDir,
    app,
    format_of,
    open_retriever,
    print_models,
    stdout,
    told,
)
from qa_service.domain import Explanation, Outcome, Query, Result
from qa_service.observe import new_id

ABSTAINED = 3


@app.command()
def ask(  # noqa: PLR0913 (one parameter an option)
    questions: Annotated[list[str] | None, typer.Argument(help="Questions; none or - reads one a line.")] = None,
    top: Annotated[int, typer.Option(min=1, max=20, help="How many entries come back at most.")] = 3,
    language: Annotated[str | None, typer.Option(help="Only entries in this language.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only entries that carry this tag; may be repeated.")] = None,
    why: Annotated[bool, typer.Option("--explain", help="Say why; it changes nothing in the answer.")] = False,
    index: IndexDir = None,
    chosen: Formatted = None,
) -> None:
    """Ask the index directly. Exits 0 where there is an answer and 3 where there is none."""
    with told() as settings:
        retriever = open_retriever(index or settings.index_dir, settings.vector_engine)
        form = format_of(chosen)
        answered = 0
        responses: list[BaseModel] = []
        for text in _asked(questions):
            begun = time.perf_counter()
            result = retriever.ask([Query(text, top, language, tuple(tag or ()), why)])[0]
            answered += result.outcome is not Outcome.ABSTAINED
            if form is Format.TABLE:
                _print_result(result)
            else:
                from qa_service.api.convert import ask_response  # noqa: PLC0415 (a table does not need it)

                response = ask_response(result, new_id(), (time.perf_counter() - begun) * 1000)
                if form is Format.JSONL:
                    print_models([response], form)
                else:
                    responses.append(response)
        if form is Format.JSON:
            print_models(responses, form)
        if not answered:
            raise typer.Exit(ABSTAINED)


def _asked(questions: Sequence[str] | None) -> Iterator[str]:
    if questions and list(questions) != ["-"]:
        yield from questions
        return
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(errors="surrogateescape")  # bytes that are no text become a question that is refused
    for line in sys.stdin:
        if line.strip():
            yield line.strip()


def _print_result(result: Result) -> None:
    out = stdout()
    headline = {
        Outcome.ANSWERED: "Official answer",
        Outcome.AMBIGUOUS: "Several entries may be meant",
        Outcome.ABSTAINED: "There is no official answer to this",
    }[result.outcome]
    out.print(f"{headline}", style="bold")
    for match in result.answers:
        out.print(f"\n{match.entry.question}", style="bold cyan")
        out.print(match.entry.answer, soft_wrap=True)
        source = match.entry.source
        out.print(
            f"confidence {match.confidence:.2f}, similarity {match.similarity:.2f} - "
            f"{source.uri or source.document}, bytes {source.start} to {source.end}",
            style="dim",
        )
    if result.related:
        table = Table("confidence", "similarity", "related official question", box=None, title_justify="left")
        for match in result.related:
            table.add_row(f"{match.confidence:.2f}", f"{match.similarity:.2f}", match.entry.question)
        out.print()
        out.print(table)
    if result.explanation:
        _print_explanation(result.explanation)
    out.print()


def _print_explanation(told: Explanation) -> None:
    out = stdout()
    out.print(
        f"\nWhy: {told.sentence} (confidence {told.confidence:.2f}, threshold {told.threshold:.2f}).", soft_wrap=True
    )
    if told.question_language:
        out.print(
            f"The question is in {told.question_language}; the FAQ has {', '.join(told.languages)}.", soft_wrap=True
        )
    if told.matched:
        out.print(f"Nearest wording: {told.matched}", soft_wrap=True)
    if told.parts:
        table = Table("signal", "value", "weight", "adds", box=None)
        for part in told.parts:
            table.add_row(part.name, f"{part.value:.3f}", f"{part.weight:.2f}", f"{part.adds:.3f}")
        out.print(table)
    out.print(
        f"Words it shares: {', '.join(told.shared) or 'none'}. Missing: {', '.join(told.missing) or 'none'}.",
        soft_wrap=True,
    )
    if told.runner_up is not None:
        out.print(f"Runner-up: {told.runner_up}, {told.margin:.3f} behind in score.", soft_wrap=True)


@app.command()
def entries(index: IndexDir = None, chosen: Formatted = None) -> None:
    """List the official questions and answers in effect."""
    with told() as settings:
        from qa_service.api.convert import entry_out  # noqa: PLC0415 (heavy; not every command needs it)

        held = open_retriever(index or settings.index_dir, settings.vector_engine).effective_entries()
        form = format_of(chosen)
        if form is not Format.TABLE:
            print_models([entry_out(e) for e in held], form)
            return
        table = Table("id", "question", "source", box=None)
        for e in held:
            table.add_row(e.id, e.question, f"{e.source.document}:{e.source.start}-{e.source.end}")
        stdout().print(table)
