from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from qa_service.api.app import application, create_app
from qa_service.api.live import Opener
from qa_service.artifact.manifest import VECTORS
from qa_service.artifact.publish import current, point_to
from qa_service.config import Settings
from qa_service.errors import NotReadyError
from tests import fakes

_PATIENCE_SECONDS = 60.0
FAQ: tuple[dict[str, Any], ...] = fakes.FAQ
MORE: tuple[dict[str, Any], ...] = (*FAQ, {"id": "delta", "question": "What is delta?", "answer": "Four."})


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll a condition; what never comes true is a failure, not a hang."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("the condition never came true")
        time.sleep(0.005)


@contextlib.contextmanager
def running(index_dir: Path, opener: Opener | None = None, **changes: Any) -> Iterator[TestClient]:
    """A client of a service whose lifespan runs, ready or not."""
    values: dict[str, Any] = {"index_dir": index_dir, "poll_seconds": 0.05} | changes
    settings = Settings(**values)
    with TestClient(create_app(settings, opener), raise_server_exceptions=False) as client:
        yield client


@contextlib.contextmanager
def serving(index_dir: Path, opener: Opener | None = None, **changes: Any) -> Iterator[TestClient]:
    """A client of a service that is ready."""
    with running(index_dir, opener, **changes) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200)
        yield client


def figure(client: TestClient, name: str, **labels: str) -> float | None:
    """One sample of /metrics, or None where there is none."""
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def flip_a_bit(path: Path) -> None:
    """Change the last byte of a file and leave its size as it is."""
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)


def test_alive_without_an_index(tmp_path: Path) -> None:
    """A process without an index is alive."""
    with running(tmp_path / "index") as client:
        response = client.get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


def test_not_ready_without_an_index(tmp_path: Path) -> None:
    """Without an index the service is not ready, and says what to do about it."""
    with running(tmp_path / "index") as client:
        wait_until(lambda: "qa build" in client.get("/readyz").text)
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "1"
    assert response.json() == {
        "type": "urn:qa-service:problem:not-ready",
        "title": "Service Unavailable",
        "status": 503,
        "code": "not-ready",
        "detail": "CURRENT: no index has been built yet; run `qa build`",
    }


def test_questions_wait_for_the_index(tmp_path: Path) -> None:
    """Every route that needs the index answers 503 with one code until there is one."""
    with running(tmp_path / "index") as client:
        responses = [
            client.post("/v1/ask", json={"question": "What is alpha?"}),
            client.post("/v1/ask/batch", json={"questions": ["What is alpha?"]}),
            client.get("/v1/entries"),
            client.get("/v1/entries/alpha"),
            client.get("/v1/info"),
        ]
    assert [(r.status_code, r.json()["code"]) for r in responses] == [(503, "not-ready")] * 5


def test_ready_once_an_index_is_built(tmp_path: Path) -> None:
    """An index that is built while the service runs makes it ready, without a restart."""
    with running(tmp_path / "index") as client:
        assert client.get("/readyz").status_code == 503
        version = fakes.build_index(tmp_path).version
        wait_until(lambda: client.get("/readyz").json().get("refused", "") is None)
        response = client.get("/readyz")
    assert response.json() == {"status": "ready", "index_version": version, "refused": None}


def test_a_refused_version_is_shown(tmp_path: Path) -> None:
    """A new version that does not verify shows in /readyz and /metrics, and the old version goes on serving."""
    old = fakes.build_index(tmp_path).version
    with serving(tmp_path / "index") as client:
        whole = figure(client, "qa_index_refused")
        (tmp_path / "apart").mkdir()
        new = fakes.build_index(tmp_path / "apart", MORE).version
        flip_a_bit(tmp_path / "apart" / "index" / new / VECTORS)
        shutil.copytree(tmp_path / "apart" / "index" / new, tmp_path / "index" / new)
        point_to(tmp_path / "index", new)
        wait_until(lambda: client.get("/readyz").json()["refused"] is not None)
        ready = client.get("/readyz")
        answered = client.post("/v1/ask", json={"question": "What is alpha?"})
        refused = figure(client, "qa_index_refused")
        serves = [figure(client, "qa_index_info", version=v) for v in (old, new)]
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ready",
        "index_version": old,
        "refused": f"{new}/{VECTORS}: its SHA-256 is not the published one",
    }
    assert (whole, refused) == (0.0, 1.0)
    assert serves == [1.0, None]
    assert (answered.status_code, answered.json()["index_version"]) == (200, old)


def test_metrics_count_requests_and_outcomes(index: Path) -> None:
    """Requests are counted by route and status, questions by outcome."""
    with serving(index) as client:
        outcomes = [client.post("/v1/ask", json={"question": q}).json()["outcome"] for q in ("What is alpha?", "who")]
        outcomes += [
            r["outcome"]
            for r in client.post("/v1/ask/batch", json={"questions": ["who", "", "what"]}).json()["results"]
            if "outcome" in r
        ]
        client.post("/v1/ask", json={"question": ""})
        response = client.get("/metrics")
        counted = {o: figure(client, "qa_questions_total", outcome=o) for o in set(outcomes)}
        asked = [figure(client, "qa_requests_total", route="/v1/ask", status=s) for s in ("200", "422")]
        batches = figure(client, "qa_requests_total", route="/v1/ask/batch", status="200")
        timed = figure(client, "qa_request_seconds_count", route="/v1/ask")
        waiting = figure(client, "qa_waiting_questions")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert len(outcomes) == 4
    assert counted == {o: float(outcomes.count(o)) for o in set(outcomes)}
    assert (asked, batches, timed, waiting) == ([2.0, 1.0], 1.0, 3.0, 0.0)


def test_unknown_paths_share_a_label(index: Path) -> None:
    """The text of an unknown path never becomes a label."""
    with serving(index) as client:
        for path in ("/zebra-1", "/zebra-2?zebra=3", "/v1/zebra"):
            client.get(path)
        counted = figure(client, "qa_requests_total", route="unknown", status="404")
        text = client.get("/metrics").text
    assert counted == 3.0
    assert "zebra" not in text


def test_an_entry_path_is_labelled_by_its_route(index: Path) -> None:
    """Paths of entries count under their route, whatever the id."""
    with serving(index) as client:
        for entry_id in ("alpha", "beta", "zebra"):
            client.get(f"/v1/entries/{entry_id}")
        counted = [
            figure(client, "qa_requests_total", route="/v1/entries/{entry_id}", status=s) for s in ("200", "404")
        ]
        text = client.get("/metrics").text
    assert counted == [2.0, 1.0]
    assert "zebra" not in text


def test_hangup_looks_for_a_new_version(tmp_path: Path) -> None:
    """SIGHUP takes a new version up at once, long before the next poll."""
    app = create_app(Settings(index_dir=tmp_path / "index", poll_seconds=3600.0, log_level="error"))

    async def scenario() -> tuple[str, str]:
        async with app.router.lifespan_context(app):
            while app.state.live.refused is None:  # the first look has ended
                await asyncio.sleep(0.005)
            built = fakes.build_index(tmp_path).version
            os.kill(os.getpid(), signal.SIGHUP)
            while True:
                with contextlib.suppress(NotReadyError):
                    return built, app.state.live.retriever().version
                await asyncio.sleep(0.005)

    built, served = asyncio.run(asyncio.wait_for(scenario(), _PATIENCE_SECONDS))
    assert built == served


def test_application_from_the_environment(index: Path, monkeypatch: Any) -> None:
    """An ASGI server gets the application that the environment describes, or one of the folder it names."""
    monkeypatch.setenv("QA_INDEX_DIR", str(index))
    for app in (application(), application(index)):
        with TestClient(app) as client:
            wait_until(lambda client=client: client.get("/readyz").status_code == 200)  # type: ignore[misc]
            assert client.get("/readyz").json()["index_version"] == current(index)
