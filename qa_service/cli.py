"""The command line: `qa build | serve | ask | entries | rollback | doctor`."""

from __future__ import annotations

import contextlib
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from qa_service import __version__
from qa_service.config import Settings
from qa_service.domain import Outcome, Query
from qa_service.errors import QaError

ABSTAINED = 3

app = typer.Typer(
    help="Find the official answer to a question asked in your own words, or learn that there is none.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_stderr = Console(stderr=True, emoji=False)


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"


IndexDir = Annotated[Path | None, typer.Option("--index", help="Folder of the index versions.", show_default="index")]
Formatted = Annotated[
    Format | None,
    typer.Option("--format", help="A table on a terminal, JSON lines in a pipe, unless you say.", show_default=False),
]


@contextlib.contextmanager
def _told() -> Iterator[Settings]:
    """Give a command its settings, and turn what it can't do into a sentence and an exit status."""
    try:
        yield Settings()
    except QaError as exc:
        _stderr.print(f"qa: {exc}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(exc.exit_status) from None
    except ValidationError as exc:
        wrong = "; ".join(f"QA_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in exc.errors())
        _stderr.print(f"qa: a setting can't be used: {wrong}", style="bold red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


def _stdout() -> Console:
    """Standard output without any magic: official answers are printed as they are."""
    return Console(markup=False, highlight=False, emoji=False)


def _format(chosen: Format | None) -> Format:
    return chosen or (Format.TABLE if sys.stdout.isatty() else Format.JSONL)


def _print_models(models: Sequence[BaseModel], chosen: Format) -> None:
    if chosen is Format.JSON:
        sys.stdout.write("[" + ",\n".join(m.model_dump_json(indent=2) for m in models) + "]\n")
    else:
        sys.stdout.writelines(m.model_dump_json() + "\n" for m in models)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"qa {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Commands read their settings from QA_… variables; see README for the table."""


@app.command()
def build(  # noqa: PLR0913 (one parameter an option)
    sources: Annotated[list[Path] | None, typer.Argument(help="FAQ files or folders.", show_default="data")] = None,
    index: IndexDir = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Labelled questions that choose the threshold.", show_default="questions.jsonl beside the FAQ"
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="A sentence-transformers model, by name or folder.")] = None,
    language: Annotated[str | None, typer.Option(help="Language of entries that do not name their own.")] = None,
    keep: Annotated[int | None, typer.Option(min=1, help="Index versions to keep.")] = None,
    chosen: Formatted = None,
) -> None:
    """Embed the official FAQ and publish it as a new index version."""
    with _told() as settings:
        from qa_service import build as building  # noqa: PLC0415 (only a build needs it)
        from qa_service import export, loaders  # noqa: PLC0415 (as above)

        paths = sources or [settings.data_dir]
        beside = [p / loaders.LABELS_NAME if p.is_dir() else p.parent / loaders.LABELS_NAME for p in paths]
        request = building.BuildRequest(
            sources=paths,
            index_dir=index or settings.index_dir,
            labels=labels or next((p for p in beside if p.exists()), None),
            model=settings.model if model is None else model,
            language=language or settings.language,
            keep_versions=keep or settings.keep_versions,
        )
        with _progress() as progress:
            report = building.build(request, export.load, progress)
        _print_report(report, _format(chosen))


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """Bars on a terminal's standard error; silence elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_stderr, transient=True, disable=not _stderr.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done)

        yield progress


def _print_report(report: Any, chosen: Format) -> None:  # noqa: ANN401 (the type lives in a module that only a build imports)
    figures = report.calibration.figures
    rows = {
        "version": report.version + ("" if report.created else " (the same content was published before)"),
        "documents": ", ".join(report.documents),
        "entries": f"{report.entries} ({report.rows} vectors)",
        "model": f"{report.model}, {report.fidelity.precision}: {report.fidelity.reason}",
        "threshold": f"{report.calibration.answer_threshold:.3f}",
        "seconds": f"{report.seconds:.1f}",
    }
    if figures:
        rows["labelled"] = (
            f"{figures['labelled_questions']:.0f} questions: nearest entry right {figures['top_1']:.1%}, "
            f"answered right {figures['answerable_answered_right']:.1%}, "
            f"answered without having an answer {figures['unanswerable_answered']:.1%}"
        )
    if chosen is Format.TABLE:
        table = Table(show_header=False, box=None)
        for name, value in rows.items():
            table.add_row(name, value)
        _stdout().print(table)
    else:
        import json  # noqa: PLC0415 (the one use)

        sys.stdout.write(json.dumps(rows | {"notes": report.notes}, ensure_ascii=False) + "\n")
    for note in report.notes:
        _stderr.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    index: IndexDir = None,
) -> None:
    """Serve questions over HTTP."""
    with _told() as settings:
        import uvicorn  # noqa: PLC0415 (only the server needs it)

        from qa_service.api.app import create_app  # noqa: PLC0415 (as above)

        chosen = settings.model_copy(
            update={k: v for k, v in {"host": host, "port": port, "index_dir": index}.items() if v is not None}
        )
        host_part = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
        address = f"http://{host_part}:{chosen.port}"
        _stderr.print(f"Serving on {address}. Ask it something:\n", highlight=False)
        _stderr.print(
            f"curl -s {address}/v1/ask -H 'Content-Type: application/json' \\\n"
            '  -d \'{"question": "If our profile extension is granted, are we still certified?"}\'\n',
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        uvicorn.run(
            create_app(chosen),
            host=chosen.host,
            port=chosen.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )


@app.command()
def ask(  # noqa: PLR0913 (one parameter an option)
    questions: Annotated[list[str] | None, typer.Argument(help="Questions; none or - reads one a line.")] = None,
    top: Annotated[int, typer.Option(min=1, max=20, help="How many entries come back at most.")] = 3,
    language: Annotated[str | None, typer.Option(help="Only entries in this language.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only entries that carry this tag; may be repeated.")] = None,
    index: IndexDir = None,
    chosen: Formatted = None,
) -> None:
    """Ask the index directly. Exits 0 where there is an answer and 3 where there is none."""
    with _told() as settings:
        retriever = _open(index or settings.index_dir, settings.vector_engine)
        form = _format(chosen)
        answered = 0
        responses: list[BaseModel] = []
        for text in _asked(questions):
            begun = time.perf_counter()
            result = retriever.ask([Query(text, top, language, tuple(tag or ()))])[0]
            answered += result.outcome is not Outcome.ABSTAINED
            if form is Format.TABLE:
                _print_result(result)
            else:
                from qa_service.api.schemas import ask_response  # noqa: PLC0415 (a table does not need it)

                response = ask_response(result, uuid.uuid4().hex, (time.perf_counter() - begun) * 1000)
                if form is Format.JSONL:
                    _print_models([response], form)
                else:
                    responses.append(response)
        if form is Format.JSON:
            _print_models(responses, form)
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


def _open(root: Path, engine: str) -> Any:  # noqa: ANN401 (the retriever's module is imported here only)
    from qa_service.artifact import publish, read  # noqa: PLC0415 (heavy; not every command needs it)
    from qa_service.retriever import Retriever  # noqa: PLC0415 (as above)

    return Retriever(read.read(root / publish.current(root), engine))


def _print_result(result: Any) -> None:  # noqa: ANN401 (as above)
    out = _stdout()
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
    out.print()


@app.command()
def entries(index: IndexDir = None, chosen: Formatted = None) -> None:
    """List the official questions and answers in effect."""
    with _told() as settings:
        from qa_service.api.schemas import entry_out  # noqa: PLC0415 (heavy; not every command needs it)

        held = _open(index or settings.index_dir, settings.vector_engine).effective_entries()
        form = _format(chosen)
        if form is not Format.TABLE:
            _print_models([entry_out(e) for e in held], form)
            return
        table = Table("id", "question", "source", box=None)
        for e in held:
            table.add_row(e.id, e.question, f"{e.source.document}:{e.source.start}-{e.source.end}")
        _stdout().print(table)


@app.command()
def rollback(
    version: Annotated[str | None, typer.Argument(help="A version; the one before, if you name none.")] = None,
    index: IndexDir = None,
) -> None:
    """Point to an earlier index version; a running service takes it up by itself."""
    with _told() as settings:
        from qa_service.artifact import publish  # noqa: PLC0415 (heavy; not every command needs it)

        typer.echo(publish.rollback(index or settings.index_dir, version))


@app.command()
def doctor(index: IndexDir = None) -> None:
    """Say in plain words what is wrong with this installation, if anything is."""
    with _told() as settings:
        from qa_service.doctor import examine  # noqa: PLC0415 (heavy; not every command needs it)

        findings = examine(index or settings.index_dir, settings)
        out = _stdout()
        for finding in findings:
            out.print(f"{'ok  ' if finding.well else 'FAIL'}  {finding.subject}: {finding.sentence}", soft_wrap=True)
        if not all(f.well for f in findings):
            raise typer.Exit(1)
