from __future__ import annotations

import base64
import hashlib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from qa_service import __version__
from qa_service.artifact.publish import current
from qa_service.confidence import Calibration
from tests import fakes
from tests.test_api_ask import calibrated
from tests.test_api_probes import FAQ, serving

_MANY: list[dict[str, object]] = [
    {"id": f"e{i:03}", "question": f"What is {fakes.WORDS[i % 40]} {i}?", "answer": str(i)} for i in range(103)
]


def _walk(client: TestClient, limit: int | None) -> tuple[list[str], list[int]]:
    """The ids of all pages in order, and the size of each page."""
    ids: list[str] = []
    sizes: list[int] = []
    params: dict[str, Any] = {} if limit is None else {"limit": limit}
    while True:
        page = client.get("/v1/entries", params=params).json()
        ids += [entry["id"] for entry in page["entries"]]
        sizes.append(len(page["entries"]))
        if page["next_cursor"] is None:
            return ids, sizes
        params["cursor"] = page["next_cursor"]


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [(None, [50, 50, 3]), (100, [100, 3]), (34, [34, 34, 34, 1]), (1, [1] * 103)],
)
def test_pages_walk_every_entry_once(tmp_path: Path, limit: int | None, sizes: list[int]) -> None:
    """The pages give every entry once, in the order of the FAQ, and the last page has no cursor."""
    fakes.build_index(tmp_path, _MANY)
    with serving(tmp_path / "index", log_level="error") as client:
        assert _walk(client, limit) == ([str(entry["id"]) for entry in _MANY], sizes)


def test_a_page_that_ends_with_the_faq_has_no_cursor(index: Path) -> None:
    """A page that holds exactly the rest has no cursor, so no empty page follows."""
    with serving(index) as client:
        assert client.get("/v1/entries", params={"limit": 3}).json()["next_cursor"] is None
        assert _walk(client, 2) == (["alpha", "beta", "gamma"], [2, 1])


def test_an_entry_as_published(tmp_path: Path) -> None:
    """An entry shows all that was published of it, alone as in the list."""
    entry: dict[str, object] = {
        "id": "one",
        "question": "What is alpha?",
        "answer": "Red.",
        "alternates": ["who is alpha"],
        "language": "en-US",
        "tags": ["x", "y"],
        "source_uri": "https://example.gov/faq",
        "effective_from": "2024-01-01",
        "effective_to": "2024-12-31",
        "reviewed_at": "2024-02-03",
    }
    fakes.build_index(tmp_path, [entry])
    with serving(tmp_path / "index", calibrated(clock=lambda: date(2024, 6, 1))) as client:
        single = client.get("/v1/entries/one").json()
        page = client.get("/v1/entries").json()
    source = single.pop("source")
    assert single == {
        "id": "one",
        "question": "What is alpha?",
        "answer": "Red.",
        "answer_html": "<p>Red.</p>",
        "alternates": ["who is alpha"],
        "language": "en-US",
        "tags": ["x", "y"],
        "effective_from": "2024-01-01",
        "effective_to": "2024-12-31",
        "reviewed_at": "2024-02-03",
    }
    assert (source["document"], source["title"], source["uri"]) == ("faq.jsonl", None, "https://example.gov/faq")
    raw = (tmp_path / "faq.jsonl").read_bytes()
    assert raw[source["start"] : source["end"]] == b"Red."
    assert page == {
        "entries": [{**single, "source": source}],
        "next_cursor": None,
        "index_version": current(tmp_path / "index"),
    }


def _cursor(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    ["", "!", "zebra", "%%%", "\u2603", "A", _cursor(b"zebra"), _cursor(b"\xff"), _cursor(b"alph"), "A" * 1000],
)
def test_bad_cursor(index: Path, cursor: str) -> None:
    """A cursor that this index did not give out is refused, not taken for the first page."""
    with serving(index) as client:
        response = client.get("/v1/entries", params={"cursor": cursor})
    assert (response.status_code, response.json()["code"]) == (422, "cursor-invalid")
    assert response.json()["detail"] == "the cursor is not one of this index; begin again without it"


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"cursor": "A" * 1001}])
def test_bad_parameters(index: Path, params: dict[str, str | int]) -> None:
    """A limit outside 1 to 100 and an endless cursor are refused by name."""
    with serving(index) as client:
        response = client.get("/v1/entries", params=params)
    assert (response.status_code, response.json()["code"]) == (422, "request-invalid")
    assert [error["field"] for error in response.json()["errors"]] == [f"query.{next(iter(params))}"]


@pytest.mark.parametrize("path", ["/v1/entries", "/v1/entries?limit=1", "/v1/entries/alpha", "/v1/info"])
def test_etag(index: Path, path: str) -> None:
    """Who holds the same bytes already gets 304 and no body; who holds others gets the bytes."""
    with serving(index) as client:
        whole = client.get(path)
        tag = whole.headers["etag"]
        opaque = tag.removeprefix("W/")
        held = [client.get(path, headers={"If-None-Match": v}) for v in (tag, opaque, f'"x", {tag}', "*")]
        others = [client.get(path, headers={"If-None-Match": v}) for v in ('"x"', opaque.strip('"'), "")]
        held.append(client.get(path, headers=[("If-None-Match", '"x"'), ("If-None-Match", tag)]))
    assert whole.status_code == 200
    assert tag == f'W/"{hashlib.sha256(whole.content).hexdigest()[:32]}"'
    assert whole.headers["cache-control"] == "no-cache"
    assert [(r.status_code, r.content, r.headers["etag"]) for r in held] == [(304, b"", tag)] * 5
    assert [(r.status_code, r.content, r.headers["etag"]) for r in others] == [(200, whole.content, tag)] * 3


def test_etags_differ_with_the_bytes(index: Path) -> None:
    """Different bytes have different tags."""
    paths = ["/v1/entries", "/v1/entries?limit=1", "/v1/entries?limit=2", "/v1/entries/alpha", "/v1/entries/beta"]
    with serving(index) as client:
        assert len({client.get(path).headers["etag"] for path in paths}) == len(paths)


def test_etag_changes_with_the_window(tmp_path: Path) -> None:
    """The list's tag changes on the day that an entry comes into effect."""
    entries = [*FAQ, {"id": "new", "question": "What is mu?", "answer": "1", "effective_from": "2024-06-02"}]
    fakes.build_index(tmp_path, entries)
    day = [date(2024, 6, 1)]
    with serving(tmp_path / "index", calibrated(clock=lambda: day[0])) as client:
        before = client.get("/v1/entries")
        day[0] = date(2024, 6, 2)
        after = client.get("/v1/entries", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert [len(r.json()["entries"]) for r in (before, after)] == [3, 4]


def test_out_of_effect(tmp_path: Path) -> None:
    """Entries before or after their window are neither listed nor found, and the pages pass over them."""
    fakes.build_index(
        tmp_path,
        [
            {"id": "past", "question": "What is alpha?", "answer": "1", "effective_to": "2024-05-31"},
            {"id": "now", "question": "What is beta?", "answer": "2", "effective_from": "2024-06-01"},
            {"id": "future", "question": "What is gamma?", "answer": "3", "effective_from": "2024-06-02"},
            {"id": "always", "question": "What is delta?", "answer": "4"},
        ],
    )
    with serving(tmp_path / "index", calibrated(clock=lambda: date(2024, 6, 1))) as client:
        listed = _walk(client, 1)
        found = {i: client.get(f"/v1/entries/{i}").status_code for i in ("past", "now", "future", "always")}
        expired = client.get("/v1/entries", params={"cursor": _cursor(b"past")})
    assert listed == (["now", "always"], [1, 1])
    assert found == {"past": 404, "now": 200, "future": 404, "always": 200}
    assert (expired.status_code, expired.json()["code"]) == (422, "cursor-invalid")


def test_info(index: Path) -> None:
    """The information names the release, the index, the model, the documents and the threshold."""
    with serving(index) as client:
        found = client.get("/v1/info").json()
        source = client.get("/v1/entries/alpha").json()["source"]
    card = fakes.card()
    assert found == {
        "service_version": __version__,
        "index_version": current(index),
        "model": {
            "name": "fake",
            "precision": "int8",
            "dimension": len(fakes.WORDS),
            "weights_sha256": card.weights_sha256,
        },
        "entries": 3,
        "languages": ["en", "es"],
        "documents": {"faq.jsonl": source["sha256"]},
        "answer_threshold": round(Calibration().answer_threshold, 6),
        "figures": {},
        "title": "Frequently asked questions",
        "examples": [
            {"id": "alpha", "question": "What is alpha?", "language": "en"},
            {"id": "beta", "question": "What is beta?", "language": "en"},
            {"id": "gamma", "question": "What is gamma?", "language": "es"},
        ],
        "contact_url": None,
    }


def test_examples_in_a_language_come_first(index: Path) -> None:
    """Who names a language gets its examples before the others; what is no language is refused."""
    with serving(index) as client:
        spanish = client.get("/v1/info", params={"language": "es-MX"}).json()["examples"]
        refused = client.get("/v1/info", params={"language": "no language"})
    assert [one["id"] for one in spanish] == ["gamma", "alpha", "beta"]
    assert (refused.status_code, refused.json()["code"]) == (422, "request-invalid")
