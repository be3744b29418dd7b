"""`qa rollback` and `qa doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from qa_service.cli.common import IndexDir, app, stdout, told


@app.command()
def rollback(
    version: Annotated[str | None, typer.Argument(help="A version; the one before, if you name none.")] = None,
    index: IndexDir = None,
) -> None:
    """Point to an earlier index version; a running service takes it up by itself."""
    with told() as settings:
        from qa_service.artifact import publish  # noqa: PLC0415 (heavy; not every command needs it)

        typer.echo(publish.rollback(index or settings.index_dir, version))


@app.command()
def doctor(index: IndexDir = None) -> None:
    """Say in plain words what is wrong with this installation, if anything is."""
    with told() as settings:
        from qa_service.doctor import examine  # noqa: PLC0415 (heavy; not every command needs it)

        findings = examine(index or settings.index_dir, settings)
        out = stdout()
        for finding in findings:
            out.print(f"{'ok  ' if finding.well else 'FAIL'}  {finding.subject}: {finding.sentence}", soft_wrap=True)
        if not all(f.well for f in findings):
            raise typer.Exit(1)
