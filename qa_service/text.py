"""Pure functions on strings."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from itertools import pairwise

_SLUG_LENGTH = 60
_HASH_LENGTH = 6
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
# Format characters that shape the glyphs around them: joiners of emoji and of Indic and Persian script.
_JOINERS = frozenset({"\u200c", "\u200d"})
# A sentence ends at "?" or "!" or at "." after a lower-case word, so that "U.S. Customs" and "vs. the norm" stay whole.
_SENTENCE_END = re.compile(r"(?:[?!？]|(?<=[a-z]{3})\.)[\"'”’)]*(?=\s+\S)")
_QUESTION_END = re.compile(r"[?？؟][\"'”’)*_\s]*$")
_MIN_PART_WORDS = 3


def normalise(text: str) -> str:
    """The text as it is embedded and compared: NFC, no invisible characters, single spaces, no space at the ends."""
    visible = (
        " " if ch.isspace() else ch
        for ch in text
        if ch.isspace() or ch in _JOINERS or unicodedata.category(ch) not in _INVISIBLE_CATEGORIES
    )
    return " ".join(unicodedata.normalize("NFC", "".join(visible)).split())


def is_blank(text: str) -> bool:
    """Whether a reader would see nothing: only spaces, controls and zero-width characters."""
    return not normalise(text).strip("\u200c\u200d ")


def is_encodable(text: str) -> bool:
    """Whether the text is Unicode that can be written down; lone surrogates can't."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def fold(text: str) -> str:
    """Lower case without accents on Latin letters, for words that are compared and never shown."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(ch for ch in decomposed if not unicodedata.combining(ch))


def words(text: str) -> list[str]:
    """The words of a text in order, folded; digits count as letters.

    >>> words("Is the MSC available in Español?")
    ['is', 'the', 'msc', 'available', 'in', 'espanol']
    """
    return _WORD.findall(fold(text))


def terms(text: str) -> list[str]:
    """The terms that lexical scoring counts, in order."""
    return words(text)


def slug(question: str) -> str:
    """A readable identifier that depends on the question alone, so it stays when other entries come and go.

    A question too long for its words to fit is cut at a word and gets six hexadecimal digits of its SHA-256.

    >>> slug("Is CTPAT free?")
    'is-ctpat-free'
    """
    whole = "-".join(words(question))
    if len(whole) <= _SLUG_LENGTH and whole:
        return whole
    digest = hashlib.sha256(normalise(question).encode()).hexdigest()[:_HASH_LENGTH]
    cut = whole[: _SLUG_LENGTH - _HASH_LENGTH].rpartition("-")[0] or whole[: _SLUG_LENGTH - _HASH_LENGTH - 1]
    return f"{cut}-{digest}".lstrip("-")


def is_question(text: str) -> bool:
    """Whether the text ends as a question does, closing quotes and emphasis aside."""
    return bool(_QUESTION_END.search(text))


def sentences(text: str) -> list[str]:
    """The sentences of a short text, in order.

    >>> sentences("Will U.S. Customs tell us? If so, how?")
    ['Will U.S. Customs tell us?', 'If so, how?']
    """
    cuts = [0, *(m.end() for m in _SENTENCE_END.finditer(text)), len(text)]
    return [part for a, b in pairwise(cuts) if (part := text[a:b].strip())]


def question_parts(question: str) -> tuple[str, ...]:
    """The questions that a compound question is made of; empty for a simple one.

    A sentence that asks nothing is context, not a part.

    >>> question_parts("Will we be notified? If so, how long in advance?")
    ('Will we be notified?', 'If so, how long in advance?')
    """
    parts = sentences(normalise(question))
    if len(parts) < 2:  # noqa: PLR2004 (one sentence is the whole question)
        return ()
    return tuple(p for p in parts if is_question(p) and len(words(p)) >= _MIN_PART_WORDS)
