"""A folder's new mails, answered in an order that survives a kill, and the connection kept up."""

from __future__ import annotations

from threading import Event

from qa_service.mail.account import Account, Desk, DroppedError, Position
from qa_service.mail.mailbox import POLL_SECONDS, Mailbox, batches

_MAX_PAUSE_SECONDS = 60.0
_MAX_TRIES = 5


def follow(account: Account, desk: Desk, stop: Event, *, watch: bool = False, seconds: float = POLL_SECONDS) -> None:
    """Have the folder's new mails answered, once or, to `watch`, until `stop`; reconnect where the connection is lost.

    The order is what makes a kill at any moment harmless: match and commit, append drafts, flag, save the position.
    What a kill has left undone is done again; a draft that lies there already is known by its Message-ID.

    Raises:
        DroppedError: the first connection fails, or, without `watch`, five in a row are lost.
        MailboxError: the server refuses what is needed.
    """
    failures = 0
    is_known = False
    while True:
        try:
            with Mailbox(account) as mailbox:
                is_known = True
                while not stop.is_set():
                    _round(mailbox, desk, stop)
                    failures = 0
                    if not watch:
                        return
                    mailbox.wait(stop, seconds)
                return
        except DroppedError as exc:
            failures += 1
            if not is_known or (failures >= _MAX_TRIES and not watch):
                raise
            pause = min(2.0 ** (failures - 1), _MAX_PAUSE_SECONDS)
            desk.dropped(exc, pause)
            stop.wait(pause)
            if stop.is_set():
                return


def _round(mailbox: Mailbox, desk: Desk, stop: Event) -> None:
    saved = desk.position()
    new = ((mail, len(mail.raw or b"")) for mail in mailbox.new(saved))
    for batch in batches(new):
        mails = [mail for mail, _ in batch]
        drafts = desk.answer(mails)
        mailbox.append_drafts(drafts)
        mailbox.mark(mails)
        saved = Position(mails[-1].uidvalidity, mails[-1].uid)
        desk.save(saved, list(dict.fromkeys(draft.message_id for draft in drafts)))
        if stop.is_set():
            return
    if mailbox.reached and mailbox.reached != saved:
        desk.save(mailbox.reached, ())
