"""Headers from bytes to text, addresses, dates and ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.mail import headers


def read(raw: bytes) -> tuple[dict[str, str], bytes]:
    message, body = headers.split(raw, 0, len(raw))
    return {name: str(value) for name, value in message.items()}, raw[body:]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_headers_end_at_the_blank_line(end: bytes) -> None:
    """Headers are unfolded, and the body begins behind the first blank line."""
    raw = end.join((b"Subject: Is it", b"  free?", b"X-Empty:", b"", b"Body: text", b""))
    assert read(raw) == ({"Subject": "Is it free?", "X-Empty": ""}, b"Body: text" + end)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ({}, b"")),
        (b"Just a text", ({}, b"Just a text")),
        (b"Subject: a\nNo header, says she\n", ({"Subject": "a"}, b"No header, says she\n")),
        (b"From ana@example.com Mon May  3\nSubject: a\n\nb", ({"Subject": "a"}, b"b")),
        (b" folded first\nSubject: a\n\nb", ({"Subject": "a"}, b"b")),
        (b"Subject : spaced\n\nb", ({"Subject": "spaced"}, b"b")),
    ],
)
def test_headers_that_are_not_as_they_should_be(raw: bytes, expected: tuple[dict[str, str], bytes]) -> None:
    """A text without headers, a missing blank line and an mbox line cost nothing of the text."""
    assert expected == read(raw)


@pytest.mark.parametrize(("raw", "expected"), [("Größe?".encode(), "Größe?"), ("Größe?".encode("cp1252"), "Größe?")])
def test_raw_bytes_in_headers(raw: bytes, expected: str) -> None:
    """Headers that are not encoded are UTF-8, or else Windows-1252."""
    assert expected == read(b"Subject: " + raw + b"\n\n")[0]["Subject"]


def test_headers_are_bounded() -> None:
    """Long values are cut, headers beyond 1,000 lines or 64 kB are passed over, and the body is found all the same."""
    long, body = read(b"Subject: " + b"a" * 200_000 + b"\nX-Later: 1\n\nIs it free?")
    assert (len(long["Subject"]) <= 16_384, body) == (True, b"Is it free?")
    many, body = read(b"".join(b"X-%d: 1\r\n" % n for n in range(5_000)) + b"\r\nIs it free?")
    assert (len(many), body) == (headers.MAX_HEAD_LINES, b"Is it free?")
    assert read(b"Subject: a\n" + b"X: 1\n" * 5_000)[1] == b""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Is it free?", "Is it free?"),
        ("=?utf-8?q?Gr=C3=B6=C3=9Fe=3F?=", "Größe?"),
        ("=?ISO-8859-1?B?R3L232U/?=", "Größe?"),
        ("=?utf-8?q?one_?= =?utf-8?q?two?=", "one two"),
        ("=?utf-8?q?=E2=82?= =?utf-8?q?=AC?=", "€"),
        ("Re: =?utf-8?q?caf=C3=A9?= open?", "Re: café open?"),
        ("=?utf-8?q?a?= =?iso-8859-1?q?=E9?=", "aé"),
        ("=?utf-8*de?q?Gr=C3=B6=C3=9Fe?=", "Größe"),
        ("=?x-unknown?q?caf=C3=A9?=", "café"),
        ("=?utf-8?b?!!!?=", "!!!"),
        ("=?utf-8?q?broken", "=?utf-8?q?broken"),
        ("=?utf-8?q?a=0D=0ABcc:_x@example.com?=", "a Bcc: x@example.com"),
        ("a\u202eb\x00c\u200bd", "a b c d"),
    ],
)
def test_text(value: str, expected: str) -> None:
    """Encoded words are decoded, broken ones kept or dropped, and nothing invisible or line-breaking is left."""
    assert expected == headers.text(value)


def test_text_is_bounded() -> None:
    """A header of a megabyte gives 998 characters at most."""
    assert len(headers.text("=?utf-8?q?=ff?= " * 60_000)) <= 998
    assert len(headers.text("a" * 1_000_000)) == 998


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"SXMgaXQgZnJlZT8=", b"Is it free?"),
        (b"SXMg\r\naXQgZnJl\r\nZT8=\r\n", b"Is it free?"),
        (b"SXMgaXQgZnJlZT8", b"Is it free?"),
        (b"SXMgaXQgZnJlZT8=X", b"Is it free?"),
        (b"Is it free? No base64 at all, sorry.", b"Is it free? No base64 at all, sorry."),
        (b"", b""),
    ],
)
def test_base64(raw: bytes, expected: bytes) -> None:
    """Base64 that is cut, or followed by rubbish, gives what can be read; what is none stays."""
    assert headers.base64(raw).startswith(expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ana@example.com", ("ana@example.com",)),
        ("Ana Soto <ana@example.com>", ("ana@example.com",)),
        ('"Soto, Ana" <ana@example.com>, ben@example.org', ("ana@example.com", "ben@example.org")),
        ('"ben@example.org" <ana@example.com>', ("ana@example.com",)),
        ("ana@example.com (Ana (of Acme))", ("ana@example.com",)),
        ("Desk: ana@example.com, ben@example.org;", ("ana@example.com", "ben@example.org")),
        ("=?utf-8?q?Ana=2C_Soto?= <ana@example.com>", ("ana@example.com",)),
        ("<ana@example.com\r\nBcc: all@example.org>", ()),
        ("<ana @example.com>", ()),
        ("<ana@exa\x00mple.com>", ()),
        ("<a,b@example.com>", ()),
        ("ana@-example.com", ()),
        ("@example.com", ()),
        ("a" * 65 + "@example.com", ()),
        ("a@" + "b." * 130 + "com", ()),
        ("undisclosed-recipients:;", ()),
        ("(" * 5_000, ()),
        ('"' * 5_000, ()),
        ("<" * 5_000, ()),
        ("\\" * 5_000 + "a@example.com", ()),
    ],
)
def test_addresses(value: str, expected: tuple[str, ...]) -> None:
    """Only bare, sound addresses are taken, so nothing can be injected into a header; nesting costs nothing."""
    assert expected == headers.addresses(value)


def test_addresses_are_bounded() -> None:
    """Of a long list the first hundred are taken."""
    assert len(headers.addresses(", ".join(f"a{n}@example.com" for n in range(1_000)))) == 100


@given(st.text(max_size=80))
def test_an_address_holds_nothing_but_an_address(value: str) -> None:
    """Whatever a header holds, what is taken is printable ASCII in one piece."""
    for address in headers.addresses(f"a@example.com{value}, <b{value}@example.com>"):
        assert address.isascii()
        assert address.isprintable()
        assert not set(' ,;:<>()"\\') & set(address)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Mon, 3 May 2026 10:00:00 +0200", datetime(2026, 5, 3, 10, tzinfo=timezone(timedelta(hours=2)))),
        ("3 May 2026 10:00:00 GMT", datetime(2026, 5, 3, 10, tzinfo=UTC)),
        ("3 May 2026 10:00:00 -0000", datetime(2026, 5, 3, 10, tzinfo=UTC)),
        ("3 May 2026 10:00:00", datetime(2026, 5, 3, 10, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        ("99 May 2026 10:00:00 +0200", None),
        ("3 May 9999 10:00:00 +0200", None),
        ("3 May 2026 10:00:00 +9999", None),
        ("(" * 10_000, None),
    ],
)
def test_date(value: str, expected: datetime | None) -> None:
    """A date has its offset from UTC, or is none."""
    assert expected == headers.date(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<1@example.com>", "<1@example.com>"),
        (" <1@example.com> (comment)", "<1@example.com>"),
        ("1@example.com", "<1@example.com>"),
        ("<1 2@example.com>", None),
        ("<é@example.com>", None),
        ("<" + "a" * 300 + ">", None),
        ("none", None),
        ("", None),
    ],
)
def test_message_id(value: str, expected: str | None) -> None:
    """A message id is printable ASCII in angle brackets, or there is none."""
    assert expected == headers.message_id(value)


def test_references() -> None:
    """The thread is told oldest first, once each, without the message itself, and the last fifty of it."""
    message, _ = headers.split(
        b"Message-ID: <c@x>\nReferences: <a@x> <b@x>\n <a@x> <c@x>\nIn-Reply-To: <d@x> <e@x>\n\n", 0, 99
    )
    assert headers.references(message) == ("<a@x>", "<b@x>", "<d@x>")
    raw = b"References: " + b" ".join(b"<%d@x>" % n for n in range(500)) + b"\n\n"
    message, _ = headers.split(raw, 0, len(raw))
    assert len(headers.references(message)) == 50
    assert headers.references(message)[-1] == "<499@x>"
