"""The service on a port of its own, for what needs one: browsers and other clients over a real connection."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from qa_service.api.app import create_app
from qa_service.api.live import Opener
from qa_service.config import Settings

_PATIENCE_SECONDS = 60.0


@contextmanager
def running(served: Path | FastAPI, opener: Opener | None = None, **changes: Any) -> Iterator[str]:
    """Serve from a thread, and give the address without a slash at its end once questions can be asked.

    Args:
        served: the folder of an index, or an application.
        opener: how a version becomes a retriever; only with a folder.
        changes: settings that differ from the defaults; only with a folder.
    """
    app = served if isinstance(served, FastAPI) else create_app(_settings(served, changes), opener)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False, server_header=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            _wait_ready(port, thread)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(_PATIENCE_SECONDS)
    assert not thread.is_alive()


def _settings(index: Path, changes: dict[str, Any]) -> Settings:
    values: dict[str, Any] = {"index_dir": index, "poll_seconds": 0.05, "log_level": "error"} | changes
    return Settings(**values)


def _wait_ready(port: int, thread: threading.Thread) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while thread.is_alive() and time.monotonic() < end:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_SECONDS)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:  # not listening yet, or gone
            pass
        finally:
            connection.close()
        time.sleep(0.02)
    raise AssertionError("the service never became ready")
