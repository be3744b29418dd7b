"""What several test files share.

Nothing of the project is imported with this file: in processes that share the tests, lines are counted only after it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from qa_service.build import BuildReport

ROOT = Path(__file__).parent.parent

# A machine that is busy with something else must not fail a test.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index folder with one version of the fake FAQ."""
    from tests import fakes  # noqa: PLC0415 (as this file says)

    fakes.build_index(tmp_path)
    return tmp_path / "index"


@pytest.fixture(scope="session")
def seed_build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BuildReport]:
    """The index of the official FAQ, built once with the real model, and the report of its build."""
    from qa_service.build import BuildRequest, build  # noqa: PLC0415 (as this file says)
    from qa_service.export import load  # noqa: PLC0415 (as this file says)

    folder = tmp_path_factory.mktemp("seed") / "index"
    request = BuildRequest([ROOT / "data"], folder, ROOT / "data" / "questions.jsonl")
    return folder, build(request, load)


@pytest.fixture(scope="session")
def seed_index(seed_build: tuple[Path, BuildReport]) -> Path:
    """The folder of the official FAQ's index."""
    return seed_build[0]


@pytest.fixture(scope="module")  # not longer: while it is open, no other test can have an event loop
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of a file."""
    from tests.browser import chromium  # noqa: PLC0415 (most files need none)

    with chromium() as one:
        yield one


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither settings nor the look of a terminal come from the environment that the tests run in."""
    for name in [n for n in os.environ if n.startswith("QA_")]:
        monkeypatch.delenv(name)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "TERMINAL_WIDTH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")
