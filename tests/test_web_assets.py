from __future__ import annotations

import base64
import gzip
import hashlib
from importlib import resources

import pytest

from qa_service.errors import NotFoundError
from qa_service.web.assets import asset, published

NAMES = ["page.css", "page.js", "showcase.js", "faq-ask.js"]


@pytest.mark.parametrize("name", NAMES)
def test_an_asset_is_its_file(name: str) -> None:
    """The bytes are those of the package's file, and compressed they are the same."""
    found = asset(name)
    assert found.body == resources.files("qa_service.web").joinpath(name).read_bytes()
    assert gzip.decompress(found.gzipped) == found.body
    assert len(found.gzipped) < len(found.body)


@pytest.mark.parametrize("name", NAMES)
def test_an_asset_is_named_by_its_bytes(name: str) -> None:
    """The name holds the beginning of the SHA-256; the integrity is the whole SHA-384."""
    found = asset(name)
    stem, kind = name.split(".")
    assert found.published == f"{stem}.{hashlib.sha256(found.body).hexdigest()[:16]}.{kind}"
    assert found.integrity == f"sha384-{base64.b64encode(hashlib.sha384(found.body).digest()).decode()}"


def test_media_types() -> None:
    """Style sheets and scripts are sent as what they are, in UTF-8."""
    assert asset("page.css").media_type == "text/css; charset=utf-8"
    assert asset("page.js").media_type == "text/javascript; charset=utf-8"


def test_an_asset_is_read_once() -> None:
    """Asked again, the same object comes back."""
    assert asset("page.css") is asset("page.css")


def test_a_name_with_its_hash_stands_for_the_asset() -> None:
    """Both names lead to the file, and only one of them is the name of these bytes."""
    found = asset("faq-ask.js")
    assert published("faq-ask.js") == (found, False)
    assert published(found.published) == (found, True)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "page",
        "page.html",
        "base.html",
        "missing.css",
        "page.0123456789abcdef.css",
        "page.0123456789ABCDEF.css",
        "page.css\n",
        "../config.py",
        "..%2fconfig.py",
        "a/page.css",
        "page..css",
        "PAGE.CSS",
    ],
)
def test_nothing_else_is_served(name: str) -> None:
    """Templates, modules, files of other folders and other hashes are not there."""
    with pytest.raises(NotFoundError):
        published(name)
    with pytest.raises(NotFoundError):
        asset(name)


def test_a_published_name_is_no_plain_one() -> None:
    """A name with a hash is looked up by `published` alone."""
    with pytest.raises(NotFoundError):
        asset(asset("page.css").published)
