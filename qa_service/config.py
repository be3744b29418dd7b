"""One table of settings, read once from the environment (`QA_…`) and passed in from there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ORIGIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
_DEFAULT_PORTS = {("http", "80"), ("https", "443")}
_CONTACT = re.compile(r"(?:https?://|mailto:|tel:)[!-~]+", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[a-z0-9._:\[\]-]+(?:/[!-~]*)?", re.IGNORECASE)


class Settings(BaseSettings):
    """Every setting with its default and a sentence; README's table is held against this class."""

    model_config = SettingsConfigDict(env_prefix="QA_", extra="ignore", frozen=True, hide_input_in_errors=True)

    index_dir: Path = Field(Path("index"), description="Folder of the index versions and their `CURRENT` pointer.")
    data_dir: Path = Field(Path("data"), description="Folder of the official FAQ files that `qa build` reads.")
    model: str = Field("", description="A sentence-transformers model, by name or folder; empty for the packaged one.")
    language: str = Field("en", description="Language of entries that do not name their own (BCP 47).")
    keep_versions: int = Field(3, ge=1, le=100, description="Index versions that a build keeps.")
    host: str = Field("127.0.0.1", description="Address that `qa serve` listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port that `qa serve` listens on.")
    workers: int = Field(1, ge=1, le=64, description="Processes that serve; they share the pages of the index.")
    threads: int = Field(
        0, ge=0, le=256, description="Threads that compute in each process; 0 for an equal share of the processors."
    )
    vector_engine: Literal["faiss", "numpy"] = Field(
        "faiss", description="Engine that searches the vectors: `faiss` or `numpy`."
    )
    cache_bytes: int = Field(
        8_388_608, ge=0, description="Memory for the vectors of questions asked before, in each process; 0 for none."
    )
    max_body_bytes: int = Field(65_536, ge=1024, description="Largest request body; `/v1/ask/batch` has its own.")
    max_batch_body_bytes: int = Field(2_097_152, ge=1024, description="Largest body of `/v1/ask/batch`.")
    max_mail_bytes: int = Field(26_214_400, ge=1024, description="Largest mail that `/v1/mail` takes.")
    own_addresses: str = Field(
        "", description="The help desk's own addresses, separated by commas; mail from them is skipped."
    )
    desk_address: str = Field(
        "", description="The address that drafts of replies come from: `Help desk <help@example.gov>`."
    )
    max_waiting_questions: int = Field(512, ge=1, description="Questions that may wait; further ones get 503.")
    deadline_ms: int = Field(5_000, ge=1, description="Longest wait of a question before it is dropped with 503.")
    poll_seconds: float = Field(2.0, gt=0, description="How often `CURRENT` is looked at for a new version.")
    state_dir: str = Field("", description="Folder for votes and the figures of each day; empty for neither.")
    record_questions: bool = Field(
        False, description="Keep the text of questions that got no answer, for their editors (needs `QA_STATE_DIR`)."
    )
    record_days: int = Field(90, ge=1, le=3650, description="Days that such a text is kept.")
    origins: str = Field(
        "", description="Origins of the pages that may ask from a browser, separated by commas; `*` for all."
    )
    key_sha256: str = Field(
        "",
        repr=False,
        description="SHA-256 of each key that may ask, separated by commas; empty where everybody may. `qa key` makes one.",
    )
    admin_key_sha256: str = Field(
        "", repr=False, description="SHA-256 of the key of `/admin/`; empty for no such page."
    )
    title: str = Field("", description="Title of the page; empty for that of the FAQ.")
    contact_url: str = Field("", description="Where somebody goes whom no answer helps: `https:`, `mailto:` or `tel:`.")
    public_url: str = Field(
        "", description="The service's address from outside, for its links; empty for that of the request."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level that is logged: debug, info, warning or error."
    )

    @field_validator("record_questions")
    @classmethod
    def _has_a_place(cls, wanted: bool, info: ValidationInfo) -> bool:
        if wanted and not info.data.get("state_dir"):
            raise ValueError("needs a folder to keep them in: set QA_STATE_DIR as well")
        return wanted

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        return ",".join(_origin(one) for one in _listed(value))

    @field_validator("key_sha256")
    @classmethod
    def _are_digests(cls, value: str) -> str:
        return ",".join(_digest(one) for one in _listed(value))

    @field_validator("admin_key_sha256")
    @classmethod
    def _is_a_digest_of_its_own(cls, value: str, info: ValidationInfo) -> str:
        digest = _digest(value) if value.strip() else ""
        if digest and digest in _listed(info.data.get("key_sha256", "")):
            raise ValueError("the key of /admin/ must not be one of QA_KEY_SHA256; make another with `qa key`")
        return digest

    @field_validator("contact_url")
    @classmethod
    def _leads_somewhere(cls, value: str) -> str:
        if value and not _CONTACT.fullmatch(value):
            raise ValueError("must begin with https://, http://, mailto: or tel:, and have no spaces")
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value and (not _ADDRESS.fullmatch(value) or set(value) & {"?", "#"}):
            raise ValueError("must be https:// or http://, a host and perhaps a path, without a query")
        return value.rstrip("/")


def own_addresses(settings: Settings) -> frozenset[str]:
    """The help desk's own addresses, in lower case."""
    return frozenset(one.lower() for one in _listed(settings.own_addresses))


def allowed_origins(settings: Settings) -> tuple[str, ...]:
    """The origins of the pages that may ask, as browsers write them; `*` among them for all."""
    return _listed(settings.origins)


def key_digests(settings: Settings) -> tuple[str, ...]:
    """The SHA-256 of each key that may ask, in lower case; empty where everybody may."""
    return _listed(settings.key_sha256)


def _listed(value: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in value.split(",") if one.strip())


def _digest(value: str) -> str:
    """A digest in lower case. The error never has it: somebody may have put the key itself there."""
    digest = value.strip().lower()
    if not _DIGEST.fullmatch(digest):
        raise ValueError("must be the SHA-256 of a key, 64 hex digits, not the key itself; `qa key` prints both")
    return digest


def _origin(value: str) -> str:
    """An origin as a browser sends it: in lower case, and without the port that its scheme has anyway."""
    if value == "*":
        return value
    found = _ORIGIN.fullmatch(value.lower())
    if not found:
        raise ValueError("must be origins like https://www.example.gov or http://localhost:8080, without a path, or *")
    ordinary = (found["scheme"], found["port"]) in _DEFAULT_PORTS
    return found[0].removesuffix(f":{found['port']}") if ordinary else found[0]
