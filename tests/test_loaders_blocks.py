from __future__ import annotations

from qa_service.loaders.blocks import Link, anchors, links


def test_links_with_their_lines() -> None:
    """Links, references and images wherever they stand, each with its line and its target as written; code is none."""
    text = (
        "# A [title](#one)\n\nText\nwith [two](two.md) and ![three](three%20.png)\n\n- item\n\n  > [four][ref] `[no](no)`\n\n"
        "```\n[no](no)\n```\n\n[ref]: https://example.gov/four#x\n\n<https://example.gov/five>\n"
    )
    assert links(text) == [
        Link(0, "#one"),
        Link(3, "two.md"),
        Link(3, "three .png"),
        Link(7, "https://example.gov/four#x"),
        Link(15, "https://example.gov/five"),
    ]


def test_a_link_without_a_target_is_none() -> None:
    """An empty target leads to the page itself."""
    assert links("[here]()") == []


def test_anchors() -> None:
    """Headings as GitHub writes them, numbered where they repeat, `{#names}`, and ids and names in HTML; not in code."""
    text = (
        "# What's *new*, in `2026`? {#news}\n\nTwice\n=====\n\n> ## Twice\n\n## Ça va_là\n\n"
        "<div class=x id=\"block\"></div>\n\nText <a name='inline'></a>.\n\n```\n# No\n<a id='no'></a>\n```\n"
    )
    assert anchors(text) == {"news", "whats-new-in-2026", "twice", "twice-1", "ça-va_là", "block", "inline"}
