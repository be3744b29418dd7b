"""One table of settings, read once from the environment (`QA_…`) and passed in from there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every setting with its default and a sentence; README's table is held against this class."""

    model_config = SettingsConfigDict(env_prefix="QA_", extra="ignore", frozen=True)

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
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level that is logged: debug, info, warning or error."
    )


def own_addresses(settings: Settings) -> frozenset[str]:
    """The help desk's own addresses, in lower case."""
    return frozenset(one.strip().lower() for one in settings.own_addresses.split(",") if one.strip())
