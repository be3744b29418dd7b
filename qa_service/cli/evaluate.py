"""`qa eval`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from qa_service.cli.common import Format, Formatted, IndexDir, app, format_of, open_retriever, stderr, stdout, told
from qa_service.domain import Query
from qa_service.errors import FaqError, QaError

if TYPE_CHECKING:
    from qa_service.evaluation import Evaluation


@app.command("eval")
def evaluate_index(
    file: Annotated[Path, typer.Argument(help="Labelled questions, one JSON object a line.", show_default=False)],
    index: IndexDir = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a report with plots to this file.", show_default=False)
    ] = None,
    chosen: Formatted = None,
) -> None:
    """Measure the index on labelled questions, and say where it goes wrong."""
    with told() as settings:
        from qa_service import labels, report  # noqa: PLC0415 (only this command needs them)
        from qa_service.evaluate import DEPTH  # noqa: PLC0415 (as above)
        from qa_service.evaluation import evaluation_of, learned_questions  # noqa: PLC0415 (as above)

        retriever = open_retriever(index or settings.index_dir, settings.vector_engine)
        entries = {entry.id: entry for entry in retriever.snapshot.entries}
        questions = labels.read(file, entries)
        if not questions:
            raise FaqError("holds no question", file.name)
        results = retriever.ask([Query(q.text, top=DEPTH) for q in questions])
        learned = int(learned_questions(retriever.snapshot, questions).sum())
        evaluation = evaluation_of(results, questions, retriever.snapshot.calibration, learned)
        if html:
            _write(html, report.page(evaluation, entries))
        _print(evaluation, format_of(chosen))


def _write(path: Path, page: str) -> None:
    try:
        path.write_text(page, "utf-8")
    except OSError as exc:
        raise QaError(f"{path}: can't be written ({exc.strerror}); name a file in a folder that exists") from None


def _print(evaluation: Evaluation, chosen: Format) -> None:
    if chosen is Format.TABLE:
        _print_table(evaluation)
    else:
        indent = 2 if chosen is Format.JSON else None
        sys.stdout.write(json.dumps(evaluation.to_json(), ensure_ascii=False, indent=indent) + "\n")
    if evaluation.warning:
        stderr.print(
            f"warning: {evaluation.warning}", style="bold yellow", markup=False, highlight=False, soft_wrap=True
        )


def _print_table(evaluation: Evaluation) -> None:
    from qa_service.evaluation import FIGURES, shown  # noqa: PLC0415 (only this command needs them)

    out = stdout()
    out.print(
        f"{evaluation.version}: {evaluation.answerable} answerable and {evaluation.unanswerable} unanswerable questions, "
        f"threshold {evaluation.calibration.answer_threshold:.3f}",
        style="bold",
        soft_wrap=True,
    )
    built = evaluation.calibration.figures
    table = Table("figure", box=None)
    for column in ("value", "95 % interval", "at the build"):
        table.add_column(column, justify="right")
    for name, figure in evaluation.figures.items():
        ends = f"{shown(name, figure.interval.low)} to {shown(name, figure.interval.high)}"
        at_build = shown(name, built[name]) if name in built else ""
        table.add_row(FIGURES[name], shown(name, figure.value), ends, at_build)
    out.print(table)
