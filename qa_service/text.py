"""Pure functions on strings."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from itertools import pairwise

_SLUG_LENGTH = 60
_HASH_LENGTH = 6
_WORD = re.compile(r"[^\W_]+", re.UNICODE)
# ASCII as words are found in it: letters in lower case, digits, and a space for everything else.
_SPACED = bytes(ord(chr(code).lower()) if chr(code).isalnum() else ord(" ") for code in range(128)) + bytes(128)
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
# Format characters that shape the glyphs around them: joiners of emoji and of Indic and Persian script.
_JOINERS = frozenset({"\u200c", "\u200d"})
# A sentence ends at "?" or "!" or at "." after a lower-case word, so that "U.S. Customs" and "vs. the norm" stay whole.
_SENTENCE_END = re.compile(r"(?:[?!？]|(?<=[a-z]{3})\.)[\"'”’)]*(?=\s+\S)")
_QUESTION_END = re.compile(r"[?？؟][\"'”’)*_\s]*$")
_MIN_PART_WORDS = 3
_TERM = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_MIN_STEMMED = 4
_MIN_STEM = 4
# The stems of this many words are kept; a language has few that are frequent.
_REMEMBERED_WORDS = 20_000
_SUFFIXES = (
    "ational ations ation ization ments ment ingly edly ings ing ed ly ness able ible ers er ors or ions ion al ity ive"
).split()


def normalise(text: str) -> str:
    """The text as it is embedded and compared: NFC, no invisible characters, single spaces, no space at the ends."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())  # what the rest comes to for most questions, in a hundredth of the time
    visible = (
        " " if ch.isspace() else ch
        for ch in text
        if ch.isspace() or ch in _JOINERS or unicodedata.category(ch) not in _INVISIBLE_CATEGORIES
    )
    return " ".join(unicodedata.normalize("NFC", "".join(visible)).split())


def is_blank(text: str) -> bool:
    """Whether a reader would see nothing: only spaces, controls and zero-width characters."""
    return not shows(normalise(text))


def shows(normalised: str) -> bool:
    """Whether a reader would see anything of a normalised text."""
    return bool(normalised.strip("\u200c\u200d "))


def is_encodable(text: str) -> bool:
    """Whether the text is Unicode that can be written down; lone surrogates can't."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def fold(text: str) -> str:
    """Lower case without accents on Latin letters, for words that are compared and never shown."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(ch for ch in decomposed if not unicodedata.combining(ch))


def words(text: str) -> list[str]:
    """The words of a text in order, folded; digits count as letters.

    >>> words("Is the MSC available in Español?")
    ['is', 'the', 'msc', 'available', 'in', 'espanol']
    """
    if text.isascii():
        return text.encode().translate(_SPACED).decode().split()  # the same in a third of the time
    return _WORD.findall(fold(text))


def terms(text: str) -> list[str]:
    """The terms that lexical scoring counts: words without possessives and apostrophes, brought near their stems.

    There is no list of stop words: their rarity weighs them already, and in questions they carry meaning. A list cost
    2 to 25 points of top-1 (benchmarks/quality/LOG.md).

    >>> terms("The importer's validations aren't required")
    ['the', 'import', 'valid', 'arent', 'requir']
    """
    if text.isascii() and "'" not in text:
        return list(map(_term_of.__getitem__, words(text)))
    return list(map(_term_of.__getitem__, _TERM.findall(fold(text).replace("’", "'"))))


class _Terms(dict[str, str]):
    """The term of each word, worked out when it is first looked up."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _REMEMBERED_WORDS:
            self.clear()
        head, _, tail = word.rpartition("'")
        term = self[word] = stem(head if head and tail == "s" else word.replace("'", ""))
        return term


_term_of = _Terms()


def stem(word: str) -> str:
    """A light stem of an English word; other words are hardly touched, and both sides of a match are treated alike.

    >>> [stem(w) for w in ("companies", "suppliers", "supply", "requested", "status", "2026s")]
    ['compani', 'suppli', 'suppli', 'request', 'status', '2026s']
    """
    if len(word) < _MIN_STEMMED or not word.isascii() or any(ch.isdigit() for ch in word):
        return word
    if word.endswith("sses") and len(word) > _MIN_STEMMED:
        word = word[:-2]
    elif word.endswith("ies"):
        word = word[:-3] + "y"
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    # The "ly" of "supply" and "apply" is no suffix: "supplies" and "suppliers" come to "suppli" too.
    suffix = "" if word.endswith("ply") else _suffix(word)
    word = word.removesuffix(suffix)
    if len(word) > _MIN_STEM and word[-1] == "e":
        word = word[:-1]
    if len(word) > _MIN_STEM and word[-1] == "y":
        word = word[:-1] + "i"
    if len(word) >= _MIN_STEM and word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word


def _suffix(word: str) -> str:
    return next((x for x in _SUFFIXES if word.endswith(x) and len(word) - len(x) >= _MIN_STEM), "")


def slug(question: str) -> str:
    """A readable identifier that depends on the question alone, so it stays when other entries come and go.

    A question too long for its words to fit is cut at a word and gets six hexadecimal digits of its SHA-256.

    >>> slug("Is CTPAT free?")
    'is-ctpat-free'
    """
    whole = "-".join(words(question))
    if len(whole) <= _SLUG_LENGTH and whole:
        return whole
    return _slug_with(whole, normalise(question))


def slug_within(question: str, document: str) -> str:
    """The identifier of a question that other documents ask too: six hexadecimal digits tell the document.

    >>> slug_within("Is CTPAT free?", "fees.md")
    'is-ctpat-free-9b5c59'
    """
    return _slug_with("-".join(words(question)), f"{document}\n{normalise(question)}")


def _slug_with(whole: str, told_apart_by: str) -> str:
    digest = hashlib.sha256(told_apart_by.encode()).hexdigest()[:_HASH_LENGTH]
    room = _SLUG_LENGTH - _HASH_LENGTH - 1
    cut = whole if len(whole) <= room else whole[: room + 1].rpartition("-")[0] or whole[:room]
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
    """The sentences of a compound question, each of three words or more; empty for a simple question.

    >>> question_parts("Will we be notified? If so, how long in advance?")
    ('Will we be notified?', 'If so, how long in advance?')
    """
    parts = tuple(p for p in sentences(normalise(question)) if len(words(p)) >= _MIN_PART_WORDS)
    return parts if len(parts) > 1 else ()
