from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.errors import QaError
from qa_service.exports.drafts import desk_address, message, write
from qa_service.mail.base import MailResult, reply_of
from tests.mailrows import ANSWER, LETTER, abstained, answered, mail, skipped

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DESK = desk_address("Help désk <help@example.gov>")
OUTLOOK_ID = f"<{'DM6PR11MB1234' * 6}@{'dm6pr11mb1234' * 3}.namprd11.prod.outlook.example>"


def to_letter(**changes: object) -> MailResult:
    return mail(answered(), letter=replace(LETTER, **changes))  # type: ignore[arg-type]


def drafted(result: MailResult, sender: Address, now: datetime, *, partial: bool = False) -> EmailMessage | None:
    return message(reply_of(result), sender, now, partial=partial)


def read_again(made: EmailMessage | None) -> EmailMessage:
    """The message as a mail program reads its bytes."""
    assert made is not None
    return message_from_bytes(made.as_bytes(), policy=policy.SMTP)


def test_a_draft_is_a_reply_in_the_thread() -> None:
    """To whom the letter asks, from the desk, in the letter's thread, told to be automatic, with the draft as its text."""
    result = to_letter(references=("<a@x.example>", "<b@x.example>"))
    found = read_again(drafted(result, DESK, NOW))
    assert {
        "From": "Help désk <help@example.gov>",
        "To": "ana@partner.example",
        "Subject": "Re: Profile extension",
        "Date": "Tue, 24 Nov 2026 12:00:00 +0000",
        "In-Reply-To": "<first@partner.example>",
        "References": "<a@x.example> <b@x.example> <first@partner.example>",
        "Auto-Submitted": "auto-replied",
        "X-Unsent": "1",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    } == {name: str(value) for name, value in found.items() if name != "Message-ID"}
    assert str(found["Message-ID"]).endswith("@example.gov>")
    assert result.draft == found.get_content().replace("\r\n", "\n")
    assert ANSWER in found.get_content().replace("\r\n", "\n")


def test_every_line_is_short_and_ascii() -> None:
    """Any server takes the message: 7-bit, lines of 998 characters at most, ending in CRLF."""
    made = drafted(to_letter(subject="ñ" * 400, message_id=OUTLOOK_ID, references=(OUTLOOK_ID,) * 3), DESK, NOW)
    raw = made.as_bytes() if made else b""
    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.decode() == (made.as_string() if made else "")


def test_long_message_ids_stay_what_they_are() -> None:
    """Ids longer than a line are folded between, never encoded: mail programs thread by them."""
    other = OUTLOOK_ID.replace("DM6", "DM7")
    made = drafted(to_letter(message_id=OUTLOOK_ID, references=(other,)), DESK, NOW)
    raw = made.as_bytes() if made else b""
    assert f"\r\nReferences: {other}\r\n {OUTLOOK_ID}\r\n".encode() in raw
    assert f"\r\nIn-Reply-To: {OUTLOOK_ID}\r\n".encode() in raw


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Question", "Re: Question"),
        ("Re: Question", "Re: Question"),
        ("RE: re: AW: Re[2]: Question", "Re: Question"),
        ("Fwd: Re: Question", "Re: Fwd: Re: Question"),
        ("Regarding: a question", "Re: Regarding: a question"),
        ("", "Re:"),
        ("x" * 2_000, f"Re: {'x' * 250}"),
        ("¿Qué?", "Re: ¿Qué?"),
    ],
)
def test_one_re_in_the_subject(subject: str, expected: str) -> None:
    """However many prefixes the subject has, the reply has one."""
    assert expected == str(read_again(drafted(to_letter(subject=subject), DESK, NOW))["Subject"])


def test_a_long_thread_is_bounded() -> None:
    """The first message and the last ones are named, each once, and the letter itself last."""
    references = tuple(f"<{i}@x.example>" for i in range(100))
    found = str(read_again(drafted(to_letter(references=references), DESK, NOW))["References"]).split()
    assert ["<0@x.example>", *(f"<{i}@x.example>" for i in range(82, 100)), "<first@partner.example>"] == found


def test_a_letter_without_an_id_starts_a_thread() -> None:
    """Nothing is replied to by name where the name is missing or malformed; ids without brackets get them."""
    for bad in (None, "", "<two words@x>", "<>", "<ünïcode@x>"):
        found = read_again(drafted(to_letter(message_id=bad), DESK, NOW))
        assert "In-Reply-To" not in found
        assert "References" not in found
    assert read_again(drafted(to_letter(message_id="bare@x"), DESK, NOW))["In-Reply-To"] == "<bare@x>"


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "nobody",
        "a@b@c",
        "a b@x.example",
        "a@x.example\r\nBcc: all@x.example",
        "a@x.example, b@x.example",
        "a@x.example\n",
        "<a@x.example>",
        '"a, b"@x.example',
        "ünï@x.example",
        "=?utf-8?q?=0D=0ABcc:x?=@x.example",
        f"a@{'x' * 64}.example",
        f"a@{'x.' * 130}example",
    ],
)
def test_only_a_plain_address_is_replied_to(address: str | None) -> None:
    """A letter whose address is missing, several, or smuggles headers gets no draft."""
    assert drafted(to_letter(reply_to=address), DESK, NOW) is None


@pytest.mark.parametrize("word", ["=?utf-8?q?x=0D=0ABcc:_all@x.example?=", "=?utf-8?b?eA0KQmNjOiBhbGxAeC5leGFtcGxl?="])
def test_an_encoded_word_is_not_decoded(word: str) -> None:
    """A subject or an id in which a line break is encoded twice stays text: `email` would decode it into a header."""
    result = to_letter(subject=word, message_id=f"<{word}>", references=(f"<{word}>", "<ok@x.example>"))
    found = read_again(drafted(result, DESK, NOW))
    assert "Bcc" not in found
    assert str(found["Subject"]) == f"Re: {word}".replace("=?", "= ?")
    assert "In-Reply-To" not in found


@given(st.text(), st.text(), st.lists(st.text(), max_size=3))
def test_a_letter_cannot_inject_headers(subject: str, message_id: str, references: list[str]) -> None:
    """Whatever its headers contain, the draft has the same header names, once each, and the same text."""
    evil = "x\r\nBcc: all@x.example\r\n\r\nbody"
    result = to_letter(
        subject=f"{subject}{evil}", message_id=f"{message_id}{evil}", references=(*references, evil, "<ok@x.example>")
    )
    made = drafted(result, DESK, NOW)
    found = read_again(made)
    names = set(found.keys()) - {"In-Reply-To", "References"}
    assert len(found.keys()) == len(set(found.keys()))
    assert "Bcc" not in found
    assert names == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Unsent"),
        *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    }
    assert found.get_content().replace("\r\n", "\n").startswith("Hello,\n")


def test_partial_drafts_are_asked_for() -> None:
    """A mail that needs a person has a draft only where that is wanted; one without an answer never."""
    partial = mail(answered(), abstained())
    assert drafted(partial, DESK, NOW) is None
    found = read_again(drafted(partial, DESK, NOW, partial=True)).get_content()
    assert "There is no official answer to this question. A colleague will reply to you." in found
    for nothing in (mail(abstained()), skipped()):
        assert drafted(nothing, DESK, NOW, partial=True) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nobody",
        "a@x.example, b@x.example",
        "a@x\r\nBcc: b@x",
        "Desk\n <a@x.example>",
        "=?utf-8?q?=0D=0ABcc:x?= <a@x.example>",
        "@x",
    ],
)
def test_the_desks_address_is_checked(text: str) -> None:
    """One plain address, with or without a name."""
    with pytest.raises(QaError, match="is not an address to send from"):
        desk_address(text)
    assert desk_address("help@example.gov").addr_spec == "help@example.gov"


def write_of(folder: Path, result: MailResult, name: str = "inbox/1.eml", now: datetime = NOW) -> Path:
    made = drafted(result, DESK, now)
    assert made is not None
    return write(folder, name, made)


def test_writing_twice_is_writing_once(tmp_path: Path) -> None:
    """The same draft keeps its file, and what a person changed in it; another draft gets another file."""
    folder = tmp_path / "new" / "drafts"
    first = write_of(folder, to_letter())
    first.write_bytes(first.read_bytes() + b"edited")
    again = write_of(folder, to_letter(), now=datetime(2027, 1, 1, tzinfo=UTC))
    other = write_of(folder, to_letter(message_id="<second@partner.example>"))
    assert first == again
    assert first.read_bytes().endswith(b"edited")
    assert {first, other} == set(folder.iterdir())
    assert message_from_bytes(other.read_bytes(), policy=policy.SMTP)["In-Reply-To"] == "<second@partner.example>"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/x.eml", "a\0b", "..", "", "ñ", "x" * 500, "box.mbox#12", "a\nb.eml"]
)
def test_a_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    """Whatever a mail is called, its draft is a file in the folder."""
    made = write_of(tmp_path, to_letter(), name)
    assert made.parent == tmp_path
    assert made.suffix == ".eml"
    assert not made.name.startswith(".")
    assert [made] == list(tmp_path.iterdir())


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is full there is no draft and no half of one."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_of(tmp_path, to_letter())
    assert not list(tmp_path.iterdir())


def test_a_letter_is_needed() -> None:
    """A result without a letter has nobody to reply to."""
    result = replace(to_letter(), letter=None)
    assert drafted(result, DESK, NOW) is None
