"""`qa mail`: a mailbox into matches that a person can trust and send."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperGroup

from qa_service.cli.common import Format, Formatted, IndexDir, app, format_of, open_retriever, stderr, stdout, told
from qa_service.config import Settings, own_addresses
from qa_service.encoder import usable_processors
from qa_service.errors import QaError
from qa_service.mail.base import Status

if TYPE_CHECKING:
    from qa_service.api.mailing import MailResponse
    from qa_service.batch.desk import Drafting
    from qa_service.batch.ledger import Ledger
    from qa_service.batch.settle import Done
    from qa_service.mail.account import DroppedError
    from qa_service.mail.pool import ReadingPool
    from qa_service.retriever import Retriever

_NEEDS_A_PERSON = (Status.ERROR, Status.PARTIAL, Status.ABSTAINED)
_SHOWN = 20
_MATCH = "match"


class UsageError(QaError):
    """Options that don't go together."""

    code = "usage"
    exit_status = 2


class _Mail(TyperGroup):
    """`qa mail PATH…` is `qa mail match PATH…`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 (typer's own context)
        known = set(self.commands) | {"--help"}
        return super().parse_args(ctx, args if args and args[0] in known else [_MATCH, *args])


mail = typer.Typer(cls=_Mail, help="Find the questions of mails and their official answers; never sends anything.")
app.add_typer(mail, name="mail")

LedgerFile = Annotated[
    Path | None,
    typer.Option(help="Keep what is done in this file; a run that was killed goes on from it.", show_default=False),
]


@dataclass(frozen=True)
class _Wanted:
    """What a run is to leave behind."""

    html: Path | None
    csv: Path | None
    xlsx: Path | None
    drafting: Drafting | None
    drafts_folder: Path


@mail.command(_MATCH)
def match(  # noqa: PLR0913 (one parameter an option)
    paths: Annotated[
        list[str] | None, typer.Argument(help=".eml, .msg and mbox files, Maildirs, folders; - reads one mail.")
    ] = None,
    imap: Annotated[
        str | None, typer.Option(help="Read this folder: imaps://user@host/Folder.", show_default=False)
    ] = None,
    watch: Annotated[bool, typer.Option(help="With --imap: go on with new mail as it comes.")] = False,
    token_command: Annotated[
        str | None,
        typer.Option(help="With --imap: sign in by XOAUTH2; the command prints a token.", show_default=False),
    ] = None,
    ledger: LedgerFile = None,
    html: Annotated[Path | None, typer.Option(help="Write a report for a person.", show_default=False)] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a table, a line a question.", show_default=False)] = None,
    xlsx: Annotated[Path | None, typer.Option(help="Write a workbook, a line a question.", show_default=False)] = None,
    drafts: Annotated[bool, typer.Option(help="Write drafts of replies; with --imap into its Drafts folder.")] = False,
    partial_drafts: Annotated[bool, typer.Option(help="Drafts also where a question needs a person.")] = False,
    drafts_folder: Annotated[Path, typer.Option(help="Where drafts go as .eml files.")] = Path("drafts"),
    top: Annotated[int, typer.Option(min=1, max=20, help="How many entries come back for a question at most.")] = 3,
    index: IndexDir = None,
    chosen: Formatted = None,
) -> None:
    """Match mails: a line a mail says what became of it. Nothing is ever sent."""
    with told() as settings:
        if bool(paths) == bool(imap):
            raise UsageError("name files or folders of mails, - for standard input, or --imap and a mailbox")
        if (watch or token_command) and not imap:
            raise UsageError("--watch and --token-command go with --imap")
        if imap and not ledger:
            raise UsageError("--imap needs --ledger FILE, which remembers how far the folder is done")
        wanted = _Wanted(html, csv, xlsx, _drafting(settings, drafts or partial_drafts, partial_drafts), drafts_folder)
        with told_interrupt(ledger), _open(settings, index, ledger) as (retriever, pool, held):
            if imap:
                _match_folder(_Folder(imap, token_command, watch), retriever, pool, held, wanted.drafting, top)
            else:
                _match_files(paths or [], retriever, pool, held, top)
            _export(held, wanted, folder=bool(imap))
            _print(held, format_of(chosen))


@dataclass(frozen=True)
class _Folder:
    """An IMAP folder as it was asked for."""

    url: str
    token_command: str | None
    watch: bool


@contextlib.contextmanager
def told_interrupt(ledger: Path | None) -> Iterator[None]:
    """Say of a run that was interrupted what is kept of it."""
    try:
        yield
    except KeyboardInterrupt:
        if ledger:
            kept = "what is done is in the ledger, and the same command goes on from there"
        else:
            kept = "with --ledger FILE a run goes on from where it was"
        stderr.print(f"qa: interrupted; {kept}", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(130) from None


@contextlib.contextmanager
def _open(settings: Settings, index: Path | None, path: Path | None) -> Iterator[tuple[Retriever, ReadingPool, Ledger]]:
    from qa_service.batch.ledger import Ledger  # noqa: PLC0415 (heavy; not every command needs it)
    from qa_service.mail.pool import ReadingPool  # noqa: PLC0415 (as above)

    retriever = open_retriever(index or settings.index_dir, settings.vector_engine)
    with contextlib.ExitStack() as stack:
        if path is None:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qa-mail-"))) / "ledger"
        held = stack.enter_context(Ledger(path))
        yield retriever, stack.enter_context(ReadingPool(usable_processors(), own_addresses(settings))), held


def _drafting(settings: Settings, wanted: bool, partial: bool) -> Drafting | None:
    if not wanted:
        return None
    from qa_service.batch.desk import Drafting  # noqa: PLC0415 (heavy; not every command needs it)
    from qa_service.exports.drafts import desk_address  # noqa: PLC0415 (as above)

    if not settings.desk_address:
        raise UsageError("drafts need an address to come from; set QA_DESK_ADDRESS")
    return Drafting(desk_address(settings.desk_address), partial)


def _match_files(paths: Sequence[str], retriever: Retriever, pool: ReadingPool, held: Ledger, top: int) -> None:
    from qa_service.batch.run import run  # noqa: PLC0415 (heavy; not every command needs it)
    from qa_service.mail.sources import mails  # noqa: PLC0415 (as above)

    with _progress() as tell:
        run(mails(paths), retriever, pool, held, top=top, on_done=tell)


def _match_folder(  # noqa: PLR0913 (what a run is made of)
    folder: _Folder, retriever: Retriever, pool: ReadingPool, held: Ledger, drafting: Drafting | None, top: int
) -> None:
    from qa_service.batch.desk import FolderDesk  # noqa: PLC0415 (heavy; not every command needs it)
    from qa_service.mail import account as accounts  # noqa: PLC0415 (as above)
    from qa_service.mail.follow import follow  # noqa: PLC0415 (as above)

    if folder.token_command:
        secret = accounts.token_command(_words(folder.token_command))
    else:
        ask = (lambda: getpass.getpass("Password: ")) if sys.stdin.isatty() else None
        secret = accounts.password(os.environ, ask)
    account = accounts.account(folder.url, secret, oauth=bool(folder.token_command))
    stop = threading.Event()

    def dropped(error: DroppedError, seconds: float) -> None:
        stderr.print(f"qa: {error}; tried again in {seconds:g} s", markup=False, highlight=False, soft_wrap=True)

    with _progress() as tell, _stopping(stop):
        url = account.mail_url(0, 0).partition(";")[0]
        desk = FolderDesk(url, retriever, pool, held, drafting=drafting, top=top, on_done=tell, on_dropped=dropped)
        follow(account, desk, stop, watch=folder.watch)


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        raise UsageError("--token-command has a quote or a backslash that nothing follows; close it") from None


@contextlib.contextmanager
def _stopping(stop: threading.Event) -> Iterator[None]:
    """Have the first Ctrl-C or SIGTERM end a watch after the mails in hand."""
    held = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[Done], None]]:
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


def _rows(held: Ledger) -> Iterator[MailResponse]:
    from qa_service.api.mailing import MailResponse  # noqa: PLC0415 (heavy; not every command needs it)

    return (MailResponse.model_validate_json(row) for row in held.rows())


def _export(held: Ledger, wanted: _Wanted, *, folder: bool) -> None:
    from qa_service.exports import page, table  # noqa: PLC0415 (heavy; not every command needs it)

    try:
        if wanted.html:
            with wanted.html.open("w", encoding="utf-8", newline="\n") as out:
                page.write_page(_rows(held), out)
        if wanted.csv:
            with wanted.csv.open("w", encoding="utf-8", newline="") as out:
                table.write_csv(_rows(held), out)
        if wanted.xlsx:
            wanted.xlsx.open("ab").close()  # what XlsxWriter raises where it can't write is no OSError
            table.write_xlsx(_rows(held), wanted.xlsx)
        if wanted.drafting and not folder:
            _write_drafts(held, wanted.drafting, wanted.drafts_folder)
    except OSError as exc:
        raise QaError(
            f"{exc.filename}: can't be written ({exc.strerror}); name a file in a folder that exists"
        ) from None


def _write_drafts(held: Ledger, drafting: Drafting, folder: Path) -> None:
    from qa_service.batch.settle import reply_from  # noqa: PLC0415 (heavy; not every command needs it)
    from qa_service.exports.drafts import message, write  # noqa: PLC0415 (as above)

    for one in held.replies():
        reply = reply_from(one)
        made = message(reply, drafting.sender, datetime.now(UTC), partial=drafting.partial)
        if made is not None:
            write(folder, reply.file, made)


def _print(held: Ledger, chosen: Format) -> None:
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
    for row in _rows(held):
        counts[row.status] += 1
        if row.status in _NEEDS_A_PERSON and len(table.rows) < _SHOWN:
            table.add_row(row.status, Path(row.file).name, str(len(row.questions)), row.reason or "")
    out.print(", ".join(f"{count} {status}" for status, count in sorted(counts.items())) or "no mail", style="bold")
    if table.rows:
        out.print(table)
    hidden = sum(counts[status] for status in _NEEDS_A_PERSON) - len(table.rows)
    if hidden > 0:
        out.print(f"and {hidden} more that need a person; --html FILE shows them all")


@mail.command()
def report(
    ledger: Annotated[Path, typer.Option(help="The ledger of the runs.", show_default=False)],
    groups: Annotated[int, typer.Option(min=1, max=60, help="How many groups of unanswered questions at most.")] = 24,
    index: IndexDir = None,
    chosen: Formatted = None,
) -> None:
    """Say which entries answer most mail, and which questions went unanswered, grouped by meaning."""
    with told() as settings:
        from qa_service.api.mailing import MailResponse  # noqa: PLC0415 (heavy; only this command needs it)
        from qa_service.batch.ledger import Ledger  # noqa: PLC0415 (as above)
        from qa_service.exports.groups import coverage, to_json  # noqa: PLC0415 (as above)

        if not ledger.is_file():
            raise UsageError(f"{ledger}: there is no such ledger; `qa mail PATH --ledger {ledger}` makes one")
        retriever = open_retriever(index or settings.index_dir, settings.vector_engine)
        with Ledger(ledger) as held:
            rows = (MailResponse.model_validate_json(row) for row in held.history())
            snapshot = retriever.snapshot
            centre = snapshot.prototypes.mean(axis=0)
            found = to_json(coverage(rows, snapshot.encoder.encode_queries, centre, groups))
        form = format_of(chosen)
        if form is Format.TABLE:
            _print_coverage(found)
        else:
            sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2 if form is Format.JSON else None) + "\n")


def _print_coverage(found: dict[str, Any]) -> None:
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
