"""The questions and requests of a mail, each with what it leans on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from qa_service import text as strings
from qa_service.errors import QuestionError
from qa_service.mail import lean
from qa_service.mail.base import MAX_QUESTIONS, Asked
from qa_service.mail.phrases import Kind, is_embedded, is_marked, kind_of, unlabelled
from qa_service.mail.polite import STATUS
from qa_service.mail.sentences import Sentence, sentences_of
from qa_service.questions import MAX_QUESTION_CHARS, checked_question

_REPLY = re.compile(r"\s*(?:(?:re|aw|sv|rv|r[eé]p|antw)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_PREFIX = re.compile(
    r"\s*(?:(?:re|aw|sv|rv|r[eé]p|antw|fwd?|wg|tr)\s*(?:\[\d+\])?\s*:\s*|\[[^\]]{1,40}\]\s*)+", re.IGNORECASE
)
_SUBJECT_CHARS = 300
# A mail of 8,000 characters has fewer sentences than this, unless it is meant to be slow; and repeats fewer questions.
_MAX_SENTENCES = 500
_ENOUGH = 2 * MAX_QUESTIONS
_LISTED_WORDS = 12
_COVERED = 0.75
_MIN_SUBJECT_WEIGHT = 2
_NAME_WORDS = 3  # a line of no more is rather a name


@dataclass(frozen=True, slots=True)
class Told:
    """What a mail has said so far, sentence by sentence: the sentence, completed where it asks."""

    text: str
    paragraph: int
    asked: bool


def split(subject: str, new_text: str) -> tuple[Asked, ...]:
    r"""The questions and requests of a mail, at most 20: that of the subject line first, then those of the text in order.

    A subject line that asks nothing is used where the text asks for help without saying with what. Questions that lean on
    their neighbours have what they lean on in front. What is asked twice is given once.

    Args:
        subject: the subject line, with its prefixes ("Re:").
        new_text: what the sender newly wrote, at most 8,000 characters.

    >>> [one.text for one in split("", "Hello,\n\nWe got our profile extension. Are we still certified?\n\nThanks")]
    ['We got our profile extension. Are we still certified?']
    """
    topic = _topic(subject)
    sentences = list(islice(sentences_of(new_text), _MAX_SENTENCES))
    found = _from_text(topic, sentences)
    if not found:
        found = _from_empty(topic, sentences)
    if _subject_asks(topic, bool(_REPLY.match(subject)), sentences, found):
        found.insert(0, Asked(topic, None, None))
    return tuple(_usable(found))[:MAX_QUESTIONS]


def _topic(subject: str) -> str:
    line = strings.normalise(subject[:_SUBJECT_CHARS])
    prefix = _PREFIX.match(line)
    return line[prefix.end() :] if prefix else line


def _usable(found: list[Asked]) -> Iterator[Asked]:
    seen = set()
    for one in found:
        text = one.text if len(one.text) <= MAX_QUESTION_CHARS else one.text[-MAX_QUESTION_CHARS:].partition(" ")[2]
        key = tuple(strings.words(text))
        if not key or key in seen:
            continue
        seen.add(key)
        try:
            yield Asked(checked_question(text), one.start, one.end)
        except QuestionError:
            continue


def _from_text(topic: str, sentences: list[Sentence]) -> list[Asked]:
    found: list[Asked] = []
    told: list[Told] = []
    header: Sentence | None = None
    for number, one in enumerate(sentences):
        if len(found) == _ENOUGH:
            break
        if one.kind is Kind.COURTESY:
            continue
        if not one.item:
            header = one if one.opens_list else None
        above = header if one.item else None
        asked = _is_asked(number, sentences, above, told)
        text = unlabelled(_completed(one, told, topic, above)) if asked else None
        if text:
            found.append(Asked(text, one.start, one.end))
        if one.kind is not Kind.EMPTY:
            told.append(Told(text or one.text, one.paragraph, text is not None))
    return found


def _is_asked(number: int, sentences: list[Sentence], header: Sentence | None, told: list[Told]) -> bool:
    one, rest = sentences[number], sentences[number + 1 :]
    following = next((s for s in rest if s.kind not in {Kind.COURTESY, Kind.EMPTY}), None)
    if one.opens_list and following and (following.item or following.asks):
        return False
    if one.kind is Kind.QUESTION:
        return True
    if one.kind is Kind.TOPIC:
        return not (following and following.kind is Kind.QUESTION)
    if one.kind is Kind.STATEMENT:
        return _is_listed(one, header)
    beside = [t for t in told if t.paragraph == one.paragraph] or told
    return bool(beside) and not any(t.asked for t in beside) and not any(s.asks for s in rest)


def _is_listed(one: Sentence, header: Sentence | None) -> bool:
    """Whether a list of what is asked names it: "We need guidance on:" and "- cargo inspections"."""
    if header is None or not lean.weight(one.text):
        return False
    if is_embedded(one.text):
        return True
    if not (header.asks or header.kind is Kind.EMPTY):
        return False
    return len(one.text.split()) <= _LISTED_WORDS or not one.text.endswith(".")


def _completed(one: Sentence, told: list[Told], topic: str, header: Sentence | None) -> str:
    """The question with what it leans on in front."""
    if one.kind is Kind.EMPTY:
        context = _before(told, goes_on=False)
        return context if lean.weight(context) >= _MIN_SUBJECT_WEIGHT else lean.joined(topic, context)
    if header and one.kind is Kind.STATEMENT and not is_embedded(one.text):
        return lean.joined(header.text, one.text)
    if header and is_embedded(one.text) and not is_marked(one.text):
        before = _before(told, goes_on=True) if told and told[-1].asked else header.text
        return lean.joined(before, one.text) if lean.leans(one.text) else one.text
    if STATUS.match(one.text):
        return one.text
    context = _context(one, told, topic, header)
    is_said = set(strings.terms(context)) <= set(strings.terms(one.text))
    return one.text if is_said else lean.joined(lean.shortened(context), one.text)


def _context(one: Sentence, told: list[Told], topic: str, header: Sentence | None) -> str:
    """What a question leans on, or what it is asked on condition of."""
    if not lean.leans(one.text):
        return _condition(one, told, header) if lean.has_condition(one.text) else ""
    goes_on = bool(lean.GOES_ON.match(one.text))
    context = header.text if header and lean.weight(header.text) and not goes_on else _before(told, goes_on=goes_on)
    if lean.weight(context) < _MIN_SUBJECT_WEIGHT and lean.weight(topic):
        return lean.joined(topic, context)
    return context


def _condition(one: Sentence, told: list[Told], header: Sentence | None) -> str:
    """The statement right before a question in its paragraph; of a list item, the one before the list's opening words."""
    if header is not None:
        opening = [t for t in told if t.paragraph == header.paragraph and t.text != header.text]
        return opening[-1].text if opening and not opening[-1].asked else ""
    return told[-1].text if told and told[-1].paragraph == one.paragraph and not told[-1].asked else ""


def _before(told: list[Told], *, goes_on: bool) -> str:
    """What was said last; of a question that goes on from another, that other."""
    if not told:
        return ""
    place = len(told) - 1
    if goes_on:
        place = next((n for n in range(place, -1, -1) if told[n].asked), place)
    last = told[place]
    if place and not last.asked and lean.leans(last.text):
        return lean.joined(told[place - 1].text, last.text)
    return last.text


def _from_empty(topic: str, sentences: list[Sentence]) -> list[Asked]:
    """A mail that asks for help and then tells with what."""
    empty = next((s for s in sentences if s.kind is Kind.EMPTY), None)
    said = [s.text for s in sentences if s.kind is Kind.STATEMENT and len(s.text.split()) > _NAME_WORDS]
    if empty is None or not (said or lean.weight(topic)):
        return []
    if not said:
        return [Asked(topic, None, None)]
    return [Asked(lean.joined(topic, lean.shortened(" ".join(said))), empty.start, empty.end)]


def _subject_asks(topic: str, reply: bool, sentences: list[Sentence], found: list[Asked]) -> bool:
    """Whether the subject line asks what the text does not. That of a reply is the question of an earlier mail."""
    if reply or not topic or lean.weight(topic) == 0:
        return False
    kind = kind_of(topic, ended=False)
    if found:
        asked = set().union(*(strings.terms(one.text) for one in found))
        named = [term for term in strings.terms(topic) if lean.weight(term)]
        return kind is Kind.QUESTION and sum(term in asked for term in named) < _COVERED * len(named)
    says_nothing = not any(s.kind is Kind.STATEMENT for s in sentences)
    return kind in {Kind.QUESTION, Kind.TOPIC} or (says_nothing and lean.weight(topic) >= _MIN_SUBJECT_WEIGHT)
