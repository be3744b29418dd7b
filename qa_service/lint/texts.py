"""What the wording of one entry says of it: compound questions, answers without an answer, texts over the window."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qa_service import text as strings
from qa_service.assemble import passage_of
from qa_service.lint.material import Finding, Material, Severity
from qa_service.loaders.blocks import inline_text

COMPOUND = "compound"
CONTACT_ONLY = "contact-only"
TOO_LONG = "too-long"

_MIN_PART_WORDS = 3
_WH = r"(?:what|how|when|where|who|whom|whose|which|why)"
_AUXILIARY = r"(?:do|does|did|is|are|was|were|can|could|will|would|should|must|has|have)"
_SUBJECT = r"(?:i|we|you|he|she|it|they|there|this|that|these|those|the|a|an|any|my|our|your|their|its)"
# An auxiliary without a subject goes on with the same question: "show whether I'm immune and can go back to work?"
_JOINT = re.compile(rf"\s*,?\s+(?:and|or)\s+(?=(?:{_WH}\s+(?!to\b)|{_AUXILIARY}\s+{_SUBJECT})\b)", re.IGNORECASE)
_ASKS = re.compile(rf"(?:{_WH}|{_AUXILIARY}|may|if so)\b", re.IGNORECASE)
_ASKS_SOMEWHERE = re.compile(rf"(?:^|[,:;]\s*)(?:{_WH}|{_AUXILIARY}|may)\b", re.IGNORECASE)

_SHORT_WORDS = 60
_LEAD = (
    r"(?:(?:please|kindly|simply|also|or|and|then|just|you (?:can|may|should|must|will need to|need to)|we encourage you to|"
    r"(?:for|if|to|in order to|should you|with)\b[^,.;]{1,80},)\s+)*"
)
_POINT = (
    r"(?:contact|call|phone|telephone|visit|e-?mail|write to|reach out|see|refer to|consult|go to|click here|ask|"
    r"speak (?:to|with)|talk to|check (?:with|out|our|the|your)|get in touch|chat with|"
    r"learn more|read more|find out more|find more)"
)
_REFERS = re.compile(rf"{_LEAD}{_POINT}\b(?:[^,;]|,(?! (?:but|and|so|your?|we|it|they|the)\b))*", re.IGNORECASE)
_FOUND_AT = re.compile(
    r"[^,;]*\b(?:(?:found|available|posted|listed)\s+(?:on|at|in|from|under)|more information|further information|details)\b"
    r"[^,;]*\b(?:web ?site|web ?page|page|portal|link|here|www\.\S+|https?://\S+)[^,;]*",
    re.IGNORECASE,
)
_FOUND_AT_WORDS = 15
_ADDRESS = re.compile(r"(?:(?:https?://|www\.)\S+|\S+@\S+|[+(]?\d[\d\s().\-/]{5,}|[\s\W]+)+")
_BULLET = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
# A question that asks whom to turn to is answered by a contact.
_ASKS_FOR_CONTACT = frozenset(
    "who whom where contact call phone telephone number email mail reach website speak talk address link".split()
)


def question_parts(question: str) -> tuple[str, ...]:
    """The questions that one question asks; empty where it asks a single one. Sentences that set the scene don't count.

    >>> question_parts("What documents are needed, and how long does it take?")
    ('What documents are needed', 'how long does it take?')
    >>> question_parts("The rules have changed. What must we do?")
    ()
    """
    sentences = strings.sentences(strings.normalise(question))
    asked = [s for s in sentences if strings.is_question(s) and _ASKS_SOMEWHERE.search(s)]
    parts = [part for sentence in asked for part in _split(sentence)]
    return tuple(parts) if len(parts) > 1 else ()


def _split(sentence: str) -> list[str]:
    """The parts of one sentence that are questions of their own: each asks, and has three words or more."""
    parts = [part.strip() for part in _JOINT.split(sentence)]
    whole = all(len(strings.words(part)) >= _MIN_PART_WORDS and _ASKS.match(part) for part in parts)
    return parts if whole else [sentence]


def compound(material: Material) -> Iterator[Finding]:
    """A question of several parts, of which one answer seldom answers all."""
    for place in material.places:
        if parts := question_parts(place.entry.question):
            listed = "; ".join(f"{number}) {part}" for number, part in enumerate(parts, 1))
            what = f"asks {len(parts)} questions: {listed}; give each an entry, or make the lesser ones alternates"
            yield place.found(Severity.NOTE, COMPOUND, what)


def contact_only(material: Material) -> Iterator[Finding]:
    """A short answer of which nothing is left without the sentences that send the reader elsewhere."""
    for place in material.places:
        entry = place.entry
        if is_contact_only(entry.answer) and not _ASKS_FOR_CONTACT & set(strings.words(entry.question)):
            what = "the answer only sends the reader elsewhere; say the essential in a sentence before the contact"
            yield place.found(Severity.WARNING, CONTACT_ONLY, what)


def is_contact_only(answer: str) -> bool:
    """Whether a short answer says nothing but where to ask or to look.

    >>> is_contact_only("Please contact us at help@example.gov. For more information, visit our website.")
    True
    >>> is_contact_only("Yes, for one year. Contact us for more.")
    False
    """
    lines = [inline_text(_BULLET.sub("", line)) for line in answer.splitlines() if line.strip()]
    if sum(len(strings.words(line)) for line in lines) > _SHORT_WORDS:
        return False
    return all(_refers(sentence) for line in lines for sentence in strings.sentences(line))


def _refers(sentence: str) -> bool:
    bare = sentence.rstrip(".!:; ")
    if not bare or _ADDRESS.fullmatch(bare) or _REFERS.fullmatch(bare):
        return True
    return len(strings.words(bare)) <= _FOUND_AT_WORDS and bool(_FOUND_AT.fullmatch(bare))


def too_long(material: Material) -> Iterator[Finding]:
    """A question or a passage of more tokens than the model reads; the rest counts for nothing in its vector."""
    encoder = material.corpus.encoder
    card = encoder.card
    for place in material.places:
        for wording in (place.entry.question, *place.entry.alternates):
            if cut := encoder.beyond_window(wording, card.query_prompt):
                what = (
                    f"the model reads {card.max_tokens} tokens of a question; the last {len(cut)} characters are lost: "
                )
                yield place.found(
                    Severity.WARNING, TOO_LONG, f"{what}shorten it to {len(wording) - len(cut)} characters"
                )
        passage = passage_of(place.entry)
        if cut := encoder.beyond_window(passage, card.document_prompt):
            share = len(cut) / len(passage)
            what = (
                f"the model reads {card.max_tokens} tokens of question and answer; of {len(passage)} characters the last "
                f"{len(cut)} ({share:.0%}) are lost to the passage: put what people ask about first, or split the entry"
            )
            yield place.found(Severity.NOTE, TOO_LONG, what)
