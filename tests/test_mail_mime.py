"""Messages in MIME, from their bytes to their text."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_service.mail import body, parts
from qa_service.mail.base import MAX_TEXT_CHARS
from qa_service.mail.mime import Parsed, parse

QUESTION = "Is it free for importers?"
LONG = "We have sold paint in Elda since 1950, and every tin of it is mixed by hand. " * 4


def part(kind: str, text: str, *headers: str) -> str:
    return "\r\n".join((f"Content-Type: {kind}; charset=utf-8", *headers, "", text))


def multipart(kind: str, *inner: str, boundary: str = "=_b") -> str:
    joined = "".join(f"--{boundary}\r\n{one}\r\n" for one in inner)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n{joined}--{boundary}--\r\n'


def text_of(message: str | bytes) -> str:
    return parse(message if isinstance(message, bytes) else message.encode()).text


def test_a_whole_letter() -> None:
    """The headers are decoded, the addresses bare, the date has its offset and the thread is in order."""
    raw = (
        "Return-Path: <ana@example.com>\r\nMessage-ID: <3@example.com>\r\nReferences: <1@example.com>\r\n"
        "In-Reply-To: <2@example.com>\r\nFrom: =?utf-8?q?Ana_P=C3=A9rez?= <ana@example.com>\r\n"
        "Reply-To: Office <office@example.com>\r\nTo: desk@example.org\r\nCc: Ben <ben@example.com>\r\n"
        "Subject: =?utf-8?q?Validaci=C3=B3n?=\r\nDate: Mon, 4 May 2026 10:00:00 +0000\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        "=C2=BFEs gratis? A very long line that=\r\n goes on.\r\n"
    )
    assert parse(raw.encode()) == Parsed(
        message_id="<3@example.com>",
        subject="Validación",
        date=datetime(2026, 5, 4, 10, tzinfo=UTC),
        sender="ana@example.com",
        reply_to="office@example.com",
        to=("desk@example.org", "ben@example.com"),
        references=("<1@example.com>", "<2@example.com>"),
        headers={"return-path": "<ana@example.com>", "in-reply-to": "<2@example.com>"},
        kind="text/plain",
        report=None,
        text="¿Es gratis? A very long line that goes on.\n",
    )


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"\0", b"\xff\xfe", b":\n\n", b"--\r\n", b"Subject:", b" \n \n", b"From \n"]
)
def test_what_is_hardly_a_message_gives_what_there_is(raw: bytes) -> None:
    """Nothing raises, and what is absent is None."""
    parsed = parse(raw)
    assert (parsed.message_id, parsed.date, parsed.sender, parsed.references) == (None, None, None, ())


def test_a_sender_that_can_not_be_read_falls_back() -> None:
    """Sender is taken where From has no sound address, and From where Reply-To has none."""
    parsed = parse(b"From: nobody\nSender: ana@example.com\nReply-To: <x\r\n\r\ny>\n\n")
    assert (parsed.sender, parsed.reply_to) == ("ana@example.com", "ana@example.com")


@pytest.mark.parametrize(
    ("encoding", "encoded"),
    [
        ("base64", base64.b64encode(QUESTION.encode()).decode()),
        ("BASE64", base64.b64encode(QUESTION.encode()).decode().rstrip("=")),
        ("base64", QUESTION),
        ("quoted-printable", "Is it free=20for=\r\n importers?"),
        ("quoted-printable", "Is it free for importers?="),
        ("x-uuencode", f"begin 644 a\r\n{binascii.b2a_uu(QUESTION.encode()).decode()}`\r\nend\r\n"),
        ("x-uuencode", f"begin 644 a\r\n{binascii.b2a_uu(QUESTION.encode()).decode().rstrip()}xx\r\nend\r\n"),
        ("8bit", QUESTION),
        ("nonsense", QUESTION),
    ],
)
def test_transfer_encodings(encoding: str, encoded: str) -> None:
    """A text is read out of its transfer encoding, also where that is broken, unknown or not used at all."""
    assert text_of(part("text/plain", encoded, f"Content-Transfer-Encoding: {encoding}")) == f"{QUESTION}\n"


def test_broken_uuencode_gives_no_text_and_no_error() -> None:
    """Lines that are no uuencode are left out."""
    assert (
        text_of(part("text/plain", "begin 644 a\r\n\x7f\x7f\x7f\r\nend", "Content-Transfer-Encoding: x-uuencode")) == ""
    )


def test_flowed_text_is_joined() -> None:
    """The lines of a paragraph are one line where the message says format=flowed."""
    assert text_of(part("text/plain; format=flowed", "Is it \r\nfree?")) == "Is it free?\n"
    assert text_of(part("text/plain; format=flowed; delsp=yes", "fr \r\nee?")) == "free?\n"


def test_enriched_text_loses_its_tags() -> None:
    """Of the enriched text of old programs the words are kept."""
    assert text_of(part("text/enriched", "Is it <bold>free</bold>?")) == "Is it free?\n"


def test_html_alone() -> None:
    """A letter in HTML is read as text."""
    assert text_of(part("text/html", f"<p>{QUESTION}</p>")) == f"{QUESTION}\n"


@pytest.mark.parametrize(
    ("written", "markup", "expected"),
    [
        (QUESTION, f"<p>{QUESTION}</p><p>-</p>", f"{QUESTION}\n"),
        (LONG, "<p>Other</p>" * 900, f"{LONG.strip()}\n"),
        ("", f"<p>{QUESTION}</p>", f"{QUESTION}\n"),
        (" \r\n\r\n", f"<p>{QUESTION}</p>", f"{QUESTION}\n"),
        ("Your program can't show HTML.", f"<p>{LONG}</p>", f"{' '.join(LONG.split())}\n"),
        ("Yes please.", f"<p>Yes please.</p><blockquote>{LONG}</blockquote>", "Yes please.\n"),
    ],
)
def test_alternatives(written: str, markup: str, expected: str) -> None:
    """The plain text is taken, unless it is empty or a stub beside the HTML."""
    assert expected == text_of(multipart("alternative", part("text/plain", written), part("text/html", markup)))


def test_html_with_pictures_among_the_alternatives() -> None:
    """HTML that comes with its pictures, or with files, is found as well."""
    related = multipart("related", part("text/html", f"<p>{QUESTION}</p>"), part("image/png", "x"), boundary="r")
    assert text_of(multipart("alternative", part("text/plain", ""), related)) == f"{QUESTION}\n"
    assert text_of(multipart("mixed", related, part("application/pdf", "x"))) == f"{QUESTION}\n"


def test_texts_are_joined_and_files_are_not_opened() -> None:
    """All inline texts are read in order; what is attached is not, nor what is no letter's text."""
    raw = multipart(
        "mixed",
        part("text/plain", "First"),
        part("text/csv", "a,b"),
        part("text/calendar", "BEGIN:VCALENDAR"),
        part("text/plain", "Notes", 'Content-Disposition: attachment; filename="notes.txt"'),
        part("image/png", "Picture"),
        part("text/plain", "Second", "Content-Disposition: inline"),
        part("text/html", "<p>First</p>"),
    )
    assert text_of(raw) == "First\n\nSecond\n" or text_of(raw) == "First\nSecond\n"
    assert parse(raw.encode()).files


def test_a_letter_that_calls_itself_an_attachment_is_read() -> None:
    """Where the only text of a message is marked as attached, it is the letter."""
    assert text_of(part("text/plain", QUESTION, "Content-Disposition: attachment")) == f"{QUESTION}\n"


def test_signed_letters() -> None:
    """What S/MIME or PGP signs in the clear is read, without the signature."""
    raw = multipart("signed", part("text/plain", QUESTION), part("application/pkcs7-signature", "MIAGCSq"))
    assert text_of(raw) == f"{QUESTION}\n"
    assert not parse(raw.encode()).unread


@pytest.mark.parametrize(
    "kind", ["application/pkcs7-mime; smime-type=enveloped-data", "multipart/encrypted; boundary=b"]
)
def test_encrypted_letters(kind: str) -> None:
    """What is encrypted has no text, and is told apart from what is empty."""
    parsed = parse(
        f"Content-Type: {kind}\r\n\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\nx\r\n--b--".encode()
    )
    assert (parsed.text, parsed.unread) == ("", True)


def test_attached_messages_are_read_apart() -> None:
    """A message inside a message keeps its own text, at any level, whatever its encoding."""
    inner = "Subject: inner\r\n" + part("text/plain", "Innermost?")
    middle = multipart(
        "mixed", part("text/plain", "Middle."), f"Content-Type: message/rfc822\r\n\r\n{inner}", boundary="m"
    )
    encoded = base64.encodebytes(f"Subject: middle\r\n{middle}".encode()).decode()
    attached = f"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}"
    parsed = parse(multipart("mixed", part("text/plain", "See below."), attached).encode())
    assert (parsed.text, parsed.attached) == ("See below.\n", ("Middle.\n", "Innermost?\n"))


def test_a_digest() -> None:
    """The parts of a digest are messages unless they say otherwise."""
    raw = 'Content-Type: multipart/digest; boundary="d"\r\n\r\n--d\r\n\r\nSubject: a\r\n\r\nOne?\r\n--d\r\n\r\nTwo?\r\n--d--\r\n'
    assert parse(raw.encode()).attached == ("One?\n", "Two?\n")


@pytest.mark.parametrize(
    "raw",
    [
        multipart("mixed", part("text/plain", QUESTION)).replace("--=_b--", ""),
        multipart("mixed", part("text/plain", QUESTION)).replace('boundary="=_b"', ""),
        multipart("mixed", part("text/plain", QUESTION)).replace('boundary="=_b"', 'boundary="other"'),
        multipart("mixed", part("text/plain", QUESTION)).replace('boundary="=_b"', "boundary*=utf-8''%3D_b"),
        multipart("mixed", part("text/plain", QUESTION)).replace('boundary="=_b"', 'boundary*0="="; boundary*1="_b"'),
        multipart("mixed", part("text/plain", QUESTION)).replace("--=_b\r\n", "--=_b \t\r\n--=_b\r\n", 1),
        multipart("mixed", part("text/plain", QUESTION)).replace("\r\n", "\n"),
        multipart("mixed", part("text/plain", QUESTION)).replace("\r\n", "\r"),
        f'Content-Type: multipart/mixed; boundary="b"\r\n\r\n{QUESTION}\r\n',
        f"Content-Type: text\r\n\r\n{QUESTION}",
        f"Content-Type: ;;;=\r\n\r\n{QUESTION}",
        f"Content-Type: text/plain; charset*=nonsense'%ff\r\n\r\n{QUESTION}",
    ],
)
def test_malformed_structure_still_gives_the_text(raw: str) -> None:
    """Missing, wrong, spaced and split boundaries, all line ends and nonsense types cost nothing of the text."""
    assert text_of(raw) == f"{QUESTION}\n"


def test_a_boundary_that_begins_another_is_not_taken_for_it() -> None:
    """A delimiter is a whole line: one that only begins alike belongs to another multipart or to the text."""
    inner = multipart("mixed", part("text/plain", "--=_b is no delimiter"), boundary="=_bb")
    assert text_of(multipart("mixed", inner)) == "--=_b is no delimiter\n"


def test_fifty_thousand_parts() -> None:
    """The first parts are read, and the others left out."""
    inner = "".join(f"--b\r\n\r\nPart {n}\r\n" for n in range(50_000))
    raw = f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{inner}".encode()
    assert len(list(parts.read(raw).walk())) == parts.MAX_PARTS
    assert parse(raw).text.startswith("Part 0\nPart 1\n") or parse(raw).text.startswith("Part 0\n\nPart 1\n")


@pytest.mark.parametrize(
    "level",
    [
        lambda n: f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n',
        lambda n: f"Content-Type: message/rfc822\r\nX-Level: {n}\r\n\r\n",
    ],
    ids=["multipart", "messages"],
)
def test_depth_of_a_thousand(level: object) -> None:
    """What is nested deeper than 20 levels is not read, and the message says so."""
    assert callable(level)
    parsed = parse(("".join(level(n) for n in range(1_000)) + f"\r\n{QUESTION}").encode())
    assert (parsed.text, parsed.unread) == ("", True)
    shallow = "".join(level(n) for n in range(parts.MAX_DEPTH)) + f"\r\n{QUESTION}"
    assert QUESTION in parse(shallow.encode()).text + "".join(parse(shallow.encode()).attached)


@pytest.mark.parametrize(
    "head",
    [
        "Content-Type: text/plain" + "".join(f"; p{n}=1" for n in range(8_000)),
        "Content-Type: text/plain" + "".join(f"; charset*{n}*=%41" for n in range(8_000)),
        "From: " + "(" * 50_000,
        "To: " + "(<" * 50_000,
        "Date: " + "(" * 50_000,
        "Subject: " + "=?utf-8?q?=ff?= " * 10_000,
        "References: " + "<a" * 50_000,
        "X-Long: " + "a" * (2 << 20),
        "\r\n".join(f"X-{n}: 1" for n in range(20_000)),
    ],
    ids=["parameters", "pieces", "From", "To", "Date", "words", "ids", "long", "many"],
)
def test_hostile_headers_leave_the_text(head: str) -> None:
    """Whatever its headers are, the text of a message is read."""
    assert text_of(f"{head}\r\n\r\n{QUESTION}") == f"{QUESTION}\n"


@pytest.mark.parametrize("text", ["a" * (4 << 20), "> " * 383_500, "> a\r\n" * 150_000, "a\r\n" * 500_000])
def test_long_texts_are_cut(text: str) -> None:
    """One endless line, and endless quotes, give 8,000 characters."""
    parsed = parse(f"Subject: long\r\n\r\n{QUESTION}\r\n{text}".encode())
    assert parsed.text.startswith(f"{QUESTION}\n")
    assert len(parsed.text) == MAX_TEXT_CHARS


def test_a_boundary_of_one_dash() -> None:
    """A boundary that begins every line of a rule ends in bounded time, with nothing read."""
    assert text_of(b"Content-Type: multipart/mixed; boundary=-\r\n\r\n" + b"----------\r\n" * 20_000 + b"a") == ""


def test_only_some_html_parts_are_read() -> None:
    """HTML costs most, so a message of hundreds of HTML parts is read in part."""
    raw = multipart("mixed", *(part("text/html", f"<p>Part {n}</p>") for n in range(100)))
    assert "Part 0" in text_of(raw)
    assert "Part 9" not in text_of(raw)


def test_at_most_twenty_attached_messages() -> None:
    """A digest of a thousand messages gives the first twenty."""
    inner = "".join(f"--d\r\n\r\nSubject: a\r\n\r\nPart {n}?\r\n" for n in range(90))
    parsed = parse(f"Content-Type: multipart/digest; boundary=d\r\n\r\n{inner}".encode())
    assert parsed.attached == tuple(f"Part {n}?\n" for n in range(20))


def test_chosen_of_a_message_without_html() -> None:
    """Where there is no HTML, the plain text is taken, even if it is empty."""
    assert (body.chosen("", ""), body.chosen("a", "")) == ("", "a")


@given(st.lists(st.sampled_from(
    [b"--b", b"--b--", b"\r\n", b"\n", b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: text/html", b"\xff", b"a:",
     b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64", b"=?", b"<p>", b" ",
     b"Content-Type: multipart/digest"]
), max_size=40))  # fmt: skip
@settings(deadline=None)
def test_any_bytes_give_a_message(pieces: list[bytes]) -> None:
    """Whatever the bytes, a text of bounded length comes out and nothing raises."""
    assert len(parse(b"".join(pieces)).text) <= MAX_TEXT_CHARS
