from __future__ import annotations

import asyncio
import hashlib
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from qa_service.api.admin import AdminDesk
from qa_service.api.app import open_retriever
from qa_service.api.journal import Journal
from qa_service.api.live import LiveIndex
from qa_service.artifact.manifest import MANIFEST
from qa_service.config import Settings
from qa_service.errors import OverloadedError
from qa_service.feedback.base import Recorded
from qa_service.feedback.store import FILE, Store
from qa_service.feedback.tally import Gathered
from qa_service.observe import Metrics, logger
from qa_service.retriever import Retriever
from qa_service.web.assets import asset
from tests.test_api_probes import running, serving

KEY = "zebra-canary-admin"
KEYED: dict[str, Any] = {"admin_key_sha256": hashlib.sha256(KEY.encode()).hexdigest()}
BASIC = ("anybody", KEY)


def recorded(folder: Path, *texts: str) -> dict[str, Any]:
    """Settings of a state folder that holds these questions."""
    with closing(Store(folder)) as store:
        store.add(Gathered({}, [Recorded(1_700_000_000 + i, text, "abstained", None) for i, text in enumerate(texts)]))
    return {"state_dir": str(folder), "record_questions": True, "record_days": 3650}


def test_the_page_is_for_those_with_the_key(index: Path) -> None:
    """Without the key the page is 401, and where no key is set there is no page."""
    with serving(index, **KEYED) as client:
        shown, refused = client.get("/admin/", auth=BASIC), client.get("/admin/")
    with serving(index) as client:
        missing = client.get("/admin/", auth=BASIC)
    assert [one.status_code for one in (shown, refused, missing)] == [200, 401, 404]
    assert "How the FAQ is doing" in shown.text


def test_the_page_is_kept_by_nobody_and_runs_nothing(index: Path) -> None:
    """No cache keeps it, its policy has no scripts, and search engines are told to leave it."""
    with serving(index, **KEYED) as client:
        response = client.get("/admin", auth=BASIC)
        sheets = [client.get(f"/assets/{asset(name).published}").status_code for name in ("page.css", "admin.css")]
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'; style-src 'self'" in policy
    assert "script-src" not in policy
    assert '<meta name="robots" content="noindex">' in response.text
    for name in ("page.css", "admin.css"):
        assert f'<link rel="stylesheet" href="../assets/{asset(name).published}">' in response.text
    assert sheets == [200, 200]


def test_a_service_that_is_asked_counts_on_the_page(index: Path) -> None:
    """Without a state folder the questions since the start are told."""
    with serving(index, **KEYED) as client:
        for question in ("What is alpha?", "What is beta?"):
            client.post("/v1/ask", json={"question": question})
        html = client.get("/admin/", auth=BASIC).text
    assert "<li>Questions <strong>2</strong>" in html


def test_questions_of_the_folder_are_on_the_page(index: Path, tmp_path: Path) -> None:
    """What was recorded before the start is grouped, and kept out where recording is off."""
    settings = recorded(tmp_path / "state", "red delta", "a red delta", "six")
    with serving(index, **KEYED, **settings) as client:
        shown = client.get("/admin/", auth=BASIC).text
    with serving(index, **KEYED, **settings | {"record_questions": False}) as client:
        hidden = client.get("/admin/", auth=BASIC).text
    assert "<bdi>red delta</bdi>" in shown
    assert "red delta" not in hidden


def test_the_table(index: Path, tmp_path: Path) -> None:
    """A file to be saved, in UTF-8, that no cache keeps; empty but for its heading where nothing is recorded."""
    with serving(index, **KEYED, **recorded(tmp_path / "state", "=six", "seven")) as client:
        response = client.get("/admin/unanswered.csv", auth=BASIC)
    with serving(index, **KEYED) as client:
        empty = client.get("/admin/unanswered.csv", auth=BASIC)
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == 'attachment; filename="unanswered.csv"'
    assert response.headers["cache-control"] == "no-store"
    head, seven, six, rest = response.content.decode("utf-8-sig").split("\r\n")
    assert head.startswith('"group","question","count"')
    assert (seven, six) == (
        '"","seven","1","2023-11-14 22:13:21","abstained","",""',
        '"","\'=six","1","2023-11-14 22:13:20","abstained","",""',
    )
    assert (rest, empty.content.decode("utf-8-sig")) == ("", f"{head}\r\n")


def test_no_index_no_page(tmp_path: Path) -> None:
    """Before an index serves the page says so like every route."""
    with running(tmp_path / "index", **KEYED) as client:
        response = client.get("/admin/", auth=BASIC)
    assert (response.status_code, response.json()["code"]) == (503, "not-ready")


def test_a_folder_that_breaks_is_told(index: Path, tmp_path: Path) -> None:
    """Where the figures can't be read the page is an error that names the file, and the service goes on."""
    folder = tmp_path / "state"
    with serving(index, **KEYED, **recorded(folder)) as client:
        for suffix in ("", "-wal"):
            (folder / f"{FILE}{suffix}").write_bytes(b"x" * 100_000)
        response = client.get("/admin/", auth=BASIC)
        assert client.get("/readyz").status_code == 200
    assert (response.status_code, response.json()["code"]) == (503, "feedback-unavailable")
    assert FILE in response.json()["detail"]


def desk_of(index: Path) -> tuple[AdminDesk, LiveIndex]:
    """A desk without a state folder, over an index that serves."""
    settings, metrics, log = Settings(index_dir=index), Metrics(), logger("error")
    live = LiveIndex(index, open_retriever("numpy"), metrics, log)
    live.refresh()
    return AdminDesk(settings, live, Journal(settings, metrics, log), metrics), live


def test_a_version_whose_folder_is_gone_has_no_date(index: Path) -> None:
    """When a version was published is read off its folder, which a build may have cleared away meanwhile."""
    desk, live = desk_of(index)
    before = asyncio.run(desk.html())
    (index / live.retriever().version / MANIFEST).unlink()
    after = asyncio.run(desk.html())
    desk.close()
    assert (b"<dt>Published</dt>" in before, b"<dt>Published</dt>" in after) == (True, False)
    assert b"<dt>Loaded</dt>" in after


def test_impatience_is_refused(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One page is made at a time, three more may wait, and the next is refused at once."""
    desk, _ = desk_of(index)
    going_on = threading.Event()

    def slow(_: Retriever) -> bytes:
        assert going_on.wait(60)
        return b"page"

    async def impatient() -> list[bytes | BaseException]:
        monkeypatch.setattr(desk, "_html", slow)
        waiting = [asyncio.create_task(desk.html()) for _ in range(4)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError, match=r"^4 requests for this page are waiting already$"):
            await desk.html()
        going_on.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert asyncio.run(impatient()) == [b"page"] * 4
    desk.close()
