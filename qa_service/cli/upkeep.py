"""`qa rollback`, `qa doctor` and `qa key`."""

from __future__ import annotations

import hashlib
import secrets
from typing import Annotated

import typer
from pydantic import BaseModel

from qa_service.cli.common import Format, Formatted, IndexDir, app, format_of, print_models, stdout, told

_KEY_BYTES = 32


class KeyOut(BaseModel):
    """A new key, and the hash that the service is given."""

    key: str
    sha256: str


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


@app.command()
def key(fmt: Formatted = None) -> None:
    """Make a random key and its hash. The service is given the hash, its clients the key; nothing keeps either."""
    made = secrets.token_urlsafe(_KEY_BYTES)
    digest = hashlib.sha256(made.encode()).hexdigest()
    chosen = format_of(fmt)
    if chosen is not Format.TABLE:
        print_models([KeyOut(key=made, sha256=digest)], chosen)
        return
    out = stdout()
    out.print(f"key     {made}\nsha256  {digest}\n", soft_wrap=True)
    out.print(
        f"The service: QA_KEY_SHA256={digest}, or QA_ADMIN_KEY_SHA256 for /admin/; a key for each.", soft_wrap=True
    )
    out.print(
        f"Its clients: Authorization: Bearer {made}; a browser at /admin/ takes it as the password.", soft_wrap=True
    )
