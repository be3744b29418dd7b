from __future__ import annotations

import importlib.metadata
import importlib.util
import socket
from pathlib import Path
from typing import Any

import pytest

from qa_service.artifact.manifest import VECTORS
from qa_service.artifact.publish import current
from qa_service.config import Settings
from qa_service.doctor import Finding, examine
from tests import fakes
from tests.test_api_probes import FAQ, MORE, flip_a_bit

_FREE = Settings(port=0)  # the system picks a port, so it is never taken
_PORT = Finding("port", True, "127.0.0.1:0 is free")


def _about(findings: list[Finding], subject: str) -> Finding:
    (found,) = [f for f in findings if f.subject == subject]
    return found


def test_a_sound_installation(index: Path) -> None:
    """All is well where the packages are there, the index verifies and answers, and the port is free."""
    findings = examine(index, _FREE)
    assert [f.subject for f in findings] == [
        "packages",
        "extra [build]",
        "index",
        "entries in effect",
        "one question",
        "port",
    ]
    assert all(f.well for f in findings)
    assert f"numpy {importlib.metadata.version('numpy')}" in findings[0].sentence.split(", ")
    assert findings[1].sentence == "can build indexes here"
    assert findings[2:] == [
        Finding("index", True, f"{current(index)}: 3 entries, fake int8; every file verifies"),
        Finding("entries in effect", True, "3 of 3 are inside their effective window today"),
        Finding("one question", True, "an official question finds its own entry"),
        _PORT,
    ]


def test_no_index(tmp_path: Path) -> None:
    """Without an index the finding says how to get one, and nothing more is asked of it."""
    findings = examine(tmp_path / "index", _FREE)
    assert findings[2:] == [Finding("index", False, "CURRENT: no index has been built yet; run `qa build`"), _PORT]


def test_a_damaged_index(tmp_path: Path) -> None:
    """A damaged version is named with its file, and the versions to go back to are listed, the last first."""
    first = fakes.build_index(tmp_path).version
    second = fakes.build_index(tmp_path, MORE).version
    flip_a_bit(tmp_path / "index" / second / VECTORS)
    expected = (
        f"{second}/{VECTORS}: its SHA-256 is not the published one; "
        f"kept versions: {second}, {first}; `qa rollback` points to an earlier one"
    )
    assert examine(tmp_path / "index", _FREE)[2:] == [Finding("index", False, expected), _PORT]


def test_nothing_in_effect(tmp_path: Path) -> None:
    """An index whose entries have all expired is a failure of the entries alone."""
    fakes.build_index(tmp_path, [{**FAQ[0], "effective_to": "2020-01-01"}])
    findings = examine(tmp_path / "index", _FREE)
    assert _about(findings, "entries in effect") == Finding(
        "entries in effect", False, "0 of 1 are inside their effective window today"
    )
    assert [f.subject for f in findings if not f.well] == ["entries in effect"]


def test_a_first_entry_out_of_effect(tmp_path: Path) -> None:
    """An index is well whose first entry has expired while others are in effect."""
    fakes.build_index(tmp_path, [{**FAQ[0], "effective_to": "2020-01-01"}, *FAQ[1:]])
    findings = examine(tmp_path / "index", _FREE)
    assert _about(findings, "entries in effect").sentence == "2 of 3 are inside their effective window today"
    assert _about(findings, "one question") == Finding("one question", True, "an official question finds its own entry")


def test_a_question_that_finds_another_entry(tmp_path: Path) -> None:
    """An official question that another entry fits better is a failure."""
    # The questions are the same; the second entry's answer holds no word that the model knows, and fewer words in all.
    fakes.build_index(
        tmp_path,
        [
            {"id": "one", "question": "alpha beta gamma?", "answer": "who when red green blue"},
            {"id": "two", "question": "Alpha beta gamma?", "answer": "zebra"},
        ],
    )
    findings = examine(tmp_path / "index", _FREE)
    assert [f for f in findings if not f.well] == [Finding("one question", False, "finds another entry")]


def test_a_taken_port(index: Path) -> None:
    """A port that something else listens on is named, with what to do."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        finding = _about(examine(index, Settings(port=port)), "port")
    assert finding == Finding(
        "port",
        False,
        f"127.0.0.1:{port} can't be had (Address already in use); set QA_HOST or QA_PORT, or it serves already",
    )


def test_an_ipv6_address(index: Path) -> None:
    """An IPv6 address is tried as one, whether or not this machine has it."""
    assert "Address family for hostname" not in _about(examine(index, Settings(host="::1", port=0)), "port").sentence


@pytest.mark.parametrize("host", ["zebra.invalid", "256.0.0.1"])
def test_an_unknown_host(index: Path, host: str) -> None:
    """A host that does not exist is a finding, not a failure of the doctor."""
    finding = _about(examine(index, Settings(host=host, port=0)), "port")
    assert not finding.well
    assert finding.sentence.startswith(f"{host}:0 can't be had (")


def test_a_missing_package(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A serving package that is not installed is named, with what to do."""
    version = importlib.metadata.version

    def without(name: str) -> str:
        if name in ("numpy", "uvicorn"):
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", without)
    assert examine(index, _FREE)[0] == Finding(
        "packages", False, "numpy, uvicorn missing; install again: pip install qa-service"
    )


def test_without_the_build_extra(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that only serves is well, and is told how to build."""
    find = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> Any:
        return None if name == "sentence_transformers" else find(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    assert examine(index, _FREE)[1] == Finding(
        "extra [build]", True, "can serve but not build; pip install 'qa-service[build]' for that"
    )
