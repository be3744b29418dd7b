"""`qa build`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from qa_service.cli.common import Format, Formatted, IndexDir, app, format_of, stderr, stdout, told

if TYPE_CHECKING:
    from qa_service.build import BuildReport


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
    with told() as settings:
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
        _print_report(report, format_of(chosen))


@contextlib.contextmanager
def _progress() -> Iterator[Any]:
    """Bars on a terminal's standard error; silence elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not stderr.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done)

        yield progress


def _print_report(report: BuildReport, chosen: Format) -> None:
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
        stdout().print(table)
    else:
        sys.stdout.write(json.dumps(rows | {"notes": report.notes}, ensure_ascii=False) + "\n")
    for note in report.notes:
        stderr.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
