"""What is wrong with an installation, in plain words."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.config import Settings
from qa_service.domain import Query
from qa_service.errors import QaError
from qa_service.retriever import Retriever

_SERVING = ("faiss-cpu", "fastapi", "numpy", "onnxruntime", "tokenizers", "uvicorn")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and whether it is as it should be."""

    subject: str
    well: bool
    sentence: str


def examine(root: Path, settings: Settings) -> list[Finding]:
    """Look at the packages, the index, one question and the port."""
    return [*_packages(), *_index(root, settings), _port(settings)]


def _packages() -> Iterator[Finding]:
    missing = [name for name in _SERVING if _package_version(name) is None]
    found = ", ".join(f"{name} {_package_version(name)}" for name in _SERVING if name not in missing)
    if missing:
        yield Finding("packages", False, f"{', '.join(missing)} missing; install again: pip install qa-service")
    else:
        yield Finding("packages", True, found)
    has_build = importlib.util.find_spec("sentence_transformers") is not None
    sentence = (
        "can build indexes here" if has_build else "can serve but not build; pip install 'qa-service[build]' for that"
    )
    yield Finding("extra [build]", True, sentence)


def _package_version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _index(root: Path, settings: Settings) -> Iterator[Finding]:
    kept = publish.versions(root)
    try:
        version = publish.current(root)
        retriever = Retriever(read(root / version, settings.vector_engine))
    except QaError as exc:
        remedy = f"; kept versions: {', '.join(kept)}; `qa rollback` points to an earlier one" if kept else ""
        yield Finding("index", False, f"{exc}{remedy}")
        return
    model = retriever.snapshot.manifest.model
    entries = len(retriever.snapshot.entries)
    yield Finding("index", True, f"{version}: {entries} entries, {model.name} {model.precision}; every file verifies")
    effective = len(retriever.effective_entries())
    yield Finding(
        "entries in effect", effective > 0, f"{effective} of {entries} are inside their effective window today"
    )
    if not effective:
        return
    first = retriever.effective_entries()[0]
    nearest = retriever.ask([Query(first.question)])[0]
    found = (*nearest.answers, *nearest.related)[0].entry.id == first.id
    yield Finding("one question", found, "an official question finds its own entry" if found else "finds another entry")


def _port(settings: Settings) -> Finding:
    try:
        family, kind, _, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as exc:
        remedy = "set QA_HOST or QA_PORT, or it serves already"
        return Finding("port", False, f"{settings.host}:{settings.port} can't be had ({exc.strerror}); {remedy}")
    return Finding("port", True, f"{settings.host}:{settings.port} is free")
