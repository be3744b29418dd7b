"""A reply for a person to read and send: the mail's questions, each with its official answer word for word.

Whatever is not quoted from the mail or from the FAQ is one of the fixed sentences below; nothing is composed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from qa_service.domain import Match, Outcome, Result
from qa_service.language import detect
from qa_service.mail.base import Asked, Letter


@dataclass(frozen=True, slots=True)
class _Wording:
    """The fixed sentences of one language."""

    greeting: str
    opening: str
    source: str
    no_answer: str
    ambiguous: str
    closing: str


_WORDINGS = {
    "en": _Wording(
        greeting="Hello,",
        opening="Thank you for your message. Your questions are below, each with our official answer where there is one.",
        source="Source",
        no_answer="There is no official answer to this question. A colleague will reply to you.",
        ambiguous="This question may mean one of these official questions. Please tell us which; a colleague will reply to you.",
        closing="Kind regards",
    ),
    "es": _Wording(
        greeting="Buenos días:",
        opening="Gracias por su mensaje. A continuación figuran sus preguntas, con nuestra respuesta oficial cuando la hay.",
        source="Fuente",
        no_answer="No hay una respuesta oficial a esta pregunta. Un colega le responderá.",
        ambiguous="Esta pregunta puede ser una de estas preguntas oficiales. Indíquenos cuál; un colega le responderá.",
        closing="Saludos cordiales",
    ),
    "fr": _Wording(
        greeting="Bonjour,",
        opening="Merci pour votre message. Voici vos questions, avec notre réponse officielle lorsqu’il y en a une.",
        source="Source",
        no_answer="Il n’y a pas de réponse officielle à cette question. Un collègue vous répondra.",
        ambiguous="Cette question peut être l’une de ces questions officielles. Dites-nous laquelle ; un collègue vous répondra.",
        closing="Cordialement",
    ),
}
_OTHERWISE = "en"


def draft(letter: Letter, asked: Sequence[Asked], results: Sequence[Result]) -> str | None:
    """The text of a reply, or None where no question is answered: a reply without an answer helps nobody.

    Every official answer that it gives occurs in it unchanged. Neighbouring questions with the same answer share it.

    Args:
        letter: the letter that is replied to. The fixed sentences are in its language, where that is certain and one of
            English, Spanish and French, and else in English.
        asked: its questions, in the order of the letter.
        results: the result of each.
    """
    if letter.skip or not any(result.outcome is Outcome.ANSWERED for result in results):
        return None
    wording = _WORDINGS[_language(letter.new_text)]
    pairs = list(zip(asked, results, strict=True))
    blocks = [wording.greeting, wording.opening]
    for _, group in groupby(enumerate(pairs), key=lambda item: _same_answer(item[0], item[1][1])):
        together = [pair for _, pair in group]
        blocks += [_quoted(letter, one) for one, _ in together]
        blocks += _said(together[0][1], wording)
    return "\n\n".join([*blocks, wording.closing]) + "\n"


def _language(text: str) -> str:
    found = detect(text)
    return found if found in _WORDINGS else _OTHERWISE


def _same_answer(place: int, result: Result) -> tuple[str, ...] | int:
    """What neighbours must have in common to share an answer; a question without one stands alone."""
    answered = result.outcome is Outcome.ANSWERED
    return tuple(match.entry.id for match in result.answers) if answered else place


def _quoted(letter: Letter, asked: Asked) -> str:
    """A question as the letter wrote it, quoted as mail is."""
    from_text = asked.start is not None and asked.end is not None
    written = letter.new_text[asked.start : asked.end] if from_text else letter.subject or asked.text
    return "\n".join(f"> {line}".rstrip() for line in written.strip().splitlines())


def _said(result: Result, wording: _Wording) -> Iterator[str]:
    """What is said to a question, a paragraph at a time."""
    if result.outcome is Outcome.ABSTAINED:
        yield wording.no_answer
    elif result.outcome is Outcome.AMBIGUOUS:
        yield wording.ambiguous
        yield "\n".join(f"- {match.entry.question}" for match in result.answers)
    else:
        for match in result.answers:
            yield match.entry.answer
            yield f"{wording.source}: {_source(match)}"


def _source(match: Match) -> str:
    source = match.entry.source
    return source.uri or source.document
