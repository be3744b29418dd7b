from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from qa_service.config import Settings

_DEFAULTS: dict[str, Any] = {
    "index_dir": Path("index"),
    "data_dir": Path("data"),
    "model": "",
    "language": "en",
    "keep_versions": 3,
    "host": "127.0.0.1",
    "port": 8000,
    "workers": 1,
    "threads": 0,
    "vector_engine": "faiss",
    "cache_bytes": 8388608,
    "max_body_bytes": 65_536,
    "max_batch_body_bytes": 2_097_152,
    "max_mail_bytes": 26_214_400,
    "own_addresses": "",
    "desk_address": "",
    "max_waiting_questions": 512,
    "deadline_ms": 5_000,
    "poll_seconds": 2.0,
    "log_level": "info",
}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from the environment that the tests run in."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"QA_{name.upper()}", raising=False)


def test_defaults() -> None:
    """Without an environment every setting has its default."""
    assert Settings().model_dump() == _DEFAULTS


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("QA_INDEX_DIR", "/srv/index", {"index_dir": Path("/srv/index")}),
        ("QA_PORT", "0", {"port": 0}),
        ("qa_port", "65535", {"port": 65535}),
        ("QA_POLL_SECONDS", "0.5", {"poll_seconds": 0.5}),
        ("QA_VECTOR_ENGINE", "numpy", {"vector_engine": "numpy"}),
        ("QA_LOG_LEVEL", "debug", {"log_level": "debug"}),
        ("QA_ZEBRA", "1", {}),
        ("PORT", "1", {}),
    ],
)
def test_environment(monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: dict[str, Any]) -> None:
    """A variable `QA_…` changes its setting and no other."""
    monkeypatch.setenv(name, value)
    assert Settings().model_dump() == _DEFAULTS | expected


def test_arguments_go_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is passed in holds against the environment."""
    monkeypatch.setenv("QA_PORT", "1")
    assert Settings(port=2).port == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("keep_versions", "0"),
        ("keep_versions", "101"),
        ("port", "-1"),
        ("port", "65536"),
        ("port", "zebra"),
        ("workers", "0"),
        ("workers", "65"),
        ("threads", "-1"),
        ("threads", "257"),
        ("max_body_bytes", "1023"),
        ("max_batch_body_bytes", "1023"),
        ("max_waiting_questions", "0"),
        ("deadline_ms", "0"),
        ("poll_seconds", "0"),
        ("poll_seconds", "nan"),
        ("vector_engine", "zebra"),
        ("cache_bytes", "-1"),
        ("log_level", "zebra"),
    ],
)
def test_refused_values(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A value that can't be used is refused when the settings are read, by the name of its setting."""
    monkeypatch.setenv(f"QA_{name.upper()}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [error["loc"] for error in refused.value.errors()] == [(name,)]


def test_settings_do_not_change() -> None:
    """Settings are read once; nothing writes to them."""
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.port = 1  # type: ignore[misc]
    assert settings.port == 8000


def test_every_setting_has_a_sentence() -> None:
    """Every setting is described in a sentence."""
    sentences = [field.description or "" for field in Settings.model_fields.values()]
    assert [s for s in sentences if not (s[:1].isupper() and s.endswith("."))] == []


def test_readme_lists_every_setting(root: Path) -> None:
    """README's table has a row for every setting with its default and its sentence, and no other."""
    rows = [line for line in (root / "README.md").read_text("utf-8").splitlines() if line.startswith("| `QA_")]
    assert len(rows) == len(Settings.model_fields)
    for row, (name, field) in zip(rows, Settings.model_fields.items(), strict=True):
        cells = [cell.strip() for cell in row.strip("| ").split(" | ")]
        default = "empty" if field.default == "" else f"`{field.default}`"
        assert cells == [f"`QA_{name.upper()}`", default, field.description]
