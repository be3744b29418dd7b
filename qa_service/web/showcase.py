"""The page that shows the element for other pages: live, as text to copy, and everything that can be set on it."""

from __future__ import annotations

from qa_service.web.assets import asset
from qa_service.web.templates import render
from qa_service.web.words import words_for

WIDGET = "faq-ask.js"
_TITLE = "The question box for your own pages"


def render_showcase(base: str, keyed: bool) -> str:
    """The whole page, in English.

    Args:
        base: the address of the service, with a slash at its end.
        keyed: whether a key is needed to ask, so that nothing can be shown live.
    """
    return render(
        "showcase.html",
        words=words_for("en"),
        document_title=_TITLE,
        root="../",
        base=base,
        keyed=keyed,
        widget=asset(WIDGET),
        style=asset("page.css"),
        script=asset("showcase.js"),
        snippet=snippet(base, keyed),
    )


def snippet(base: str, keyed: bool) -> str:
    """The lines that put the element on a page.

    Args:
        base: the address of the service, with a slash at its end.
        keyed: whether a key is needed to ask.
    """
    widget = asset(WIDGET)
    key = ' key="…"' if keyed else ""
    return (
        f'<script type="module" src="{base}widget/{widget.published}"\n'
        f'  integrity="{widget.integrity}" crossorigin></script>\n'
        f'<faq-ask endpoint="{base}"{key}></faq-ask>'
    )
