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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from qa_service.cli.common import Format, Formatted, IndexDir, app, format_of, open_retriever, stderr, told
from qa_service.cli.mail_output import Wanted, export, print_coverage, print_rows, progress
from qa_service.config import Settings, own_addresses
from qa_service.encoder import usable_processors
from qa_service.errors import QaError

if TYPE_CHECKING:
    from qa_service.batch.desk import Drafting
    from qa_service.batch.ledger import Ledger
    from qa_service.mail.account import DroppedError
    from qa_service.mail.pool import ReadingPool
    from qa_service.retriever import Retriever

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
        wanted = Wanted(html, csv, xlsx, _drafting(settings, drafts or partial_drafts, partial_drafts), drafts_folder)
        with told_interrupt(ledger), _open(settings, index, ledger) as (retriever, pool, held):
            if imap:
                _match_folder(_Folder(imap, token_command, watch), retriever, pool, held, wanted.drafting, top)
            else:
                _match_files(paths or [], retriever, pool, held, top)
            export(held, wanted, folder=bool(imap))
            print_rows(held, format_of(chosen))


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

    with progress() as tell:
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

    with progress() as tell, _stopping(stop):
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
            print_coverage(found)
        else:
            sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2 if form is Format.JSON else None) + "\n")
