"""Messages as Outlook saves them, from their bytes to their text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from qa_service.mail.base import MAX_TEXT_CHARS
from qa_service.mail.mime import Parsed
from qa_service.mail.outlook import is_outlook, parse
from tests.msgfile import Ansi, Filetime, Node, Value, attached, compound, file, inner, msg

CLASS, SUBJECT, SENT, HEADERS, BODY, HTML = 0x001A, 0x0037, 0x0039, 0x007D, 0x1000, 0x1013
EMAIL, SMTP, MESSAGE_ID, REFERENCES, ANSWERED, CODEPAGE = 0x0C1F, 0x5D01, 0x1035, 0x1039, 0x1042, 0x3FDE
QUESTION = "Is it free for importers?"
DATE = datetime(2026, 5, 4, 10, tzinfo=UTC)
HEAD = (
    "Return-Path: <ana@example.com>\r\nFrom: Ana <ana@example.com>\r\nReply-To: office@example.com\r\n"
    "To: desk@example.org\r\nSubject: =?utf-8?q?Validaci=C3=B3n?=\r\nDate: Mon, 4 May 2026 12:00:00 +0200\r\n"
    "Message-ID: <2@example.com>\r\nReferences: <1@example.com>\r\nAuto-Submitted: no\r\n"
    'Content-Type: multipart/mixed;\r\n boundary="b"\r\n\r\n--b\r\nPrecedence: bulk\r\n'
)


def filetime(moment: datetime) -> Filetime:
    return Filetime((moment - datetime(1601, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 10)


def letter(values: dict[int, Value], *held: Node) -> Parsed:
    return parse(msg({CLASS: "IPM.Note", **values}, held))


def test_an_outlook_file_is_told_by_its_first_bytes() -> None:
    """A compound file may be a message; mail as servers have it is none."""
    assert is_outlook(msg({BODY: QUESTION}))
    assert not is_outlook(b"Subject: x\n\nx")
    assert not is_outlook(b"")


def test_a_letter_that_was_received_has_the_headers_it_came_with() -> None:
    """The headers of its way win over what Outlook keeps; those of its parts don't count."""
    kept: dict[int, Value] = {
        CLASS: "IPM.Note", SUBJECT: "other", SENT: filetime(DATE + timedelta(days=1)), EMAIL: "/O=EXAMPLE/CN=ANA",
        SMTP: "other@example.com", MESSAGE_ID: "<9@example.com>", REFERENCES: "<8@example.com>", HEADERS: HEAD,
        BODY: f"Hello,\r\n\r\n{QUESTION}\r\n",
    }  # fmt: skip
    assert parse(msg(kept, recipients=["other@example.org"])) == Parsed(
        message_id="<2@example.com>",
        subject="Validación",
        date=DATE,
        sender="ana@example.com",
        reply_to="office@example.com",
        to=("desk@example.org",),
        references=("<1@example.com>",),
        headers={"return-path": "<ana@example.com>", "auto-submitted": "no"},
        kind="multipart/mixed",
        report=None,
        text=f"Hello,\n\n{QUESTION}\n",
    )


@pytest.mark.parametrize("end", ["", "\0", "\r\n\0"])
def test_a_letter_without_headers_has_what_outlook_keeps(end: str) -> None:
    """One that was never sent, or that came from within the house; texts may end with NUL."""
    kept: dict[int, Value] = {
        CLASS: f"IPM.Note{end}", SUBJECT: f"Renewal{end}", SENT: filetime(DATE), SMTP: f"ana@example.com{end}",
        EMAIL: "/O=EXAMPLE/CN=ANA", MESSAGE_ID: f"<3@example.com>{end}", REFERENCES: f"<1@example.com>{end}",
        ANSWERED: f"<2@example.com>{end}", BODY: f"{QUESTION}{end}",
    }  # fmt: skip
    found = parse(msg(kept, recipients=[f"desk@example.org{end}", "/O=EXAMPLE/CN=BEN", "cleo@example.org"]))
    assert (found.subject, found.date, found.sender, found.reply_to) == ("Renewal", DATE, *["ana@example.com"] * 2)
    assert (found.message_id, found.references) == ("<3@example.com>", ("<1@example.com>", "<2@example.com>"))
    assert (found.to, found.text, found.kind) == (
        ("desk@example.org", "cleo@example.org"),
        f"{QUESTION}\n",
        "text/plain",
    )


def test_an_address_of_exchange_is_no_address() -> None:
    """Nobody outside can be answered there."""
    assert letter({EMAIL: "/O=EXAMPLE/CN=ANA", BODY: QUESTION}).sender is None
    assert letter({EMAIL: "ana@example.com", BODY: QUESTION}).sender == "ana@example.com"


def test_headers_below_a_banner_are_read() -> None:
    """Old Exchange servers put a line above them that is no header."""
    banner = "Microsoft Mail Internet Headers Version 2.0\r\n"
    assert letter({HEADERS: f"{banner}Auto-Submitted: auto-replied\r\n\r\n"}).headers == {
        "auto-submitted": "auto-replied"
    }
    assert letter({HEADERS: f"\r\n{HEAD}"}).message_id == "<2@example.com>"
    assert letter({HEADERS: banner, SUBJECT: "Renewal"}).subject == "Renewal"


@pytest.mark.parametrize("ticks", [0, 2**62, 2**63 - 1, 2**64 - 1, filetime(datetime(4501, 1, 1, tzinfo=UTC))])
def test_a_date_that_cannot_be_is_none(ticks: int) -> None:
    """What stands for "never" must not cost the letter."""
    found = letter({SENT: Filetime(ticks), BODY: QUESTION})
    assert (found.date, found.text) == (None, f"{QUESTION}\n")


def test_a_broken_date_header_is_made_up_for() -> None:
    """The moment that Outlook keeps is taken."""
    assert letter({HEADERS: "Date: soon\r\n", SENT: filetime(DATE)}).date == DATE


@pytest.mark.parametrize(
    "markup",
    [
        f"<p>¿Sí? {QUESTION}</p>",
        Ansi(f"<p>¿Sí? {QUESTION}</p>".encode("iso-8859-15")),
        f"<p>¿Sí? {QUESTION}</p>".encode(),
    ],
)
def test_html_is_read_where_there_is_no_text(markup: Value) -> None:
    """As characters, as 8-bit text, and as the bytes that most programs write."""
    assert letter({HTML: markup, CODEPAGE: 65001}).text == f"¿Sí? {QUESTION}\n"


def test_html_has_the_charset_that_the_letter_names() -> None:
    """Bytes alone would be read as what they most often are."""
    markup = "<p>Спасибо за ваш ответ</p>".encode("koi8-r")
    assert letter({HTML: markup, CODEPAGE: 20866}).text == "Спасибо за ваш ответ\n"


def test_the_plain_text_wins_over_html() -> None:
    """Unless it is a stub."""
    assert letter({BODY: f"{QUESTION} Yes?", HTML: f"<p>{QUESTION}</p>".encode()}).text == f"{QUESTION} Yes?\n"
    markup = f"<p>{QUESTION} {QUESTION}</p>".encode()
    assert letter({BODY: "See HTML", HTML: markup}).text == f"{QUESTION} {QUESTION}\n"


def test_a_text_in_8_bits_is_read() -> None:
    """Its charset is that of the letter, or else Latin 9."""
    assert letter({BODY: Ansi("¿Cuánto?".encode("iso-8859-15"))}).text == "¿Cuánto?\n"
    assert letter({BODY: Ansi("Сколько?".encode("cp1251")), CODEPAGE: 1251}).text == "Сколько?\n"


def test_a_long_text_is_cut() -> None:
    """At the bound of all mail; it lies outside of the small streams of the file."""
    assert len(letter({BODY: "a bc " * 4_000}).text) == MAX_TEXT_CHARS


def test_attached_messages_are_read_and_files_are_not() -> None:
    """In their order, those with text; what is attached to them is left."""
    deeper = attached(inner({BODY: "Deeper?"}))
    found = letter(
        {BODY: "See below."},
        file("a.pdf", b"%PDF" * 3_000),
        attached(inner({SUBJECT: "x", BODY: QUESTION}, [deeper])),
        attached(inner({SUBJECT: "empty"})),
        attached(inner({HTML: b"<p>And then?</p>"})),
    )
    assert (found.text, found.attached, found.files) == ("See below.\n", (f"{QUESTION}\n", "And then?\n"), True)
    assert not letter({BODY: QUESTION}).files


def test_at_most_20_attachments_are_looked_at() -> None:
    """So that a letter of thousands costs no more."""
    assert len(letter({}, *[attached(inner({BODY: f"No. {n}?"})) for n in range(22)]).attached) == 20


@pytest.mark.parametrize(
    "kind", ["IPM.Note.SMIME", "ipm.note.smime", "IPM.Note.SMIME.MultipartSigned", "IPM.Note.SMIME\0"]
)
def test_what_is_sealed_may_have_a_text_that_is_not_read(kind: str) -> None:
    """Encrypted, or signed in a way that wraps the text."""
    assert letter({CLASS: kind}).unread
    assert not letter({CLASS: "IPM.Note"}).unread


def test_a_report_is_told_by_its_class() -> None:
    """Outlook keeps reports without the media type they had."""
    assert letter({CLASS: "REPORT.IPM.Note.NDR", SUBJECT: "Undeliverable: x"}).kind == "multipart/report"


def test_a_file_that_is_no_message_raises() -> None:
    """Another program's compound file, one without anything, one whose stream is lost, and what is only its beginning."""
    held = inner({BODY: QUESTION}, recipients=["desk@example.org"])
    lost = {name: node for name, node in held.items() if "1000" not in name}
    table = held["__properties_version1.0"]
    assert isinstance(table, bytes)
    lost["__properties_version1.0"] = table[:24] + bytes(8) + table[24:]
    for raw in (compound({"WordDocument": b"x" * 5_000}), compound({}), compound(lost), msg({BODY: QUESTION})[:600]):
        assert is_outlook(raw)
        with pytest.raises(Exception):  # noqa: B017, PT011 (of many kinds)
            parse(raw)
