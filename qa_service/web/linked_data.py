"""The FAQ as search engines read it: schema.org's FAQPage in JSON-LD (https://schema.org/FAQPage)."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence

from qa_service.domain import Entry

# In a script element `</script>` and `<!--` would be read as HTML; escaped, no such thing is left.
_ESCAPES = str.maketrans({ch: f"\\u{ord(ch):04x}" for ch in "<>&\u2028\u2029"})


def faq_page(entries: Sequence[Entry], title: str, language: str, url: str, link: Callable[[str], str]) -> str:
    """The data block of a page, as text that may stand in a script element.

    Args:
        entries: those on the page, one at least.
        title: of the page.
        language: of the title.
        url: the page's own address.
        link: the address of an entry, by its id.
    """
    told = {
        "@context": "https://schema.org",
        "@type": "FAQPage",
        "@id": url,
        "url": url,
        "name": title,
        "inLanguage": language,
        "mainEntity": [_question(entry, link(entry.id)) for entry in entries],
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).translate(_ESCAPES)


def _question(entry: Entry, url: str) -> dict[str, object]:
    answer = {
        "@type": "Answer",
        "text": entry.answer_html or html.escape(entry.answer, quote=False),
        "inLanguage": entry.language,
        "url": url,
    }
    return {
        "@type": "Question",
        "name": entry.question,
        "inLanguage": entry.language,
        "url": url,
        "acceptedAnswer": answer,
    }
