"""A message as Outlook saves it (.msg), read into its headers and its text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email.message import Message
from email.utils import format_datetime
from itertools import islice

import oxmsg
from oxmsg.domain import constants
from oxmsg.properties import Properties

from qa_service.mail import body, charset, headers, mime, plain
from qa_service.mail.mime import Parsed

_MESSAGE_STORAGE = "__substg1.0_3701000D"
_INNER_OFFSET = 24  # of the properties of a message inside another (MS-OXMSG, 2.4.1.2)
_MAX_MESSAGES = 20
_BANNER = "Microsoft Mail Internet Headers"  # a line that old Exchange servers put above the headers
_ENDS = "\0 \r\n"  # some programs end texts with NUL
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")


def is_outlook(raw: bytes) -> bool:
    """Whether the bytes are an OLE file, as .msg is."""
    return raw.startswith(_OLE)


def parse(raw: bytes) -> Parsed:
    """Read the bytes of a .msg file. Of what is attached only messages are opened.

    Raises:
        Exception: of many kinds, where the file is broken.
    """
    message = oxmsg.Message.load(raw)
    told = _value(message, constants.PID_TRANSPORT_MESSAGE_HEADERS).replace("\r\n", "\n")
    if told.startswith(_BANNER):
        told = told.partition("\n")[2]
    transport = told.encode("utf-8", "replace")
    top, _ = headers.split(transport + b"\n\n", 0, len(transport) + 2)
    kind = top.get_content_type()
    parsed = mime.of_headers(
        _completed(top, message),
        kind="multipart/report" if message.message_class.upper().startswith("REPORT.") else kind,
        report=None,
        text=_text(message.properties),
        attached=tuple(filter(None, map(_text, _messages(message)))),
        unread=message.message_class.upper().startswith("IPM.NOTE.SMIME"),
        files=bool(message.attachment_count),
    )
    return replace(parsed, date=parsed.date or headers.date(_sent(message)))


def _completed(top: Message, message: oxmsg.Message) -> Message:
    """The headers, with what Outlook keeps beside them; a message that was never sent has no headers at all."""
    address = _value(message, constants.PID_SENDER_SMTP_ADDRESS) or _value(message, constants.PID_SENDER_EMAIL_ADDRESS)
    kept = {
        "Subject": message.subject,
        "From": f"<{address}>",
        "Message-ID": _value(message, constants.PID_INTERNET_MESSAGE_ID),
        "In-Reply-To": _value(message, constants.PID_IN_REPLY_TO_ID),
        "References": _value(message, constants.PID_INTERNET_REFERENCES),
        "To": ", ".join(f"<{one.email_address.strip(_ENDS)}>" for one in message.recipients),
    }
    for name, text in kept.items():
        if name not in top and text:
            top[name] = text
    return top


def _value(message: oxmsg.Message, pid: int) -> str:
    return (message.properties.str_prop_value(pid) or "").strip(_ENDS)


def _sent(message: oxmsg.Message) -> str:
    try:
        moment = message.sent_date
    except OverflowError:  # some programs write the last moment there is for "never"
        return ""
    return format_datetime(moment) if moment else ""


def _messages(message: oxmsg.Message) -> Iterator[Properties]:
    """The properties of the messages that are attached, at most 20."""
    for storage in islice(message._storage.iter_attachment_storages(), _MAX_MESSAGES):
        for inner in getattr(storage, "storages", ()):
            if inner.name == _MESSAGE_STORAGE:
                yield Properties(inner, properties_header_offset=_INNER_OFFSET)


def _text(properties: Properties) -> str:
    written = properties.str_prop_value(constants.PID_BODY) or ""
    raw = properties.binary_prop_value(constants.PID_HTML)
    if raw is not None:
        markup = charset.decode(raw, properties.body_encoding)
    else:
        markup = properties.str_prop_value(constants.PID_BODY_HTML) or ""
    return plain.tidy(body.chosen(written, markup))
