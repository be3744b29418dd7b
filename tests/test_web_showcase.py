from __future__ import annotations

import html
import itertools
import re

from qa_service.web.assets import asset
from qa_service.web.showcase import WIDGET, render_showcase, snippet
from tests.tags import Tags
from tests.test_web_page import HOSTILE

BASE = "https://faq.example.gov/"


def test_the_snippet_loads_these_bytes() -> None:
    """It names the script by its hash, with its integrity, as the pages of other origins load it."""
    found = asset(WIDGET)
    assert snippet(BASE, keyed=False) == (
        f'<script type="module" src="https://faq.example.gov/widget/{found.published}"\n'
        f'  integrity="{found.integrity}" crossorigin></script>\n'
        '<faq-ask endpoint="https://faq.example.gov/"></faq-ask>'
    )
    assert snippet(BASE, keyed=True).endswith(' key="…"></faq-ask>')


def test_the_page_shows_the_snippet_and_the_element() -> None:
    """The snippet stands there to be copied, and the element works in the page and as a dialog."""
    text = render_showcase(BASE, keyed=False)
    tags = Tags(text)
    assert html.escape(snippet(BASE, keyed=False), quote=False) in text.replace("&#34;", '"')
    assert [a.get("mode") for a in tags.named("faq-ask")] == [None, "dialog"]
    assert {a["endpoint"] for a in tags.named("faq-ask")} == {"../"}


def test_with_keys_nothing_is_live() -> None:
    """Where a key is needed the element would only fail, so there is a sentence."""
    tags = Tags(render_showcase(BASE, keyed=True))
    assert tags.named("faq-ask") == []
    assert "This service asks for a key, so there is nothing to see here." in tags.text


def test_headings_are_in_order() -> None:
    """No heading skips a level."""
    levels = [int(tag[1]) for tag, _ in Tags(render_showcase(BASE, keyed=False)).elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_the_tables_name_what_the_element_has() -> None:
    """Each part and each custom property of the element is documented, and none that it lacks."""
    script = asset(WIDGET).body.decode()
    text = " ".join(Tags(render_showcase(BASE, keyed=False)).text)
    properties = set(re.findall(r"var\((--faq-[a-z-]+)", script))
    assert properties
    assert properties == set(re.findall(r"--faq-[a-z-]+", text))


def test_an_address_stays_an_address() -> None:
    """The address of a request is shown as it is and does nothing."""
    tags = Tags(render_showcase(f"http://{HOSTILE}/", keyed=False))
    assert [block for block in tags.blocks if block.strip()] == []
    assert tags.named("img") == []
