from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_service.domain import Entry, Source
from qa_service.errors import FaqError
from qa_service.loaders.base import SourceText, as_list, field_name, make_entry, read_source, unknown_fields_note

BOM = b"\xef\xbb\xbf"
ID_RULE = "an id is letters, digits, '.', '_' and '-', 128 at most, and starts with a letter or digit"


def _source(text: str, *, has_bom: bool = False) -> SourceText:
    raw = (BOM if has_bom else b"") + text.encode()
    return SourceText("paint.md", text, hashlib.sha256(raw).hexdigest(), has_bom)


def _entry(**fields: object) -> Entry:
    given_fields = {"question": "What is red?", "answer": "A colour.", **fields}
    return make_entry(_source("A colour."), 7, given_fields, (0, 9), {}, "en")


def _refusal(**fields: object) -> str:
    with pytest.raises(FaqError) as caught:
        _entry(**fields)
    return str(caught.value)


def _read_refusal(folder: Path, raw: bytes) -> tuple[str, int | None]:
    path = folder / "paint.md"
    path.write_bytes(raw)
    with pytest.raises(FaqError) as caught:
        read_source(path, "sub/paint.md")
    return str(caught.value), caught.value.line


def test_reads_utf8(tmp_path: Path) -> None:
    """A file is its text as it stands, line ends included, with the hash of its bytes."""
    raw = "Rot\r\nBlüte\r赤\n🔴".encode()
    (tmp_path / "a.md").write_bytes(raw)
    read = read_source(tmp_path / "a.md", "sub/a.md")
    expected = ("sub/a.md", "Rot\r\nBlüte\r赤\n🔴", hashlib.sha256(raw).hexdigest(), False)
    assert expected == (read.name, read.text, read.sha256, read.has_bom)


def test_a_bom_is_not_text_but_counts_in_hash_and_offsets(tmp_path: Path) -> None:
    """A byte order mark is left out of the text, while the hash and the byte offsets are the file's."""
    raw = BOM + b"red blue"
    (tmp_path / "a.md").write_bytes(raw)
    read = read_source(tmp_path / "a.md", "a.md")
    assert (read.text, read.has_bom) == ("red blue", True)
    assert Source("a.md", None, hashlib.sha256(raw).hexdigest(), 7, 11) == read.span(4, 8)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_refused(tmp_path: Path, encoding: str) -> None:
    """A UTF-16 file with its mark is named for what it is."""
    raw = ("red" if encoding == "utf-16" else "\ufeffred").encode(encoding)
    assert _read_refusal(tmp_path, raw) == ("sub/paint.md, line 1: this file is UTF-16; save it as UTF-8", 1)


@pytest.mark.parametrize(
    ("raw", "byte", "line"),
    [
        (b"\xe9", "e9", 1),
        (b"red\nblue\ncaf\xe9\ngreen\n", "e9", 3),
        (b"red\r\nblue\rcaf\xe9", "e9", 3),
        (BOM + b"red\n\xff", "ff", 2),
        ("🔴\n赤\n".encode() + b"\xf0\x9f\x94", "f0", 3),
        (b"\n\xc0\x80", "c0", 2),
        (b"\n\n\xed\xa0\x80", "ed", 3),
    ],
)
def test_a_byte_that_is_not_utf8_is_refused_with_its_line(tmp_path: Path, raw: bytes, byte: str, line: int) -> None:
    """The first byte that is not UTF-8 is named with its line."""
    expected = f"sub/paint.md, line {line}: byte 0x{byte} is not UTF-8; save the file as UTF-8"
    assert (expected, line) == _read_refusal(tmp_path, raw)


def test_nul_is_refused_with_its_line(tmp_path: Path) -> None:
    """A file with a NUL byte is no text."""
    expected = ("sub/paint.md, line 3: a NUL byte; this is not a text file", 3)
    assert expected == _read_refusal(tmp_path, b"red\r\nblue\ngr\0een\n\0")


def test_utf16_without_a_mark_is_refused(tmp_path: Path) -> None:
    """UTF-16 without a mark gives itself away by its NUL bytes."""
    expected = ("sub/paint.md, line 1: a NUL byte; this is not a text file", 1)
    assert expected == _read_refusal(tmp_path, "red".encode("utf-16-le"))


def test_offsets_count_bytes_of_every_width() -> None:
    """Characters of one, two, three and four bytes are each counted in full."""
    text = "aé赤🔴z"
    source = _source(text)
    spans = [source.span(i, i + 1) for i in range(len(text))]
    assert [(s.start, s.end) for s in spans] == [(0, 1), (1, 3), (3, 6), (6, 10), (10, 11)]


@pytest.mark.parametrize(
    ("character", "size"),
    [("\x7f", 1), ("\x80", 2), ("\u07ff", 2), ("\u0800", 3), ("\uffff", 3), ("\U00010000", 4), ("\U0010ffff", 4)],
)
def test_offsets_at_the_edges_of_each_width(character: str, size: int) -> None:
    """The first and last character of each width have that width."""
    span = _source(character).span(0, 1)
    assert (0, size) == (span.start, span.end)


@given(st.text(), st.booleans(), st.data())
@settings(deadline=None)
def test_spans_are_the_bytes_of_the_text(text: str, has_bom: bool, data: st.DataObject) -> None:
    """The bytes of a span are its characters in UTF-8, with or without a mark at the file's start."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    span = _source(text, has_bom=has_bom).span(start, end)
    assert text[start:end].encode() == ((BOM if has_bom else b"") + text.encode())[span.start : span.end]


def test_span_carries_its_uri() -> None:
    """A span names where its document was published."""
    source = _source("red")
    assert Source("paint.md", "https://paint.example", source.sha256, 0, 3) == source.span(
        0, 3, "https://paint.example"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [1]),
        ("a", [1, 1]),
        ("a\nb", [1, 1, 2, 2]),
        ("a\r\nb\rc\n", [1, 1, 1, 2, 2, 3, 3, 4]),
        ("\n\n", [1, 2, 3]),
        ("a\u2028b", [1, 1, 1, 1]),
    ],
)
def test_line_of(text: str, expected: list[int]) -> None:
    """Lines end at LF, CRLF and CR alone, and the end of a line belongs to it."""
    source = _source(text)
    assert expected == [source.line_of(i) for i in range(len(text) + 1)]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("question", "question"),
        (" Answer ", "answer"),
        ("Effective-From", "effective_from"),
        ("effective  to", "effective_to"),
        ("_question", "question"),
        ("lang", "language"),
        ("URL", "source_uri"),
        ("uri", "source_uri"),
        ("source url", "source_uri"),
        ("Alternate Questions", "alternates"),
        ("alternate", "alternates"),
        ("variants", "alternates"),
        ("reviewed_at", "reviewed_at"),
        ("tags", "tags"),
        ("id", "id"),
        ("author", None),
        ("questions", None),
        ("", None),
    ],
)
def test_field_name(raw: str, expected: str | None) -> None:
    """A column is known by its name, however it is written, and by a few other names."""
    assert expected == field_name(raw)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a | b|a||  c ", ("a", "b", "c")),
        (["b", " a ", "", "b"], ("b", "a")),
        (("a|b",), ("a|b",)),
        ([1, 2], ("1", "2")),
        ("", ()),
        ([], ()),
    ],
)
def test_as_list(value: object, expected: tuple[str, ...]) -> None:
    """Several values are a list, or one text with bars; each is trimmed and kept once, in order."""
    assert expected == as_list(value)


def test_entry_with_every_field() -> None:
    """Every field that is given is on the entry, and the answer is exactly as given."""
    source = _source("… A  colour. ")
    fields: dict[str, object] = {
        "id": "colours.red_1-a",
        "question": " What\nis  red? ",
        "answer": " A  colour. ",
        "alternates": "Red?|  What  colour is red? | \u200b",
        "language": "en-GB",
        "tags": ["warm", "paint"],
        "source_uri": "https://paint.example/red",
        "effective_from": "2026-05-01",
        "effective_to": "2026-05-01",
        "reviewed_at": "2026-04-30T10:00:00",
    }
    expected = Entry(
        id="colours.red_1-a",
        question="What is red?",
        answer=" A  colour. ",
        source=Source("paint.md", "https://paint.example/red", source.sha256, 3, 15),
        alternates=("Red?", "What colour is red?"),
        language="en-GB",
        tags=("warm", "paint"),
        effective_from=date(2026, 5, 1),
        effective_to=date(2026, 5, 1),
        reviewed_at=date(2026, 4, 30),
    )
    assert expected == make_entry(source, 1, fields, (1, 13), {}, "fr")


def test_entry_with_question_and_answer_alone() -> None:
    """The id comes from the question, the language from the installation, and empty fields count as absent."""
    source = _source("A colour.")
    empty: dict[str, object] = {"id": "", "language": " ", "source_uri": None, "effective_from": " ", "tags": ""}
    entry = make_entry(source, 1, {"question": "What is red?", "answer": "A colour.", **empty}, (0, 9), {}, "fr")
    expected = Entry("what-is-red", "What is red?", "A colour.", source.span(0, 9), language="fr")
    assert expected == entry


def test_the_entry_overrides_its_file_and_the_file_the_installation() -> None:
    """A field of the entry comes before the file's default, and that before the installation's language."""
    source = _source("A colour.")
    defaults: dict[str, object] = {"language": "es", "tags": "paint", "source_uri": "https://paint.example"}
    fields: dict[str, object] = {"question": "Red?", "answer": "A colour.", "tags": "warm", "language": ""}
    entry = make_entry(source, 1, fields, (0, 9), defaults, "en")
    assert (entry.language, entry.tags, entry.source.uri) == ("es", ("warm",), "https://paint.example")


@pytest.mark.parametrize("blank", ["", "  ", "\u200b\n", None])
def test_empty_question_and_answer_are_refused(blank: str | None) -> None:
    """An entry needs a question and an answer that a reader can see."""
    assert _refusal(question=blank) == "paint.md, line 7: the question is empty"
    assert _refusal(answer=blank) == "paint.md, line 7: the answer is empty"


@pytest.mark.parametrize("entry_id", ["a", "9", "a" * 128, "rojo.ñ-1_b", "赤"])
def test_ids_that_are_accepted(entry_id: str) -> None:
    """An id may have letters of any script, digits, dots, hyphens and underscores."""
    assert entry_id == _entry(id=f" {entry_id} ").id


@pytest.mark.parametrize("entry_id", ["-a", "_a", ".a", "a b", "a/b", "a" * 129, "a?", "a\nb"])
def test_ids_that_are_refused(entry_id: str) -> None:
    """An id that a URL could not carry plainly is refused with the rule."""
    assert f"paint.md, line 7: {ID_RULE}: {entry_id[:80]!r}" == _refusal(id=entry_id)


@pytest.mark.parametrize("uri", ["https://paint.example", "http://a/b?c=d#e", "https://пример.example/é"])
def test_uris_that_are_accepted(uri: str) -> None:
    """A source is published under http or https."""
    assert uri == _entry(source_uri=uri).source.uri


@pytest.mark.parametrize(
    "uri",
    ["paint.example", "ftp://paint.example", "javascript:alert(1)", "https://", "https://a b", 'https://a"b', "//a"],
)
def test_uris_that_are_refused(uri: str) -> None:
    """Anything else is refused, so that no page links to it."""
    assert f"paint.md, line 7: a source URI starts with http:// or https://: {uri!r}" == _refusal(source_uri=uri)


@pytest.mark.parametrize("tag", ["en", "es-MX", "zh-Hant-TW", "de-1996", "yue"])
def test_language_tags_that_are_accepted(tag: str) -> None:
    """A language tag is kept as it is written."""
    assert tag == _entry(language=tag).language


@pytest.mark.parametrize("tag", ["e", "english", "en_US", "en-", "12", "en US", "-en"])
def test_language_tags_that_are_refused(tag: str) -> None:
    """What is no language tag is refused."""
    assert f"paint.md, line 7: not a language tag (BCP 47): {tag!r}" == _refusal(language=tag)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-05-01", date(2026, 5, 1)),
        (" 2024-02-29 ", date(2024, 2, 29)),
        ("2026-05-01T23:59:00+02:00", date(2026, 5, 1)),
        (None, None),
        (" ", None),
    ],
)
def test_dates_that_are_accepted(value: str | None, expected: date | None) -> None:
    """A date is a day, of which a time of day changes nothing."""
    assert expected == _entry(reviewed_at=value).reviewed_at


@pytest.mark.parametrize("field", ["effective_from", "effective_to", "reviewed_at"])
@pytest.mark.parametrize("value", ["05/01/2026", "2026-02-30", "2026-5-1", "May 2026", "0"])
def test_dates_that_are_refused(field: str, value: str) -> None:
    """A day that is not in the calendar, or is written otherwise, is refused with the way to write it."""
    assert f"paint.md, line 7: {field} is {value!r}; write a date as YYYY-MM-DD" == _refusal(**{field: value})


def test_a_reversed_window_is_refused() -> None:
    """A window that ends before it begins would never show its entry."""
    message = _refusal(effective_from="2026-05-02", effective_to="2026-05-01")
    assert message == "paint.md, line 7: effective_to lies before effective_from"


@pytest.mark.parametrize(
    ("unknown", "expected"),
    [([], ()), (["b", "a", "b"], ("fields not used: a, b",))],
)
def test_unknown_fields_note(unknown: list[str], expected: tuple[str, ...]) -> None:
    """Fields that no entry has are noted once each, in order."""
    assert expected == unknown_fields_note(unknown)
