"""Who is compared: how each is started, how it is asked, and where its reply names the nearest entry."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

OURS, AFTERNOON, TXTAI = "ours", "afternoon", "txtai"
TOP = 3
_JSON = {"Content-Type": "application/json"}
# Settings of whoever runs the benchmark that would change a contender; each runs with its own defaults.
_DROPPED = ("QA_", "OMP_", "MKL_", "OPENBLAS_", "TOKENIZERS_", "UVICORN_")
_DROPPED_NAMES = ("CONFIG", "API_CLASS", "DEPENDENCIES", "EXTENSIONS", "TOKEN", "WEB_CONCURRENCY")


@dataclass(frozen=True)
class Dialect:
    """How a kind of service is asked.

    `line` makes of a question what differs from request to request: the body of a POST, the target of a GET. `nearest`
    takes the decoded reply and gives the id of the nearest entry.
    """

    method: str
    path: str
    line: Callable[[str], str]
    nearest: Callable[[Any], str]

    def request(self, question: str) -> tuple[str, bytes | None, dict[str, str]]:
        """Target, body and headers of a request."""
        line = self.line(question)
        return (self.path, line.encode(), _JSON) if self.method == "POST" else (line, None, {})


def _body(question: str) -> str:
    return json.dumps({"question": question, "top": TOP})


def _first(reply: Any) -> str:  # noqa: ANN401 (a decoded reply)
    return str(reply[0]["id"])


_ASK = Dialect("POST", "/v1/ask", _body, lambda reply: _first(reply["answers"] + reply["related"]))
_ASK_AFTERNOON = Dialect("POST", "/ask", _body, _first)
_SEARCH = Dialect("GET", "/search", lambda q: "/search?" + urlencode({"query": q, "limit": TOP}), _first)


@dataclass(frozen=True)
class Contender:
    """A service to measure: `command` takes the port it shall listen on, `settings` are its environment variables."""

    name: str
    dialect: Dialect
    command: Callable[[int], list[str]]
    settings: Mapping[str, str]

    def environment(self) -> dict[str, str]:
        """The environment of its process: ours without anybody's tuning, and its own settings."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_DROPPED) and k not in _DROPPED_NAMES}
        return kept | {"HF_HUB_OFFLINE": "1"} | dict(self.settings)


# Our own service in other settings, measured as well with `--variants`; add a line to compare another.
VARIANTS: Mapping[str, Mapping[str, str]] = {
    "ours, 1 worker, 1 thread": {"QA_WORKERS": "1", "QA_THREADS": "1"},
    "ours, 1 worker, 2 threads": {"QA_WORKERS": "1", "QA_THREADS": "2"},
    "ours, 2 workers, 1 thread": {"QA_WORKERS": "2", "QA_THREADS": "1"},
    "ours, 2 workers, 2 threads": {"QA_WORKERS": "2", "QA_THREADS": "2"},
}


def is_txtai_here() -> bool:
    """Whether txtai and what its API needs (the extra `api`) are installed; nothing is imported."""
    return all(importlib.util.find_spec(name) for name in ("txtai", "fastapi_mcp"))


def table(folder: Path, *, variants: bool, with_txtai: bool) -> list[Contender]:
    """The contenders, ours first, on what `prepare` put into the folder."""

    def served(application: str) -> Callable[[int], list[str]]:
        return lambda port: [sys.executable, "-m", "uvicorn", application, "--host", "127.0.0.1", "--port", str(port)]

    def ours(port: int) -> list[str]:
        program = str(Path(sys.executable).with_name("qa"))
        return [program, "serve", "--host", "127.0.0.1", "--port", str(port), "--index", str(folder / "index")]

    faq = {"FAQ": str(folder / "faq.json"), "MODEL": str(folder / "model")}
    contenders = [
        Contender(OURS, _ASK, ours, {}),
        Contender(AFTERNOON, _ASK_AFTERNOON, served("benchmarks.speed.afternoon:app"), faq),
    ]
    if with_txtai:
        contenders.append(Contender(TXTAI, _SEARCH, served("txtai.api:app"), {"CONFIG": str(folder / "txtai.yml")}))
    if variants:
        contenders += [Contender(name, _ASK, ours, settings) for name, settings in VARIANTS.items()]
    return contenders
