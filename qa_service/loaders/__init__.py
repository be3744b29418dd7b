"""The one choice point of the loaders: files in, entries out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from qa_service import text as strings
from qa_service.domain import Document, Entry
from qa_service.errors import FaqError
from qa_service.loaders import csv, json, markdown
from qa_service.loaders.base import SourceText, read_source

LABELS_NAME = "questions.jsonl"

_LOADERS: dict[str, Callable[[SourceText, str], Document]] = {
    ".md": markdown.load,
    ".markdown": markdown.load,
    ".csv": csv.load,
    ".tsv": csv.load,
    ".json": json.load,
    ".jsonl": json.load_lines,
}


def find(folder: Path) -> list[Path]:
    """The FAQ files below a folder, in order of their names; a README, hidden files and the labels are none."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _LOADERS
        and path.is_file()
        and path.name != LABELS_NAME
        and path.stem.lower() != "readme"
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def load_file(path: Path, name: str, language: str) -> Document:
    """Load one file; `name` is what its entries' provenance calls it."""
    loader = _LOADERS.get(path.suffix.lower())
    if loader is None:
        raise FaqError(f"can't read {path.suffix or 'a file without an ending'}; use {', '.join(_LOADERS)}", name)
    return loader(read_source(path, name), language)


def load(paths: Sequence[Path], language: str = "en") -> tuple[Document, ...]:
    """Load files and the files of folders, and hold all their entries against each other.

    Raises:
        FaqError: a file can't be read, holds no entry, or repeats an id; it names file and line.
    """
    documents = []
    for path in paths:
        if path.is_dir():
            documents += [load_file(p, p.relative_to(path).as_posix(), language) for p in find(path)]
        elif path.exists():
            documents.append(load_file(path, path.name, language))
        else:
            raise FaqError("no such file or folder", path.name)
    if not documents:
        raise FaqError(f"no FAQ file in it (one of {', '.join(_LOADERS)})", ", ".join(p.name for p in paths))
    documents = _set_apart(documents)
    _refuse_repeats(documents)
    return tuple(documents)


def _set_apart(documents: Sequence[Document]) -> list[Document]:
    """Give entries of later files whose question stands in an earlier file too an id of their own.

    "How do I apply?" may be asked on many pages. The first keeps the id that its question gives; the others add their
    file's name to it. Ids that the FAQ states are left alone, and so are repeats within one file, which are mistakes.
    """
    owners: dict[str, int] = {}
    for number, document in enumerate(documents):
        for entry in document.entries:
            owners.setdefault(entry.id, number)

    def named(number: int, document: Document, entry: Entry) -> Entry:
        if owners[entry.id] == number or entry.id != strings.slug(entry.question):
            return entry
        return replace(entry, id=strings.slug_within(entry.question, document.name))

    return [
        replace(document, entries=tuple(named(number, document, entry) for entry in document.entries))
        for number, document in enumerate(documents)
    ]


def _refuse_repeats(documents: Sequence[Document]) -> None:
    places: dict[str, str] = {}
    digests: dict[str, str] = {}
    for document in documents:
        if document.name in digests:
            raise FaqError("two files of this name; give each its own", document.name)
        digests[document.name] = document.sha256
        for entry, line in zip(document.entries, document.lines, strict=True):
            if entry.id in places:
                message = f"the id {entry.id!r} is taken by {places[entry.id]}; give one of the two an id of its own"
                raise FaqError(message, document.name, line)
            places[entry.id] = f"{document.name}, line {line}"
