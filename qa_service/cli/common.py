"""What all commands share: the application, its settings, how a result is printed and how an error is told."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console

from qa_service import __version__
from qa_service.config import Settings
from qa_service.errors import QaError

if TYPE_CHECKING:
    from qa_service.retriever import Retriever

app = typer.Typer(
    help="Find the official answer to a question asked in your own words, or learn that there is none.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
stderr = Console(stderr=True, emoji=False)


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
def told() -> Iterator[Settings]:
    """Give a command its settings, and turn what it can't do into a sentence and an exit status."""
    try:
        yield Settings()
    except QaError as exc:
        stderr.print(f"qa: {exc}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(exc.exit_status) from None
    except ValidationError as exc:
        wrong = "; ".join(f"QA_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in exc.errors())
        stderr.print(f"qa: a setting can't be used: {wrong}", style="bold red", markup=False, soft_wrap=True)
        raise typer.Exit(2) from None


def stdout() -> Console:
    """Standard output without any magic: official answers are printed as they are."""
    return Console(markup=False, highlight=False, emoji=False)


def format_of(chosen: Format | None) -> Format:
    """The format that was chosen, or the one that suits where standard output goes."""
    return chosen or (Format.TABLE if sys.stdout.isatty() else Format.JSONL)


def print_models(models: Sequence[BaseModel], chosen: Format) -> None:
    """Print results as the API would send them."""
    if chosen is Format.JSON:
        sys.stdout.write("[" + ",\n".join(m.model_dump_json(indent=2) for m in models) + "]\n")
    else:
        sys.stdout.writelines(m.model_dump_json() + "\n" for m in models)


def open_retriever(root: Path, engine: str) -> Retriever:
    """The retriever of the current version."""
    from qa_service.artifact import publish, read  # noqa: PLC0415 (heavy; not every command needs it)
    from qa_service.retriever import Retriever  # noqa: PLC0415 (as above)

    return Retriever(read.read(root / publish.current(root), engine))


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
