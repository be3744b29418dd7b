"""What `qa mail` shows and leaves: progress, exports, and what it prints."""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from qa_service.cli.common import Format, stderr, stdout
from qa_service.errors import QaError
from qa_service.mail.base import Status

if TYPE_CHECKING:
    from qa_service.api.mailing import MailResponse
    from qa_service.batch.desk import Drafting
    from qa_service.batch.ledger import Ledger
    from qa_service.batch.settle import Done

_NEEDS_A_PERSON = (Status.ERROR, Status.PARTIAL, Status.ABSTAINED)
_SHOWN = 20


@dataclass(frozen=True)
class Wanted:
    """What a run is to leave behind."""

    html: Path | None
    csv: Path | None
    xlsx: Path | None
    drafting: Drafting | None
    drafts_folder: Path


@contextlib.contextmanager
def progress() -> Iterator[Callable[[Done], None]]:
    """A line on a terminal's standard error: mails done, and how many a second."""
    if not stderr.is_terminal:
        yield lambda _done: None
        return
    columns = (TextColumn("{task.completed} mails"), TextColumn("{task.fields[rate]}"), TimeElapsedColumn())
    with Progress(*columns, console=stderr, transient=True) as bar:
        task = bar.add_task("", total=None, rate="")
        begun = time.monotonic()

        def tell(_done: Done) -> None:
            done = bar.tasks[0].completed + 1
            bar.update(task, advance=1, rate=f"{done / max(time.monotonic() - begun, 1e-3):.0f}/s")

        yield tell


def rows(held: Ledger) -> Iterator[MailResponse]:
    """What became of each mail of the run."""
    from qa_service.api.mailing import MailResponse  # noqa: PLC0415 (heavy; not every command needs it)

    return (MailResponse.model_validate_json(row) for row in held.rows())


def export(held: Ledger, wanted: Wanted, *, folder: bool) -> None:
    """Write the files that are wanted; drafts of a mailbox lie in it already.

    Raises:
        QaError: a file can't be written.
    """
    from qa_service.exports import page, table  # noqa: PLC0415 (heavy; not every command needs it)

    try:
        if wanted.html:
            with wanted.html.open("w", encoding="utf-8", newline="\n") as out:
                page.write_page(rows(held), out)
        if wanted.csv:
            with wanted.csv.open("w", encoding="utf-8", newline="") as out:
                table.write_csv(rows(held), out)
        if wanted.xlsx:
            wanted.xlsx.open("ab").close()  # what XlsxWriter raises where it can't write is no OSError
            table.write_xlsx(rows(held), wanted.xlsx)
        if wanted.drafting and not folder:
            _write_drafts(held, wanted.drafting, wanted.drafts_folder)
    except OSError as exc:
        raise QaError(
            f"{exc.filename}: can't be written ({exc.strerror}); name a file in a folder that exists"
        ) from None


def _write_drafts(held: Ledger, drafting: Drafting, folder: Path) -> None:
    from qa_service.batch.settle import reply_from  # noqa: PLC0415 (heavy; not every command needs it)
    from qa_service.exports.drafts import write  # noqa: PLC0415 (as above)

    for one in held.replies():
        made = drafting.message(one)
        if made is not None:
            write(folder, reply_from(one).file, made)


def print_rows(held: Ledger, chosen: Format) -> None:
    """Print the run: lines or an array of JSON, or what needs a person."""
    if chosen is Format.JSONL:
        sys.stdout.writelines(row.decode() + "\n" for row in held.rows())
    elif chosen is Format.JSON:
        _print_array(held)
    else:
        _print_summary(held)


def _print_array(held: Ledger) -> None:
    comma = "["
    for row in held.rows():
        sys.stdout.write(comma + row.decode())
        comma = ",\n"
    sys.stdout.write("]\n" if comma != "[" else "[]\n")


def _print_summary(held: Ledger) -> None:
    out = stdout()
    counts: Counter[str] = Counter()
    table = Table("status", "mail", "questions", "what is needed", box=None)
    for row in rows(held):
        counts[row.status] += 1
        if row.status in _NEEDS_A_PERSON and len(table.rows) < _SHOWN:
            table.add_row(row.status, Path(row.file).name, str(len(row.questions)), row.reason or "")
    out.print(", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "no mail", style="bold")
    if table.rows:
        out.print(table)
    hidden = sum(counts[status] for status in _NEEDS_A_PERSON) - len(table.rows)
    if hidden > 0:
        out.print(f"and {hidden} more that need a person; --html FILE shows them all")


def print_coverage(found: dict[str, Any]) -> None:
    """Print the coverage report as tables."""
    out = stdout()
    for name in ("mails", "questions"):
        told_counts = ", ".join(f"{count} {which}" for which, count in found[name].items()) or "none"
        out.print(f"{name.capitalize()}: {told_counts}", style="bold")
    answered = Table("answered", "entry", "official question", box=None)
    for one in found["entries"]:
        answered.add_row(str(one["count"]), one["id"], one["question"])
    out.print(answered)
    out.print("\nWithout an official answer, grouped by meaning:", style="bold")
    gaps = Table("questions", "mails", "for example", box=None)
    for one in found["unanswered"]:
        gaps.add_row(str(one["count"]), str(one["mails"]), one["exemplar"])
    out.print(gaps)
    out.print(f"and {found['alone']} that are like no other shown")
