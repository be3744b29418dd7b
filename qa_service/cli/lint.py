"""`qa lint`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qa_service.cli.common import Format, Formatted, IndexDir, app, format_of, open_retriever, stdout, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qa_service.lint import Finding

FOUND = 4
_STALE_DAYS = 365


@app.command()
def lint(  # noqa: PLR0913 (one parameter an option)
    sources: Annotated[list[Path] | None, typer.Argument(help="FAQ files or folders.", show_default="data")] = None,
    labels: Annotated[Path | None, typer.Option(help="Labelled questions; tells which entries they confuse.")] = None,
    index: IndexDir = None,
    stale_days: Annotated[int, typer.Option(min=0, help="Days after which a review is stale.")] = _STALE_DAYS,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings count as errors do.")] = False,
    chosen: Formatted = None,
) -> None:
    """Read the FAQ as its editor would have it: duplicates, rivals, dead references, stale reviews, empty answers.

    The files are read as they are now; the current index lends its encoder and its weights. Exits 0 without an error
    among the findings, 4 with one (with --strict: or with a warning), 1 where the FAQ or the index can't be read.
    """
    with told() as settings:
        from qa_service import labels as labelling  # noqa: PLC0415 (heavy; not every command needs it)
        from qa_service import lint as linting  # noqa: PLC0415 (as above)
        from qa_service import loaders  # noqa: PLC0415 (as above)

        paths, root = sources or [settings.data_dir], index or settings.index_dir
        documents = loaders.load(paths, settings.language)
        known = {entry.id for document in documents for entry in document.entries}
        asked = labelling.read(labels, known) if labels else ()
        snapshot = open_retriever(root, settings.vector_engine).snapshot
        files = {name: path for source in paths for name, path in _files(source, loaders.find)}
        findings = linting.lint(linting.prepare(documents, files, snapshot, asked, stale_days=stale_days))
        _print(findings, format_of(chosen))
        if linting.fails(findings, strict):
            raise typer.Exit(FOUND)


def _files(source: Path, find: Callable[[Path], list[Path]]) -> Iterator[tuple[str, Path]]:
    """The files of a source by the names that their documents have."""
    if source.is_dir():
        yield from ((path.relative_to(source).as_posix(), path) for path in find(source))
    else:
        yield source.name, source


def _print(findings: Sequence[Finding], form: Format) -> None:
    if form is Format.JSON:
        sys.stdout.write(json.dumps([asdict(f) for f in findings], ensure_ascii=False, indent=2) + "\n")
        return
    if form is Format.JSONL:
        sys.stdout.writelines(json.dumps(asdict(f), ensure_ascii=False) + "\n" for f in findings)
        return
    out = stdout()
    for f in findings:
        about = f", {f.entry_id}" if f.entry_id else ""
        out.print(f"{f.severity}: {f.rule}: {f.document}, line {f.line}{about}: {f.sentence}", soft_wrap=True)
    counts = Counter(f.severity.value for f in findings)
    listed = ", ".join(f"{name} {counts[name]}" for name in ("error", "warning", "note"))
    out.print(f"{len(findings)} findings: {listed}", soft_wrap=True)
