from __future__ import annotations

from pathlib import Path

import pytest

from qa_service.web import POLICY
from qa_service.web.assets import asset
from tests.test_api_probes import serving

FOREVER = "public, max-age=31536000, immutable"


@pytest.mark.parametrize(("folder", "name"), [("assets", "page.css"), ("assets", "page.js"), ("widget", "faq-ask.js")])
def test_a_file_under_both_names(index: Path, folder: str, name: str) -> None:
    """Under its hash a file is kept for ever; under its plain name clients ask each time."""
    found = asset(name)
    with serving(index) as client:
        hashed, plain = client.get(f"/{folder}/{found.published}"), client.get(f"/{folder}/{name}")
    assert hashed.content == plain.content == found.body
    assert hashed.headers["content-type"] == plain.headers["content-type"] == found.media_type
    assert (hashed.headers["cache-control"], plain.headers["cache-control"]) == (FOREVER, "no-cache")
    assert hashed.headers["etag"] == plain.headers["etag"]


def test_files_are_compressed_once(index: Path) -> None:
    """Who takes gzip gets the bytes that were compressed at the beginning, and the response varies by that."""
    found = asset("page.css")
    with serving(index) as client:
        packed = client.get("/assets/page.css", headers={"Accept-Encoding": "gzip"})
        plain = client.get("/assets/page.css", headers={"Accept-Encoding": "identity"})
        held = client.get("/assets/page.css", headers={"If-None-Match": packed.headers["etag"]})
    assert (packed.headers["content-encoding"], packed.content) == ("gzip", found.body)
    assert int(packed.headers["content-length"]) == len(found.gzipped)
    assert ("content-encoding" in plain.headers, plain.content) == (False, found.body)
    assert "Accept-Encoding" in packed.headers["vary"]
    assert "Accept-Encoding" in plain.headers["vary"]
    assert (held.status_code, held.content, held.headers["cache-control"]) == (304, b"", "no-cache")


def test_other_sites_may_load_the_element_alone(index: Path) -> None:
    """The element is for the pages of all origins, the files of this service's pages are not."""
    with serving(index) as client:
        element = [client.get(f"/widget/{name}") for name in ("faq-ask.js", asset("faq-ask.js").published)]
        own = client.get("/assets/page.js")
    for response in element:
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "access-control-allow-origin" not in own.headers
    assert own.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/faq.html",
        "/assets/page.0123456789abcdef.css",
        "/assets/..%2fconfig.py",
        "/assets/%00",
        "/widget/faq-ask.0123456789abcdef.js",
        "/widget/page.css",
        "/widget/showcase.html",
    ],
)
def test_nothing_else_is_there(index: Path, path: str) -> None:
    """Other hashes, other kinds of files and other folders are not found."""
    with serving(index) as client:
        response = client.get(path)
    assert (response.status_code, response.json()["code"]) == (404, "not-found")


def test_the_page_of_the_element(index: Path) -> None:
    """It is served under the policy of pages, before an index is there too, with the address to copy."""
    with serving(index, public_url="https://faq.example.gov/help") as client:
        response = client.get("/widget/")
        redirected = client.get("/widget", follow_redirects=False)
        held = client.get("/widget/", headers={"If-None-Match": response.headers["etag"]})
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert response.headers["content-security-policy"] == POLICY
    assert f"https://faq.example.gov/help/widget/{asset('faq-ask.js').published}" in response.text
    assert asset("faq-ask.js").integrity in response.text
    assert redirected.status_code == 307
    assert held.status_code == 304


def test_the_page_of_the_element_with_keys(index: Path) -> None:
    """With keys it has the snippet with a place for one, and nothing live."""
    with serving(index, key_sha256="0" * 64) as client:
        text = client.get("/widget/").text
    assert "<faq-ask " not in text
    assert "key=&#34;…&#34;" in text
