"""`qa gate`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from qa_service.cli.common import Format, Formatted, IndexDir, app, format_of, stderr, stdout, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qa_service.gate import Change, Standing

FOUND = 4


@app.command()
def gate(  # noqa: PLR0913 (one parameter an option)
    old: Annotated[
        str, typer.Argument(help="A version (v-…), `current`, `previous`, or a path to a version's folder.")
    ],
    new: Annotated[str, typer.Argument(help="The version to compare with it, named the same way.")],
    questions: Annotated[Path, typer.Argument(help="Labelled questions, one JSON object a line.")],
    index: IndexDir = None,
    allow: Annotated[int, typer.Option(min=0, help="How many losses are tolerated.")] = 0,
    chosen: Formatted = None,
) -> None:
    """List the labelled questions whose nearest entry or outcome an edit of the FAQ changed.

    A loss: the right entry was nearest or answered and is no more, a wrong answer took the place of none, or a question
    without an answer gets one now. Exits 0 without a loss, 4 with more losses than are allowed, 1 on an error.
    """
    with told() as settings:
        from qa_service import gate as gates  # noqa: PLC0415 (heavy; not every command needs it)
        from qa_service import labels  # noqa: PLC0415 (as above)
        from qa_service.artifact import read  # noqa: PLC0415 (as above)
        from qa_service.retriever import Retriever  # noqa: PLC0415 (as above)

        root = index or settings.index_dir
        asked = labels.read(questions)
        folders = [gates.locate(root, name) for name in (old, new)]
        before, after = (Retriever(read.read(folder, settings.vector_engine)) for folder in folders)
        changes = gates.compare(before, after, asked)
        counts = Counter(change.kind for change in changes)
        report = {
            "old": before.version,
            "new": after.version,
            "questions": len(asked),
            "notes": list(gates.differences(before, after)),
            "counts": {kind.value: counts[kind] for kind in gates.Kind},
        }
        _print(changes, report, format_of(chosen))
        if counts[gates.Kind.LOSS] > allow:
            raise typer.Exit(FOUND)


def _print(changes: Sequence[Change], report: dict[str, Any], form: Format) -> None:
    if form is Format.JSON:
        sys.stdout.write(json.dumps(report | {"changes": [_flat(c) for c in changes]}, ensure_ascii=False, indent=2))
        sys.stdout.write("\n")
        return
    out = stdout() if form is Format.TABLE else stderr
    for note in report["notes"]:
        out.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
    if form is Format.TABLE:
        _print_table(changes)
    else:
        sys.stdout.writelines(json.dumps(_flat(c), ensure_ascii=False) + "\n" for c in changes)
    counted = ", ".join(f"{kind} {count}" for kind, count in report["counts"].items())
    line = f"{report['questions']} questions, {report['old']} to {report['new']}: {counted}"
    out.print(line, markup=False, highlight=False, soft_wrap=True)


def _flat(change: Change) -> dict[str, Any]:
    values = asdict(change)
    asked = values.pop("question")
    return {"kind": values.pop("kind"), "text": asked["text"], "entry_ids": list(asked["entry_ids"]), **values}


def _print_table(changes: Sequence[Change]) -> None:
    from qa_service.gate import Kind  # noqa: PLC0415 (heavy; not every command needs it)

    if not changes:
        return
    table = Table(box=None)
    for heading in ("what", "question", "right", "before", "now"):
        table.add_column(heading, overflow="fold")  # an id that is cut can't be looked up
    for change in sorted(changes, key=lambda c: list(Kind).index(c.kind)):
        right = ", ".join(change.question.entry_ids) or "(no answer)"
        table.add_row(change.kind, change.question.text, right, _told(change.old), _told(change.new))
    stdout().print(table)


def _told(standing: Standing) -> str:
    return f"{standing.outcome}, {standing.winner or 'nothing'} ({standing.confidence:.2f})"
