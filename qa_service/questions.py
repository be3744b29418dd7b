"""What can be asked: the one check of a question, wherever it comes from."""

from __future__ import annotations

from qa_service import text as strings
from qa_service.errors import QuestionError

MAX_QUESTION_CHARS = 2_000


def checked_question(text: str) -> str:
    """The question as it is embedded.

    Raises:
        QuestionError: it is too long, is not Unicode text, or shows nothing. The message does not repeat it.
    """
    if len(text) > MAX_QUESTION_CHARS:
        raise QuestionError(f"the question has {len(text)} characters; {MAX_QUESTION_CHARS} are allowed")
    if not strings.is_encodable(text):
        raise QuestionError("the question holds half a character (a lone surrogate)")
    question = strings.normalise(text)
    if not strings.shows(question):
        raise QuestionError("the question is empty")
    return question
