from __future__ import annotations

from pathlib import Path

import pytest

from qa_service import labels
from qa_service.domain import LabelledQuestion
from qa_service.errors import FaqError


def _write(folder: Path, content: str | bytes) -> Path:
    path = folder / "asked.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_reads_one_several_and_no_right_entry(tmp_path: Path) -> None:
    """An id, a list of ids and null give one, several and no right entries; blank lines are passed over."""
    path = _write(
        tmp_path,
        '{"text": "is it red", "entry_id": "red"}\n\n'
        '{"text": "red or blue", "entry_id": ["red", "blue"]}\r\n  \n'
        '{"text": "¿dónde?", "entry_id": null}\n{"text": "where", "entry_id": []}',
    )
    expected = (
        LabelledQuestion("is it red", ("red",)),
        LabelledQuestion("red or blue", ("red", "blue")),
        LabelledQuestion("¿dónde?", ()),
        LabelledQuestion("where", ()),
    )
    assert expected == labels.read(path)


def test_an_empty_file_has_no_questions(tmp_path: Path) -> None:
    """A file without a line gives no question."""
    assert labels.read(_write(tmp_path, "")) == ()


def test_known_ids_are_accepted(tmp_path: Path) -> None:
    """Ids that exist, and null, pass where ids are held against the index."""
    path = _write(tmp_path, '{"text": "a", "entry_id": "red"}\n{"text": "b", "entry_id": null}\n')
    expected = (LabelledQuestion("a", ("red",)), LabelledQuestion("b", ()))
    assert expected == labels.read(path, {"red"})


@pytest.mark.parametrize("ids", ['"green"', '["red", "green"]'])
def test_unknown_id_is_refused_with_its_line(tmp_path: Path, ids: str) -> None:
    """An id that no entry has is named with file and line."""
    path = _write(tmp_path, f'{{"text": "a", "entry_id": "red"}}\n{{"text": "b", "entry_id": {ids}}}\n')
    with pytest.raises(FaqError) as caught:
        labels.read(path, {"red"})
    assert str(caught.value) == "asked.jsonl, line 2: there is no entry 'green'"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x" * 2001, "the question has 2001 characters; 2000 are allowed"),
        ("a \\ud800 b", "the question holds half a character (a lone surrogate)"),
        (" \\u200b ", "the question is empty"),
    ],
)
def test_what_nobody_can_ask_is_refused_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    """A label is a question and has a question's bounds; the file and the line are named, the text is not."""
    with pytest.raises(FaqError) as caught:
        labels.read(_write(tmp_path, f'\n{{"text": "{text}", "entry_id": null}}\n'))
    assert str(caught.value) == f"asked.jsonl, line 2: {message}"


def test_an_id_named_twice_is_one_right_entry(tmp_path: Path) -> None:
    """A list that repeats an id has one right entry, so the question can be learned."""
    path = _write(tmp_path, '{"text": "a", "entry_id": ["red", "red"]}\n')
    assert labels.read(path) == (LabelledQuestion("a", ("red",)),)


NEEDS = 'needs "text" and "entry_id" (an id, a list of ids, or null)'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not a JSON object"),
        ("plain words", "not a JSON object"),
        ('{"text": "a", "entry_id": null} x', "not a JSON object"),
        ("[]", NEEDS),
        ('"text"', NEEDS),
        ("{}", NEEDS),
        ('{"text": "a"}', NEEDS),
        ('{"entry_id": "red"}', NEEDS),
        ('{"text": 5, "entry_id": "red"}', NEEDS),
        ('{"text": null, "entry_id": "red"}', NEEDS),
        ('{"text": " \\u200b", "entry_id": "red"}', "the question is empty"),
        ('{"text": "a", "entry_id": 5}', '"entry_id" is an id, a list of ids, or null'),
        ('{"text": "a", "entry_id": {"id": "red"}}', '"entry_id" is an id, a list of ids, or null'),
        ('{"text": "a", "entry_id": ["red", null]}', '"entry_id" is an id, a list of ids, or null'),
    ],
)
def test_malformed_line_is_refused_with_its_number(tmp_path: Path, line: str, message: str) -> None:
    """A line that is not a labelled question is named, and the remedy with it."""
    path = _write(tmp_path, f'{{"text": "a", "entry_id": null}}\n\n{line}\n')
    with pytest.raises(FaqError) as caught:
        labels.read(path)
    assert (f"asked.jsonl, line 3: {message}", 3) == (str(caught.value), caught.value.line)


def test_deep_nesting_is_refused_with_its_line(tmp_path: Path) -> None:
    """A line nested deeper than can be read is refused like any other that is no object."""
    path = _write(tmp_path, "\n" + "[" * 200_000 + "\n")
    with pytest.raises(FaqError) as caught:
        labels.read(path)
    assert str(caught.value) == "asked.jsonl, line 2: not a JSON object"


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that does not exist is named."""
    with pytest.raises(FaqError) as caught:
        labels.read(tmp_path / "none.jsonl")
    assert str(caught.value) == "none.jsonl: can't be read as UTF-8 text (FileNotFoundError)"


def test_other_encoding_is_refused(tmp_path: Path) -> None:
    """A file that is not UTF-8 is named."""
    path = _write(tmp_path, b'{"text": "caf\xe9", "entry_id": null}\n')
    with pytest.raises(FaqError) as caught:
        labels.read(path)
    assert str(caught.value) == "asked.jsonl: can't be read as UTF-8 text (UnicodeDecodeError)"
