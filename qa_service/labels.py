"""Labelled questions: what people asked, and the entries that answer it."""

from __future__ import annotations

import json
from collections.abc import Container
from pathlib import Path

from qa_service.domain import LabelledQuestion
from qa_service.errors import FaqError, QuestionError
from qa_service.questions import checked_question


def read(path: Path, known: Container[str] | None = None) -> tuple[LabelledQuestion, ...]:
    """Read a file of labelled questions: one `{"text": …, "entry_id": …}` a line.

    `entry_id` is an entry's id, a list of ids where several are right, or null where the FAQ has no answer.

    Args:
        path: the file.
        known: the ids that exist; others are refused.

    Raises:
        FaqError: the file can't be read, or a line is malformed; it names the line.
    """
    labelled = []
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise FaqError(f"can't be read as UTF-8 text ({type(exc).__name__})", path.name) from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        question = _parse(line, path.name, number)
        if known is not None:
            for entry_id in question.entry_ids:
                if entry_id not in known:
                    raise FaqError(f"there is no entry {entry_id!r}", path.name, number)
        labelled.append(question)
    return tuple(labelled)


def _parse(line: str, name: str, number: int) -> LabelledQuestion:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise FaqError("not a JSON object", name, number) from None
    if not isinstance(values, dict) or not isinstance(values.get("text"), str) or "entry_id" not in values:
        raise FaqError('needs "text" and "entry_id" (an id, a list of ids, or null)', name, number)
    try:
        checked_question(values["text"])
    except QuestionError as exc:
        raise FaqError(str(exc), name, number) from None
    right = values["entry_id"]
    ids = [] if right is None else right if isinstance(right, list) else [right]
    if not all(isinstance(i, str) for i in ids):
        raise FaqError('"entry_id" is an id, a list of ids, or null', name, number)
    return LabelledQuestion(values["text"], tuple(dict.fromkeys(ids)))
