"""Mails from their bytes to their questions."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_service.mail import outlook, reader
from qa_service.mail.base import MAX_QUESTIONS, MAX_TEXT_CHARS, Asked, Letter, Reading
from qa_service.mail.reader import read
from tests.msgfile import attached, compound, inner, msg

QUESTION = "Is it free for importers?"
OTHER = "Who signs the security profile?"
OWN = frozenset({"desk@example.org"})


def mail(text: str, *headers: str, subject: str = "") -> bytes:
    head = ("From: Ana <ana@example.com>", f"Subject: {subject}", *headers)
    return "\r\n".join((*head, "", text, "")).encode()


def forwarded(text: str, inside: str, depth: int = 1) -> bytes:
    """A letter with another one attached, itself so many times attached."""
    wrapped = f"Subject: x\r\n\r\n{inside}\r\n"
    for n in range(depth):
        shown = f"--b{n}\r\n\r\n{text}\r\n" if n == depth - 1 else ""
        wrapped = (
            f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n{shown}'
            f"--b{n}\r\nContent-Type: message/rfc822\r\n\r\n{wrapped}--b{n}--\r\n"
        )
    return f"From: ana@example.com\r\n{wrapped}".encode()


def letter_of(reading: Reading) -> Letter:
    assert reading.letter is not None
    assert reading.failure is None
    return reading.letter


def asked(reading: Reading) -> list[str]:
    return [one.text for one in reading.asked]


def test_a_whole_letter() -> None:
    """Its headers, what is new in it, and where its question stands in that."""
    text = f"Hello,\r\n\r\n{QUESTION}\r\n\r\nRegards,\r\nAna\r\n-- \r\nAcme\r\n\r\nOn 2 May 2026, Desk wrote:\r\n> Welcome?"
    raw = mail(
        text, "Reply-To: office@example.com", "Message-ID: <2@example.com>", "In-Reply-To: <1@example.com>",
        "Date: Mon, 4 May 2026 10:00:00 +0000", subject="Re: Renewal",
    )  # fmt: skip
    new_text = f"Hello,\n\n{QUESTION}\n\nRegards,\nAna"
    expected = Letter(
        message_id="<2@example.com>",
        subject="Re: Renewal",
        date=datetime(2026, 5, 4, 10, tzinfo=UTC),
        sender="ana@example.com",
        reply_to="office@example.com",
        references=("<1@example.com>",),
        new_text=new_text,
    )
    start = new_text.index(QUESTION)
    assert read(raw, OWN) == Reading(expected, (Asked(f"Renewal. {QUESTION}", start, start + len(QUESTION)),))


def test_a_mail_that_gets_no_answer_has_no_questions() -> None:
    """It has its text, for whoever looks into it, and the reason."""
    found = read(mail(QUESTION, "Auto-Submitted: auto-replied"))
    assert letter_of(found).skip == "automatic mail: Auto-Submitted"
    assert letter_of(found).new_text == QUESTION
    assert found.asked == ()
    own = mail(QUESTION, "Reply-To: desk@example.org").replace(b"ana@example.com", b"desk@example.org")
    assert letter_of(read(own, OWN)).skip == "own address"
    assert letter_of(read(own)).skip is None


def test_an_automatic_mail_that_is_empty_or_sealed_is_skipped_for_what_it_is() -> None:
    """A reason to skip is told before what can't be read."""
    assert letter_of(read(mail("", "Precedence: bulk"))).skip == "automatic mail: Precedence"
    sealed = mail("AAAA", "Content-Type: application/pkcs7-mime", "Precedence: bulk")
    assert letter_of(read(sealed)).skip == "automatic mail: Precedence"


@pytest.mark.parametrize("text", ["", "-- \r\nAcme", "On 2 May 2026, Desk <desk@example.org> wrote:\r\n> Welcome."])
def test_a_question_may_stand_in_the_subject_alone(text: str) -> None:
    """Such a letter is not empty, whatever else is in it."""
    found = read(mail(text, subject=QUESTION))
    assert found.asked == (Asked(QUESTION, None, None),)
    assert letter_of(found).skip is None


def test_a_letter_that_asks_nothing_is_no_empty_letter() -> None:
    """A person is needed for it, not a reason to skip it."""
    found = read(mail("Thank you very much."))
    assert letter_of(found).skip is None
    assert found.asked == ()


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n\r\n", b"\0", mail(""), mail(" \r\n\r\n", subject="Re:"), mail("-- \r\nAcme")]
)
def test_an_empty_letter_is_skipped(raw: bytes) -> None:
    """There is nothing new in it, and its subject asks nothing."""
    assert letter_of(read(raw)).skip == reader.EMPTY


def test_a_letter_of_files_is_skipped() -> None:
    """The reason says that files are there; with a question it is read."""
    part = (
        '--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="a.pdf"\r\n\r\nJVBERi0=\r\n'
    )
    kind = 'Content-Type: multipart/mixed; boundary="b"'
    assert letter_of(read(mail(f"{part}--b--", kind))).skip == reader.ONLY_FILES
    assert asked(read(mail(f"--b\r\n\r\n{QUESTION}\r\n{part}--b--", kind))) == [QUESTION]
    assert asked(read(mail(f"{part}--b--", kind, subject=QUESTION))) == [QUESTION]


@pytest.mark.parametrize(
    "raw",
    [
        mail("AAAA", 'Content-Type: application/pkcs7-mime; smime-type="enveloped-data"'),
        mail(
            "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nx", 'Content-Type: multipart/encrypted; boundary="b"'
        ),
        forwarded("", QUESTION, depth=30),
        msg({0x001A: "IPM.Note.SMIME", 0x0037: "x"}),
    ],
    ids=["smime", "pgp", "depth", "outlook"],
)
def test_a_letter_whose_text_cannot_be_read_fails(raw: bytes) -> None:
    """It is not empty: somebody has to look at it."""
    assert read(raw) == Reading(None, failure=reader.UNREAD)


def test_what_can_be_read_beside_what_cannot_is_answered() -> None:
    """A question in clear, in the text or the subject, is a question."""
    assert asked(read(forwarded(QUESTION, OTHER, depth=30))) == [QUESTION]
    assert asked(read(mail("AAAA", "Content-Type: application/pkcs7-mime", subject=QUESTION))) == [QUESTION]


def test_a_message_that_is_attached_is_read_behind_the_letter() -> None:
    """Each without its history; both stand in the new text, and places are places there."""
    found = read(forwarded(f"{QUESTION}\r\n\r\nRegards,\r\nAna", f"Hello,\r\n\r\n{OTHER}\r\n> Old?"))
    new_text = letter_of(found).new_text
    assert new_text == f"{QUESTION}\n\nRegards,\nAna\n\nHello,\n\n{OTHER}"
    assert [new_text[one.start : one.end] for one in found.asked] == [QUESTION, OTHER]
    assert asked(read(forwarded("", OTHER))) == [OTHER]


def test_an_outlook_message_is_read() -> None:
    """By its first bytes, with what is attached to it, and with the same reasons to skip it."""
    raw = msg({0x0037: "Renewal", 0x0C1F: "ana@example.com", 0x1000: QUESTION}, [attached(inner({0x1000: OTHER}))])
    found = read(raw, OWN)
    assert letter_of(found).sender == "ana@example.com"
    assert letter_of(found).new_text == f"{QUESTION}\n\n{OTHER}"
    assert asked(found) == [f"Renewal. {QUESTION}", OTHER]
    assert letter_of(read(raw, frozenset({"ana@example.com"}))).skip == "own address"
    assert letter_of(read(msg({0x0037: "Re:"}))).skip == reader.EMPTY


@pytest.mark.parametrize(
    "raw",
    [
        compound({"WordDocument": bytes(5_000)}),
        msg({0x1000: QUESTION})[:700],
        msg({0x1000: QUESTION})[:512] + hashlib.shake_128(b"1").digest(3_000),
        bytes.fromhex("d0cf11e0a1b11ae1"),
        msg({0x1000: "\ud83d"}),
    ],
    ids=["document", "cut", "garbage", "magic", "half a character"],
)
def test_a_broken_outlook_file_fails(raw: bytes) -> None:
    """The failure says what it is no, and nothing of what is in it."""
    assert read(raw) == Reading(None, failure=reader.BROKEN)


def test_memory_that_runs_out_is_no_broken_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the reader within limits has to know."""

    def exhausted(_: bytes) -> None:
        raise MemoryError

    monkeypatch.setattr(outlook, "parse", exhausted)
    with pytest.raises(MemoryError):
        read(msg({0x1000: QUESTION}))


def test_a_letter_has_bounds() -> None:
    """In characters, those of attached messages with it, and in questions."""
    lines = "\r\n".join(f"What does criterion number {n} ask of {'x' * (n % 7)}{n} importers?" for n in range(150))
    for raw in (mail(lines), forwarded(lines, lines), msg({0x1000: lines}, [attached(inner({0x1000: lines}))])):
        found = read(raw)
        assert MAX_TEXT_CHARS - 200 < len(letter_of(found).new_text) <= MAX_TEXT_CHARS
        assert len(found.asked) == MAX_QUESTIONS


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 5_000), st.booleans())
def test_damaged_mail_gives_a_reading(damage: bytes, place: int, outlooks: bool) -> None:
    """Whatever is written over a mail, there is a letter or a failure, and never both."""
    sound = (
        msg({0x0037: "x", 0x1000: QUESTION}, [attached(inner({0x1000: OTHER}))])
        if outlooks
        else forwarded(QUESTION, OTHER)
    )
    place = 8 + place % len(sound)
    found = read(sound[:place] + damage + sound[place + len(damage) :])
    assert (found.letter is None) == (found.failure is not None)
    assert all(one.text.strip() for one in found.asked)
