"""A mail from its bytes to its questions."""

from __future__ import annotations

from qa_service.mail import automatic, mime, outlook, split, trim
from qa_service.mail.base import MAX_TEXT_CHARS, Letter, Reading
from qa_service.mail.mime import Parsed

EMPTY = "empty mail"
ONLY_FILES = "empty mail: only attachments"
UNREAD = "has its text where it can't be read: encrypted, or nested too deep"
BROKEN = "is no Outlook message that can be read"


def read(raw: bytes, own: frozenset[str] = frozenset()) -> Reading:
    """Read one mail: its letter and its questions, why it gets no answer, or why it can't be read.

    What is attached as a message counts as new text, behind what the sender wrote. A mail without new text is empty unless
    its subject asks something. No mail makes this raise anything but MemoryError.

    Args:
        raw: a message of RFC 5322 or a .msg file.
        own: the addresses of whoever runs the service, in small letters.
    """
    if outlook.is_outlook(raw):
        try:
            parsed = outlook.parse(raw)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 (a broken file breaks the OLE reader in many ways)
            return Reading(None, failure=BROKEN)
    else:
        parsed = mime.parse(raw)
    return _reading(parsed, own)


def _reading(parsed: Parsed, own: frozenset[str]) -> Reading:
    texts = (trim.new_text(text) for text in (parsed.text, *parsed.attached))
    new_text = "\n\n".join(text for text in texts if text)[:MAX_TEXT_CHARS].rstrip()
    skip = automatic.reason(parsed, own)
    if skip:
        return Reading(_letter(parsed, new_text, skip))
    asked = split.split(parsed.subject, new_text)
    if new_text or asked:
        return Reading(_letter(parsed, new_text, None), asked)
    if parsed.unread:
        return Reading(None, failure=UNREAD)
    return Reading(_letter(parsed, "", ONLY_FILES if parsed.files else EMPTY))


def _letter(parsed: Parsed, new_text: str, skip: str | None) -> Letter:
    return Letter(
        message_id=parsed.message_id,
        subject=parsed.subject,
        date=parsed.date,
        sender=parsed.sender,
        reply_to=parsed.reply_to,
        references=parsed.references,
        new_text=new_text,
        skip=skip,
    )
