"""A strict reader of the HTML that the project makes."""

from __future__ import annotations

from html.parser import HTMLParser

# The elements of HTML that have no end tag.
VOID = set("area base br col embed hr img input link meta source track wbr".split())


class Tags(HTMLParser):
    """The elements of a page and its text; every element must be closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.blocks: list[str] = []  # what the script elements hold
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open  # elsewhere a browser overlooks the slash
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        (self.blocks if self.open[-1:] == ["script"] else self.text).append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of the elements of that name."""
        return [attributes for name, attributes in self.elements if name == tag]
