"""`qa serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from qa_service.cli.common import IndexDir, app, stderr, told


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    index: IndexDir = None,
) -> None:
    """Serve questions over HTTP."""
    with told() as settings:
        import uvicorn  # noqa: PLC0415 (only the server needs it)

        from qa_service.api.app import create_app  # noqa: PLC0415 (as above)

        chosen = settings.model_copy(
            update={k: v for k, v in {"host": host, "port": port, "index_dir": index}.items() if v is not None}
        )
        host_part = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
        address = f"http://{host_part}:{chosen.port}"
        stderr.print(f"Serving on {address}. Ask it something:\n", highlight=False)
        stderr.print(
            f"curl -s {address}/v1/ask -H 'Content-Type: application/json' \\\n"
            '  -d \'{"question": "If our profile extension is granted, are we still certified?"}\'\n',
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
        uvicorn.run(
            create_app(chosen),
            host=chosen.host,
            port=chosen.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
