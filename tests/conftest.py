"""What several test files share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import fakes

ROOT = Path(__file__).parent.parent


@pytest.fixture
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index folder with one version of the fake FAQ."""
    fakes.build_index(tmp_path)
    return tmp_path / "index"
