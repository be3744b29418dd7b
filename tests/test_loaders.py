from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from qa_service import loaders
from qa_service import text as strings
from qa_service.errors import FaqError

MARKDOWN = "## What is red?\n\nA warm colour.\n"
JSON = '[{"question": "What is blue?", "answer": "A cold colour."}]'
JSONL = '{"question": "What is green?", "answer": "The colour of grass."}\n'
CSV = "question,answer\nWhat is grey?,No colour at all.\n"
TSV = "question\tanswer\nWhat is white?\tEvery colour.\n"
ENDINGS = ".md, .markdown, .csv, .tsv, .json, .jsonl"


def _write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.md", MARKDOWN, ("what-is-red", "What is red?", "A warm colour.")),
        ("a.markdown", MARKDOWN, ("what-is-red", "What is red?", "A warm colour.")),
        ("A.MD", MARKDOWN, ("what-is-red", "What is red?", "A warm colour.")),
        ("a.json", JSON, ("what-is-blue", "What is blue?", "A cold colour.")),
        ("a.jsonl", JSONL, ("what-is-green", "What is green?", "The colour of grass.")),
        ("a.csv", CSV, ("what-is-grey", "What is grey?", "No colour at all.")),
        ("a.tsv", TSV, ("what-is-white", "What is white?", "Every colour.")),
    ],
)
def test_the_ending_of_a_name_chooses_the_loader(
    tmp_path: Path, name: str, content: str, expected: tuple[str, str, str]
) -> None:
    """Each ending, in either case, is read by its own loader, and the document says where it came from."""
    document = loaders.load_file(_write(tmp_path / name, content), "below/" + name, "en")
    entry = document.entries[0]
    assert ("below/" + name, hashlib.sha256(content.encode()).hexdigest()) == (document.name, document.sha256)
    assert ("below/" + name, document.sha256) == (entry.source.document, entry.source.sha256)
    assert (expected, 1) == ((entry.id, entry.question, entry.answer), len(document.entries))


@pytest.mark.parametrize(("name", "what"), [("a.txt", ".txt"), ("faq", "a file without an ending")])
def test_other_endings_are_refused(tmp_path: Path, name: str, what: str) -> None:
    """A file of another kind is refused with the kinds that can be read."""
    path = _write(tmp_path / name, MARKDOWN)
    with pytest.raises(FaqError) as caught:
        loaders.load_file(path, name, "en")
    assert f"{name}: can't read {what}; use {ENDINGS}" == str(caught.value)


def test_find_lists_faq_files_in_order_and_nothing_else(tmp_path: Path) -> None:
    """A folder's FAQ files come in order of their paths; README, labels, hidden and other files do not."""
    wanted = ["a.json", "b/c.md", "b/d.TSV", "z.csv"]
    others = [
        "README.md",
        "b/readme.markdown",
        "Readme.json",
        "questions.jsonl",
        "b/questions.jsonl",
        ".hidden.md",
        ".cache/e.md",
        "b/.git/f.json",
        "notes.txt",
        "md",
    ]
    for name in (*reversed(wanted), *others):
        _write(tmp_path / name, "")
    (tmp_path / "folder.md").mkdir()
    assert wanted == [p.relative_to(tmp_path).as_posix() for p in loaders.find(tmp_path)]


def test_find_in_a_folder_that_lies_below_a_hidden_one(tmp_path: Path) -> None:
    """Only what is hidden below the folder is passed over, not the folder itself."""
    path = _write(tmp_path / ".data" / "faq" / "a.md", MARKDOWN)
    assert [path] == loaders.find(tmp_path / ".data" / "faq")


def test_load_takes_files_and_folders_in_the_order_given(tmp_path: Path) -> None:
    """Files are called by their names, and files of a folder by their path below it."""
    single = _write(tmp_path / "single.csv", CSV)
    _write(tmp_path / "faq" / "sub" / "b.json", JSON)
    _write(tmp_path / "faq" / "a.md", MARKDOWN)
    _write(tmp_path / "faq" / "README.md", "No question here.")
    documents = loaders.load([single, tmp_path / "faq"])
    assert [d.name for d in documents] == ["single.csv", "a.md", "sub/b.json"]
    assert [e.id for d in documents for e in d.entries] == ["what-is-grey", "what-is-red", "what-is-blue"]


def test_load_gives_its_language_to_entries_without_one(tmp_path: Path) -> None:
    """The language of the installation holds where neither file nor entry says another."""
    path = _write(
        tmp_path / "a.jsonl",
        '{"question": "¿Qué es rojo?", "answer": "Un color."}\n'
        '{"question": "What is red?", "answer": "A colour.", "language": "en-GB"}\n',
    )
    assert [e.language for e in loaders.load([path], "es")[0].entries] == ["es", "en-GB"]
    assert [e.language for e in loaders.load([path])[0].entries] == ["en", "en-GB"]


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    """A path where nothing is, is named."""
    with pytest.raises(FaqError) as caught:
        loaders.load([tmp_path / "none.md"])
    assert str(caught.value) == "none.md: no such file or folder"


def test_a_folder_without_faq_files_is_refused(tmp_path: Path) -> None:
    """A folder that holds only a README is named, with the endings that it could hold."""
    _write(tmp_path / "faq" / "README.md", MARKDOWN)
    with pytest.raises(FaqError) as caught:
        loaders.load([tmp_path / "faq"])
    assert f"faq: no FAQ file in it (one of {ENDINGS})" == str(caught.value)


def test_an_id_taken_by_another_file_is_refused(tmp_path: Path) -> None:
    """The same id in two files is refused, and both places are named."""
    _write(tmp_path / "a.md", "Welcome.\n\n" + MARKDOWN)
    _write(tmp_path / "b.jsonl", JSONL + '{"id": "what-is-red", "question": "Define red", "answer": "A colour."}\n')
    with pytest.raises(FaqError) as caught:
        loaders.load([tmp_path])
    message = "b.jsonl, line 2: the id 'what-is-red' is taken by a.md, line 3; give one of the two an id of its own"
    assert (message, "b.jsonl", 2) == (str(caught.value), caught.value.document, caught.value.line)


def test_a_question_that_two_files_ask_has_an_id_in_each(tmp_path: Path) -> None:
    """The first file keeps the plain id; the other's names its file and does not change when further files come."""
    _write(tmp_path / "a.md", MARKDOWN)
    _write(tmp_path / "b.md", MARKDOWN)
    first, second = loaders.load([tmp_path])
    assert [e.id for e in first.entries] == ["what-is-red"]
    assert [e.id for e in second.entries] == [strings.slug_within("What is red?", "b.md")]
    _write(tmp_path / "a2.md", MARKDOWN)
    assert loaders.load([tmp_path])[2].entries == second.entries


def test_an_id_taken_in_the_same_file_is_refused(tmp_path: Path) -> None:
    """An id given to one entry can't be what another's question makes."""
    path = _write(tmp_path / "a.md", MARKDOWN + "\n## What is blue? {#what-is-red}\n\nA cold colour.\n")
    with pytest.raises(FaqError) as caught:
        loaders.load([path])
    message = "a.md, line 5: the id 'what-is-red' is taken by a.md, line 1; give one of the two an id of its own"
    assert message == str(caught.value)


def test_an_id_taken_on_the_same_line_is_refused(tmp_path: Path) -> None:
    """A JSON file written on one line can't repeat an id either."""
    entries = [{"id": "x", "question": "What is red?", "answer": "1"}, {"id": "x", "question": "Blue?", "answer": "2"}]
    path = _write(tmp_path / "a.json", json.dumps(entries))
    with pytest.raises(FaqError) as caught:
        loaders.load([path])
    message = "a.json, line 1: the id 'x' is taken by a.json, line 1; give one of the two an id of its own"
    assert message == str(caught.value)


def test_a_question_may_stand_under_two_ids(tmp_path: Path) -> None:
    """An answer that changes on a day is two entries with one question, each with its window."""
    _write(
        tmp_path / "a.jsonl",
        '{"id": "one", "question": "What is red?", "answer": "A.", "effective_to": "2026-03-31"}\n',
    )
    _write(
        tmp_path / "b.jsonl",
        '{"id": "two", "question": "What is red?", "answer": "B.", "effective_from": "2026-04-01"}\n',
    )
    assert [e.id for d in loaders.load([tmp_path]) for e in d.entries] == ["one", "two"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    """Two folders that hold a file of the same name would share their provenance, and are refused."""
    _write(tmp_path / "one" / "a.md", MARKDOWN)
    _write(tmp_path / "two" / "a.md", "## What is blue?\n\nA cold colour.\n")
    with pytest.raises(FaqError) as caught:
        loaders.load([tmp_path / "one", tmp_path / "two"])
    assert str(caught.value) == "a.md: two files of this name; give each its own"


def test_one_bad_file_names_itself(tmp_path: Path) -> None:
    """A file of a folder that can't be used is named by its path below the folder."""
    _write(tmp_path / "a.md", MARKDOWN)
    _write(tmp_path / "sub" / "b.csv", "question,answer\nWhat is red?,\n")
    with pytest.raises(FaqError) as caught:
        loaders.load([tmp_path])
    assert str(caught.value) == "sub/b.csv, line 2: the answer is empty"
