"""The sentences of a mail, whatever ends them: full stops, line breaks, list items, or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from syntok import segmenter
from syntok.tokenizer import Tokenizer

from qa_service import text as strings
from qa_service.mail import lean
from qa_service.mail.phrases import Kind, kind_of
from qa_service.mail.polite import GREETING

_TOKENIZER = Tokenizer(replace_not_contraction=False)
_LINE = re.compile(r"[^\n]*\n?")
_MARKER = re.compile(
    r"[ \t]*(?:[-*•·–—+►▪●○‣>→]+[ \t]+|\(?\d{1,2}[.):](?!\d)\)?[ \t]*|\(?[a-z][.)][ \t]+|"
    r"(?:q|questions?|preguntas?)[ \t]*(?:#|n[oº°]\.?)?[ \t]*\d*[ \t]*[:.)–-][ \t]*)",
    re.IGNORECASE,
)
_INLINE_MARKER = re.compile(r"(?<=[\s,;:])\(?(?:[1-9]|[a-e]|i{1,3}|iv|v)\)[ \t]+")
_MIN_INLINE = 2
_INNER_END = re.compile(r"[.!?…？][\"'”’)\]*_]*\s")
# The end of a sentence beyond doubt, which needs no segmenter: a small word of four letters or more, no abbreviation.
_CLEAR_END = re.compile(
    r"(?:(?<=[a-z]{4})(?<!\b(?:dept|corp|spec|attn|assn|govt|mgmt|capt|blvd|intl|incl|tele))\.|"
    r"[!?？])[\"'”’)\]]*(?=\s+[\"'“‘(\[¿¡]?[A-Z¿¡])"
)
_DOUBTFUL_END = re.compile(
    r"(?:(?<![a-z]{4})|(?<=\b(?:dept|corp|spec|attn|assn|govt|mgmt|capt|blvd|intl|incl|tele)))[.…][\"'”’)\]]*\s"
)
_QUESTION_ENDS = re.compile(r"[?？](?:(?=\s|[A-Z¿])|[\"'”’)\]]+(?=\s+[^a-z]))|(?=¿)")
# A full stop before a small letter, as typed on a phone; short words before it may be abbreviations.
_SMALL_NEXT = re.compile(r"(?<=[a-z]{4})[.!](?=\s+(?:[a-z']{1,12}\s))")
_ABBREVIATIONS = ("approx.", "dept.", "corp.", "spec.", "attn.")
_HALVES = re.compile(
    r",?;?\s+(?:(?:and|but|also|plus|y|et)\b,?\s+){1,3}(?=(?:also\s+|then\s+)?(?:(?:what|how|when|where|who|which|"
    r"why|do|does|did|is|are|can|could|"
    r"will|would|should|must|whether|cu[aá]l|c[oó]mo|cu[aá]ndo|comment|quand)\b))",
    re.IGNORECASE,
)
_HALF_ASKS = re.compile(
    r"(?:also\s+|then\s+)?(?:(?:what|how|when|where|who|which|why|whether|cu[aá]l|c[oó]mo|cu[aá]ndo|comment|"
    r"quand)\s+(?!we\b|to\b)\w|"
    r"(?:do|does|did|is|are|can|could|will|would|should|must)\s+(?:i|we|you|he|she|it|they|there|this|that|the|a|"
    r"an|any|my|our|your|\w+s)\b)",
    re.IGNORECASE,
)
_MIN_HALF_WORDS = 3
_MAX_JOINTS = 8
_WRAP = range(50, 101)
_SLACK = 8


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence and its place in the new text; `paragraph` numbers paragraphs and list items."""

    text: str
    start: int
    end: int
    paragraph: int
    item: bool
    kind: Kind

    @property
    def asks(self) -> bool:
        """Whether it asks for something by name."""
        return self.kind in {Kind.QUESTION, Kind.TOPIC}

    @property
    def opens_list(self) -> bool:
        """Whether what follows belongs to it."""
        return self.text.endswith(":")


def sentences_of(text: str) -> Iterator[Sentence]:
    """The sentences of a text in order, without list markers and opening greetings.

    Two questions in one sentence are two, where each stands alone.
    """
    for number, (start, end, item) in enumerate(_blocks(text)):
        for first, last in _halved(text, list(_cut(text, start, end))):
            shown = strings.normalise(" ".join(text[first:last].split()))  # without line breaks it is faster by far
            kind = kind_of(shown, ended=shown.endswith((".", "!", ";")))
            yield Sentence(shown, first, last, number, item, kind)


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Start and end of each paragraph, list item and line that stands for itself, and whether it is an item."""
    lines = [m.span() for m in _LINE.finditer(text) if m.group()]
    width = max((len(text[a:b].rstrip()) for a, b in lines), default=0)
    start, end, item = 0, 0, False
    before = ""
    for first, last in lines:
        line = text[first:last].rstrip()
        marker = _MARKER.match(line)
        if start < end and (not line.strip() or marker or not _wraps(before, line, width)):
            yield from _items(text, start, end, item)
            start = end = first
        if not line.strip():
            start = end = last
        elif start == end:
            start, item = first + (marker.end() if marker else 0), marker is not None
        end = max(end, first + len(line)) if line.strip() else end
        before = line
    if start < end:
        yield from _items(text, start, end, item)


def _wraps(before: str, line: str, width: int) -> bool:
    """Whether the break before a line was made by a mail program, the next word having no room."""
    word = line.split(None, 1)[0]
    goes_on = word[:1].islower() and not before.endswith((".", "?", "!", ":", ";"))
    if width in _WRAP:
        # People who wrap by hand don't count letters.
        return len(before) + 1 + len(word) > width - (_SLACK if goes_on else 0)
    return len(before) > _WRAP.start and goes_on


def _items(text: str, start: int, end: int, item: bool) -> Iterator[tuple[int, int, bool]]:
    """A block, cut before the numbers of a list that is written in a row: "1) … 2) …"."""
    marks = list(_INLINE_MARKER.finditer(text, start, end))
    if len(marks) < _MIN_INLINE - item:
        yield start, end, item
        return
    yield start, marks[0].start(), item
    for one, after in pairwise([*marks, None]):
        if one:
            yield one.end(), after.start() if after else end, True


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Start and end of the sentences of a block, trimmed; an opening greeting is one of its own."""
    greeting = GREETING.match(text, start, end)
    cuts = {start, end, greeting.end() if greeting else start}
    begin = max(cuts - {end}, default=start)
    block = text[begin:end]
    if _DOUBTFUL_END.search(block):
        cuts |= {begin + s[0].offset for s in segmenter.segment(_TOKENIZER.tokenize(block))}
    else:
        cuts |= {begin + m.end() for m in _CLEAR_END.finditer(block)}
    if _INNER_END.search(block):
        small = (m for m in _SMALL_NEXT.finditer(block) if not block[: m.end()].endswith(_ABBREVIATIONS))
        cuts |= {begin + m.end() for m in small}
    cuts |= {begin + m.end() for m in _QUESTION_ENDS.finditer(block)}
    for first, last in pairwise(sorted(cuts)):
        if trimmed := text[first:last].strip():
            place = text.index(trimmed[0], first)
            yield place, place + len(trimmed)


def _halved(text: str, spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for start, end in spans:
        begin = start
        for joint in islice(_HALVES.finditer(text, start, end), _MAX_JOINTS):
            if _stand_alone(text[begin : joint.start()], text[joint.end() : end]):
                yield begin, joint.start()
                begin = joint.end()
        yield begin, end


def _stand_alone(left: str, right: str) -> bool:
    """Whether two halves of a sentence are questions of their own."""
    if min(len(left.split()), len(right.split())) < _MIN_HALF_WORDS or not _HALF_ASKS.match(right):
        return False
    return kind_of(strings.normalise(left), ended=False) is Kind.QUESTION and not lean.leans(right)
