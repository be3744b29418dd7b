from __future__ import annotations

import json
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from structlog.typing import FilteringBoundLogger

from qa_service.api.app import open_retriever
from qa_service.api.live import LiveIndex, Opener
from qa_service.artifact.manifest import CALIBRATION, ENTRIES
from qa_service.artifact.publish import CURRENT, point_to, rollback
from qa_service.errors import NotReadyError
from qa_service.observe import Metrics, logger
from qa_service.retriever import Retriever
from qa_service.vectors.faiss import FaissIndex
from qa_service.vectors.numpy import NumpyIndex
from tests import fakes
from tests.test_api_probes import FAQ, MORE, flip_a_bit


def _live(root: Path, opener: Opener | None = None) -> tuple[LiveIndex, Metrics]:
    metrics = Metrics()
    return LiveIndex(root, opener or open_retriever("faiss"), metrics, logger()), metrics


def _figures(metrics: Metrics, *versions: str) -> dict[str, float | None]:
    """The refusal flag, the loads by result, and which of the versions is shown as serving."""
    value = metrics.registry.get_sample_value
    return {
        "refused": value("qa_index_refused"),
        "ok": value("qa_index_loads_total", {"result": "ok"}),
        "bad": value("qa_index_loads_total", {"result": "refused"}),
    } | {v: value("qa_index_info", {"version": v}) for v in versions}


def test_nothing_before_the_first_refresh(index: Path) -> None:
    """Before the index was looked at there is no retriever, and the error says so."""
    live, _ = _live(index)
    with pytest.raises(NotReadyError, match=r"^the index is being loaded$"):
        live.retriever()


def test_no_index(tmp_path: Path) -> None:
    """Without an index the reason is that none has been built."""
    live, metrics = _live(tmp_path / "index")
    live.refresh()
    with pytest.raises(NotReadyError, match=r"^CURRENT: no index has been built yet; run `qa build`$"):
        live.retriever()
    assert _figures(metrics) == {"refused": 1.0, "ok": None, "bad": 1.0}


def test_first_version_is_taken(tmp_path: Path) -> None:
    """The version that CURRENT names serves after the first look, says since when, and is not loaded again at the next."""
    version = fakes.build_index(tmp_path).version
    live, metrics = _live(tmp_path / "index")
    assert live.loaded is None
    live.refresh()
    taken, loaded = live.retriever(), live.loaded
    live.refresh()
    assert live.retriever() is taken
    assert live.loaded is loaded is not None
    assert (taken.version, live.refused) == (version, None)
    assert _figures(metrics, version) == {"refused": 0.0, "ok": 1.0, "bad": None, version: 1.0}


def test_new_version_is_taken_over(tmp_path: Path) -> None:
    """A new version takes the old one's place; who holds the old one keeps it whole."""
    old = fakes.build_index(tmp_path).version
    live, metrics = _live(tmp_path / "index")
    live.refresh()
    held = live.retriever()
    new = fakes.build_index(tmp_path, MORE).version
    live.refresh()
    assert live.retriever().version == new
    assert live.retriever().entry("delta").answer == "Four."
    assert (held.version, len(held.effective_entries())) == (old, 3)
    assert _figures(metrics, old, new) == {"refused": 0.0, "ok": 2.0, "bad": None, old: 0.0, new: 1.0}


@pytest.mark.parametrize("file", [ENTRIES, CALIBRATION])
def test_damaged_version_is_refused(tmp_path: Path, file: str) -> None:
    """A new version with a flipped bit is refused by the file's name, once, and the old one goes on serving."""
    fakes.build_index(tmp_path)
    live, metrics = _live(tmp_path / "index")
    live.refresh()
    held = live.retriever()
    new = fakes.build_index(tmp_path, MORE).version
    flip_a_bit(tmp_path / "index" / new / file)
    live.refresh()
    live.refresh()
    assert live.retriever() is held
    assert live.refused == f"{new}/{file}: its SHA-256 is not the published one"
    assert _figures(metrics, held.version, new) == {"refused": 1.0, "ok": 1.0, "bad": 1.0, held.version: 1.0, new: None}


def test_refusal_is_logged_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A version that stays damaged is one log line, not one at every poll."""
    fakes.build_index(tmp_path)
    live, _ = _live(tmp_path / "index")
    live.refresh()
    new = fakes.build_index(tmp_path, MORE).version
    flip_a_bit(tmp_path / "index" / new / ENTRIES)
    for _ in range(3):
        live.refresh()
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [("index-loaded", "info"), ("index-refused", "error")]
    assert lines[1]["reason"] == live.refused


def test_repaired_version_is_taken(tmp_path: Path) -> None:
    """A refused version that is repaired is taken over, and the refusal is gone."""
    fakes.build_index(tmp_path)
    live, metrics = _live(tmp_path / "index")
    live.refresh()
    new = fakes.build_index(tmp_path, MORE).version
    flip_a_bit(tmp_path / "index" / new / ENTRIES)
    live.refresh()
    flip_a_bit(tmp_path / "index" / new / ENTRIES)
    live.refresh()
    assert (live.retriever().version, live.refused) == (new, None)
    assert _figures(metrics, new) == {"refused": 0.0, "ok": 2.0, "bad": 1.0, new: 1.0}


def test_rollback_ends_a_refusal(tmp_path: Path) -> None:
    """Pointing back to the version that serves ends the refusal without loading it again."""
    old = fakes.build_index(tmp_path).version
    live, metrics = _live(tmp_path / "index")
    live.refresh()
    held = live.retriever()
    new = fakes.build_index(tmp_path, MORE).version
    flip_a_bit(tmp_path / "index" / new / ENTRIES)
    live.refresh()
    assert rollback(tmp_path / "index") == old
    live.refresh()
    assert (live.retriever() is held, live.refused) == (True, None)
    assert _figures(metrics, old) == {"refused": 0.0, "ok": 1.0, "bad": 1.0, old: 1.0}


@pytest.mark.parametrize("pointer", ["", "zebra", "../elsewhere", "v-0000000000000000"])
def test_pointer_to_nothing(tmp_path: Path, pointer: str) -> None:
    """A pointer that names no version is refused, and the old version goes on serving."""
    old = fakes.build_index(tmp_path).version
    live, _ = _live(tmp_path / "index")
    live.refresh()
    (tmp_path / "index" / CURRENT).write_text(pointer)
    live.refresh()
    assert live.retriever().version == old
    assert live.refused is not None
    assert live.refused.startswith(f"{pointer}/" if pointer.startswith("v-") else f"{CURRENT}: names no index version")


def test_cold_start_falls_back(tmp_path: Path) -> None:
    """A service that starts on a damaged version serves the last one before it that verifies, and says so."""
    first = fakes.build_index(tmp_path).version
    second = fakes.build_index(tmp_path, MORE).version
    third = fakes.build_index(tmp_path, MORE[:2]).version
    flip_a_bit(tmp_path / "index" / third / ENTRIES)
    live, metrics = _live(tmp_path / "index")
    live.refresh()
    assert live.retriever().version == second
    assert live.refused == f"{third}/{ENTRIES}: its SHA-256 is not the published one"
    assert _figures(metrics, first, second, third) == {
        "refused": 1.0,
        "ok": 1.0,
        "bad": 1.0,
        first: None,
        second: 1.0,
        third: None,
    }


def test_cold_start_passes_over_every_damaged_version(tmp_path: Path) -> None:
    """The fall-back passes over damaged versions; where none verifies the service is not ready, and recovers later."""
    versions = [fakes.build_index(tmp_path, entries).version for entries in (FAQ, MORE, MORE[:2])]
    for version in versions:
        flip_a_bit(tmp_path / "index" / version / ENTRIES)
    live, _ = _live(tmp_path / "index")
    live.refresh()
    with pytest.raises(NotReadyError, match=f"^{versions[2]}/{ENTRIES}: its SHA-256 is not the published one$"):
        live.retriever()
    flip_a_bit(tmp_path / "index" / versions[0] / ENTRIES)
    live.refresh()
    assert live.retriever().version == versions[0]
    flip_a_bit(tmp_path / "index" / versions[2] / ENTRIES)
    live.refresh()
    assert (live.retriever().version, live.refused) == (versions[2], None)


def test_fall_back_with_a_lost_pointer(tmp_path: Path) -> None:
    """Without CURRENT the last published version serves at a cold start."""
    fakes.build_index(tmp_path)
    last = fakes.build_index(tmp_path, MORE).version
    (tmp_path / "index" / CURRENT).unlink()
    live, _ = _live(tmp_path / "index")
    live.refresh()
    assert live.retriever().version == last
    assert live.refused == "CURRENT: no index has been built yet; run `qa build`"


def test_unexpected_failure_keeps_the_old_version(tmp_path: Path) -> None:
    """A new version whose first question fails in a way that nobody foresaw is refused, and the old one serves."""
    old = fakes.build_index(tmp_path).version
    opened = open_retriever("faiss")

    class Cold(Retriever):
        def warm(self) -> None:
            raise RuntimeError("the runtime gave up")

    def opener(folder: Path) -> Retriever:
        return opened(folder) if folder.name == old else Cold(opened(folder).snapshot)

    live, metrics = _live(tmp_path / "index", opener)
    live.refresh()
    new = fakes.build_index(tmp_path, MORE).version
    live.refresh()
    assert live.retriever().version == old
    assert live.refused is not None
    assert new in live.refused
    assert _figures(metrics, old, new) == {"refused": 1.0, "ok": 1.0, "bad": 1.0, old: 1.0, new: None}


def test_ready_without_a_stale_refusal(tmp_path: Path) -> None:
    """From the moment that a version serves, the refusal of what was there before is no longer shown."""
    seen: list[tuple[str, str | None]] = []

    def look(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event["event"] == "index-loaded":
            seen.append((live.retriever().version, live.refused))
        raise structlog.DropEvent

    log = cast(
        "FilteringBoundLogger", structlog.wrap_logger(None, processors=[look], wrapper_class=structlog.BoundLogger)
    )
    live = LiveIndex(tmp_path / "index", open_retriever("faiss"), Metrics(), log)
    live.refresh()
    assert live.refused is not None
    version = fakes.build_index(tmp_path).version
    live.refresh()
    assert seen == [(version, None)]


def test_warm_before_it_serves(tmp_path: Path) -> None:
    """A version has answered a question before the first request can get it."""
    fakes.build_index(tmp_path)
    seen: list[bool] = []

    class Watched(Retriever):
        def warm(self) -> None:
            super().warm()
            with pytest.raises(NotReadyError):
                live.retriever()
            seen.append(True)

    live, _ = _live(tmp_path / "index", lambda folder: Watched(open_retriever("faiss")(folder).snapshot))
    live.refresh()
    assert seen == [True]
    assert isinstance(live.retriever(), Watched)


def test_pointer_moved_by_hand(tmp_path: Path) -> None:
    """A pointer that is moved to an older version is followed."""
    old = fakes.build_index(tmp_path).version
    fakes.build_index(tmp_path, MORE)
    live, _ = _live(tmp_path / "index")
    live.refresh()
    point_to(tmp_path / "index", old)
    live.refresh()
    assert live.retriever().version == old


@pytest.mark.parametrize(("engine", "kind"), [("faiss", FaissIndex), ("numpy", NumpyIndex)])
def test_engine_of_the_settings(index: Path, engine: str, kind: type) -> None:
    """The opener searches with the engine that the settings name."""
    live, _ = _live(index, open_retriever(engine))
    live.refresh()
    assert isinstance(live.retriever().snapshot.index, kind)
