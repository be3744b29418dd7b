"""`qa serve`."""

from __future__ import annotations

import os
import tempfile
from typing import Annotated, Any

import typer

from qa_service.cli.common import IndexDir, app, stderr, told
from qa_service.config import Settings
from qa_service.observe import SHARED_METRICS


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes that serve.")] = None,
    index: IndexDir = None,
) -> None:
    """Serve questions over HTTP."""
    with told() as settings:
        given = {"host": host, "port": port, "workers": workers, "index_dir": index}
        chosen = settings.model_copy(update={k: v for k, v in given.items() if v is not None})
        host_part = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
        address = f"http://{host_part}:{chosen.port}"
        key = " -H 'Authorization: Bearer <key>'" if chosen.key_sha256 else ""
        stderr.print(f"Serving on {address}. Ask it something:\n", highlight=False)
        stderr.print(
            f"curl -s {address}/v1/ask{key} -H 'Content-Type: application/json' \\\n"
            '  -d \'{"question": "If our profile extension is granted, are we still certified?"}\'\n',
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        _run(chosen)


def _run(settings: Settings) -> None:
    import uvicorn  # noqa: PLC0415 (only the server needs it)

    options: dict[str, Any] = {
        "host": settings.host,
        "port": settings.port,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "proxy_headers": False,  # nothing here asks where a request comes from
        "timeout_graceful_shutdown": 10,
    }
    if settings.workers == 1:
        from qa_service.api.app import create_app  # noqa: PLC0415 (heavy; the parent of several workers does without)

        uvicorn.run(create_app(settings), **options)
        return
    with tempfile.TemporaryDirectory(prefix="qa-metrics-") as shared:
        # Workers are processes of their own, which read their settings from the environment.
        os.environ[SHARED_METRICS] = shared
        os.environ |= {f"QA_{k.upper()}": str(getattr(settings, k)) for k in ("index_dir", "workers")}
        uvicorn.run("qa_service.api.app:application", factory=True, workers=settings.workers, **options)
