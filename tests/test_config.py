from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from qa_service.config import Settings, allowed_origins, key_digests, own_addresses

_DIGEST = "0123456789abcdef" * 4
_ORIGINS = "https://www.example.gov,http://localhost:8080"
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
    "state_dir": "",
    "record_questions": False,
    "record_days": 90,
    "origins": "",
    "key_sha256": "",
    "admin_key_sha256": "",
    "title": "",
    "contact_url": "",
    "public_url": "",
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
        ("QA_KEY_SHA256", f" {_DIGEST.upper()} ,{'0' * 64},", {"key_sha256": f"{_DIGEST},{'0' * 64}"}),
        ("QA_ADMIN_KEY_SHA256", f"{_DIGEST.upper()}\n", {"admin_key_sha256": _DIGEST}),
        ("QA_ORIGINS", " * ", {"origins": "*"}),
        ("QA_ORIGINS", "https://WWW.Example.gov:443, http://localhost:8080,", {"origins": _ORIGINS}),
        ("QA_ORIGINS", "http://[::1]:80,https://a.example:80", {"origins": "http://[::1],https://a.example:80"}),
        ("QA_ORIGINS", "capacitor://localhost", {"origins": "capacitor://localhost"}),
        ("QA_CONTACT_URL", "mailto:a@example.gov?subject=b", {"contact_url": "mailto:a@example.gov?subject=b"}),
        ("QA_CONTACT_URL", "HTTPS://example.gov/help#desk", {"contact_url": "HTTPS://example.gov/help#desk"}),
        ("QA_CONTACT_URL", "tel:+1-202-555-0100", {"contact_url": "tel:+1-202-555-0100"}),
        ("QA_PUBLIC_URL", "https://example.gov/faq/", {"public_url": "https://example.gov/faq"}),
        ("QA_PUBLIC_URL", "http://[::1]:8000", {"public_url": "http://[::1]:8000"}),
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
        ("record_days", "0"),
        ("record_questions", "true"),
        ("key_sha256", "zebra"),
        ("key_sha256", _DIGEST[1:]),
        ("key_sha256", f"{_DIGEST}, g{_DIGEST[1:]}"),
        ("key_sha256", f"{_DIGEST} {_DIGEST}"),
        ("admin_key_sha256", f"{_DIGEST}0"),
        ("admin_key_sha256", f"{_DIGEST},{_DIGEST}"),
        ("origins", "example.gov"),
        ("origins", "https://example.gov/"),
        ("origins", "https://example.gov/faq"),
        ("origins", "https://example.gov?x"),
        ("origins", "https://example.gov:port"),
        ("origins", "https://user@example.gov"),
        ("origins", "https://*.example.gov"),
        ("origins", "https://a.example https://b.example"),
        ("origins", "https://b\u00fccher.example"),
        ("origins", "null"),
        ("origins", "*,zebra"),
        ("contact_url", "javascript:alert(1)"),
        ("contact_url", " javascript:alert(1)"),
        ("contact_url", "data:text/html,x"),
        ("contact_url", "/help"),
        ("contact_url", "//example.gov"),
        ("contact_url", "https:"),
        ("contact_url", "mailto:"),
        ("contact_url", "mailto:a b"),
        ("contact_url", "https://example.gov/\nx"),
        ("public_url", "example.gov"),
        ("public_url", "https://"),
        ("public_url", "https:///faq"),
        ("public_url", "ftp://example.gov"),
        ("public_url", "https://example.gov/?x=1"),
        ("public_url", "https://example.gov/#x"),
        ("public_url", "https://user@example.gov"),
        ("public_url", "https://example.gov/a b"),
    ],
)
def test_refused_values(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A value that can't be used is refused when the settings are read, by the name of its setting."""
    monkeypatch.setenv(f"QA_{name.upper()}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert [error["loc"] for error in refused.value.errors()] == [(name,)]


def test_a_key_in_the_place_of_its_hash_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error about keys says what is wanted, and never what was given."""
    monkeypatch.setenv("QA_KEY_SHA256", "zebra-canary")
    monkeypatch.setenv("QA_ADMIN_KEY_SHA256", "zebra-canary")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert "zebra" not in str(refused.value)
    wanted = "Value error, must be the SHA-256 of a key, 64 hex digits, not the key itself; `qa key` prints both"
    assert [error["msg"] for error in refused.value.errors(include_input=False)] == [wanted, wanted]


def test_the_administrators_key_is_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that may ask can't be that of the administrators."""
    monkeypatch.setenv("QA_KEY_SHA256", _DIGEST)
    monkeypatch.setenv("QA_ADMIN_KEY_SHA256", _DIGEST.upper())
    with pytest.raises(ValidationError, match="must not be one of QA_KEY_SHA256") as refused:
        Settings()
    assert [error["loc"] for error in refused.value.errors()] == [("admin_key_sha256",)]
    assert _DIGEST not in str(refused.value).lower()


def test_questions_are_kept_where_there_is_a_place() -> None:
    """Recording needs a folder."""
    assert Settings(record_questions=True, state_dir="state").record_questions
    with pytest.raises(ValidationError, match="set QA_STATE_DIR as well"):
        Settings(record_questions=True)


def test_lists() -> None:
    """Settings that hold several values are read as such."""
    settings = Settings(
        origins=f" * ,{_ORIGINS}", key_sha256=f"{_DIGEST},{'0' * 64}", own_addresses="A@example.gov, b@example.gov"
    )
    assert allowed_origins(settings) == ("*", *_ORIGINS.split(","))
    assert key_digests(settings) == (_DIGEST, "0" * 64)
    assert own_addresses(settings) == {"a@example.gov", "b@example.gov"}
    assert (allowed_origins(Settings()), key_digests(Settings()), own_addresses(Settings())) == ((), (), frozenset())


def test_hashes_are_not_printed() -> None:
    """What settings look like when they are printed has no hash of a key."""
    settings = Settings(key_sha256="1" * 64, admin_key_sha256="2" * 64)
    assert [digest for digest in ("1" * 64, "2" * 64) if digest in f"{settings!r}{settings}"] == []


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
