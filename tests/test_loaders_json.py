from __future__ import annotations

import hashlib
import json
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_service.domain import Document
from qa_service.errors import FaqError
from qa_service.loaders import json as loader
from qa_service.loaders.base import SourceText

PAIR = '{"question": "What is red?", "answer": "Warm."}'
OTHER = '{"question": "What is blue?", "answer": "Cold."}'
EXPECTED = [("What is red?", "Warm."), ("What is blue?", "Cold.")]


def _source(text: str, *, has_bom: bool = False) -> SourceText:
    raw = (b"\xef\xbb\xbf" if has_bom else b"") + text.encode()
    return SourceText("paint.json", text, hashlib.sha256(raw).hexdigest(), has_bom)


def _load(text: str) -> Document:
    return loader.load(_source(text), "en")


def _load_lines(text: str) -> Document:
    return loader.load_lines(_source(text), "en")


def _pairs(document: Document) -> list[tuple[str, str]]:
    return [(e.question, e.answer) for e in document.entries]


def _decoded(document: Document, raw: bytes) -> list[str]:
    """What JSON makes of each span when it is put back between quotes."""
    return [json.loads(b'"' + raw[e.source.start : e.source.end] + b'"') for e in document.entries]


def _refusal(text: str) -> str:
    with pytest.raises(FaqError) as caught:
        _load(text)
    return str(caught.value)


def _refused_line(text: str) -> int | None:
    with pytest.raises(FaqError) as caught:
        _load(text)
    return caught.value.line


def _lines_refusal(text: str) -> str:
    with pytest.raises(FaqError) as caught:
        _load_lines(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"[{PAIR},{OTHER}]", (1, 1)),
        (f"\n [\n  {PAIR},\n\n  {OTHER}\n]\n", (3, 5)),
        (f"[\r\n{PAIR}\r\n,\r\n{OTHER}]", (2, 4)),
        (f'{{"entries": [{PAIR},\n{OTHER}]}}', (1, 2)),
        (f'{{\n"faqs"\n:\n[{PAIR}, {OTHER}]\n}}\n', (4, 4)),
    ],
)
def test_reads_a_list_alone_or_below_a_key(text: str, lines: tuple[int, int]) -> None:
    """A list of entries is read at the top of a file and below `entries` or `faqs`, with the line of each object."""
    document = _load(text)
    assert (EXPECTED, lines) == (_pairs(document), document.lines)
    assert [text[e.source.start : e.source.end] for e in document.entries] == ["Warm.", "Cold."]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"{PAIR}\n{OTHER}\n", (1, 2)),
        (f"\n\n{PAIR}\r\n \n{OTHER}", (3, 5)),
    ],
)
def test_reads_json_lines(text: str, lines: tuple[int, int]) -> None:
    """An object a line is an entry, and blank lines are passed over."""
    document = _load_lines(text)
    assert (EXPECTED, lines) == (_pairs(document), document.lines)


ESCAPED = r"One\n\"two\" \u00e9 \ud83d\udd34 \\n \/ tab\t"


@pytest.mark.parametrize("lines", [False, True])
def test_the_span_is_the_value_as_it_is_written(*, lines: bool) -> None:
    """A span holds the escapes that the file has, between its quotes, and decodes to the answer."""
    text = f'{{"tags": ["é", "🔴"], "answer" : "{ESCAPED}", "question": "Wás?"}}'
    text = text if lines else f"[{text}]"
    document = _load_lines(text) if lines else _load(text)
    source = document.entries[0].source
    assert ESCAPED.encode() == text.encode()[source.start : source.end]
    assert (document.entries[0].answer, document.entries[0].tags) == ('One\n"two" é 🔴 \\n / tab\t', ("é", "🔴"))
    assert _decoded(document, text.encode()) == ['One\n"two" é 🔴 \\n / tab\t']


def test_every_field_is_read_under_any_of_its_names() -> None:
    """Keys are known however they are written; lists are lists, null is absent, and the rest is noted."""
    fields = {
        "Question": "What is red?",
        "answer": "Warm.",
        "ID": "rot",
        "alternate_questions": ["Red?", "Rot?"],
        "lang": "de",
        "Tags": "a|b",
        "url": "https://paint.example",
        "effective-from": "2026-01-01",
        "effectiveTo": "2026-02-01",
        "reviewed at": None,
        "author": {"name": ["nobody"]},
    }
    document = _load(json.dumps([fields]))
    entry = document.entries[0]
    assert (entry.id, entry.language, entry.source.uri) == ("rot", "de", "https://paint.example")
    assert (entry.alternates, entry.tags) == (("Red?", "Rot?"), ("a", "b"))
    assert (date(2026, 1, 1), None, None) == (entry.effective_from, entry.effective_to, entry.reviewed_at)
    assert document.notes == ("fields not used: author, effectiveTo",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected '[', got 'the end of the file'"),
        ("\n\n", "line 2: expected '[', got 'the end of the file'"),
        ("red", "line 1: expected '[', got 'r'"),
        ('"red"', "line 1: expected '[', got '\"'"),
        ("[]", "no question with an answer in it"),
        ('{"entries": []}', "no question with an answer in it"),
        ("[\n1]", "line 2: expected '{', got '1'"),
        ("[\n[]]", "line 2: expected '{', got '['"),
        ("[,]", "line 1: expected '{', got ','"),
        (f"[{PAIR}\n,]", "line 2: expected '{', got ']'"),
        (f"[{PAIR}\n{OTHER}]", "line 2: expected ',', got '{'"),
        (f"[{PAIR}", "line 1: expected ',', got 'the end of the file'"),
        ("[\n{", "line 2: expected '\"', got 'the end of the file'"),
        ("[\n{,}]", "line 2: expected '\"', got ','"),
        ('[{"question": "a",\n}]', "line 2: expected '\"', got '}'"),
        ('[{"question"\n"a"}]', "line 2: expected ':', got '\"'"),
        ("[{'question': 'a'}]", "line 1: expected '\"', got \"'\""),
        ('[{"question":\n}]', "line 2: not JSON: Expecting value"),
        ('[{"question": "a\n"}]', "line 1: not JSON: Invalid control character at"),
        ('[{"question":\n"a\\x"}]', "line 2: not JSON: Invalid \\escape"),
        ('[\n{"quest', "line 2: not JSON: Unterminated string starting at"),
        ('{"version": 1, "entries": []}', "line 1: expected a list of entries, or an object whose first key is one of"),
        ('{"entries": 5}', "line 1: expected '[', got '5'"),
        (f"[{PAIR}]\n\nx", "line 3: something follows the list"),
        (f"[{PAIR}]\n[{OTHER}]", "line 2: something follows the list"),
    ],
)
def test_what_is_no_such_json_is_refused_with_its_line(text: str, message: str) -> None:
    """The first place where a file is not a list of objects is named."""
    where = ", " if message.startswith("line") else ": "
    assert f"paint.json{where}{message}" == _refusal(text)[: len(f"paint.json{where}{message}")]


@pytest.mark.parametrize("tail", ["\n", "\n]}", "}\nx", "}\n{}", "\nx}", ',\n"faqs": []', ",\n}"])
def test_an_object_around_the_list_must_be_closed_and_the_last(tail: str) -> None:
    """A list below a key is refused when its object is not closed, or something follows."""
    assert _refused_line(f'{{"entries": [\n{PAIR}]{tail}') in {2, 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "paint.json: no question with an answer in it"),
        ("\n \n", "paint.json: no question with an answer in it"),
        (f"{PAIR}\n[{OTHER}]\n", "paint.json, line 2: expected '{', got '['"),
        (f"{PAIR}\n\nred\n", "paint.json, line 3: expected '{', got 'r'"),
        (f"{PAIR},\n{OTHER}\n", "paint.json, line 1: expected '{', got ','"),
        (f'{PAIR}\n{{"question": "a"\n', "paint.json, line 2: expected ',', got 'the end of the file'"),
        (f'{PAIR}\n{{"question": "a"}}\n', "paint.json, line 2: the answer is empty"),
        (f'{PAIR}\n{{"answer": "a"}}\n', "paint.json, line 2: the question is empty"),
    ],
)
def test_a_line_that_is_no_entry_is_refused_with_its_number(text: str, message: str) -> None:
    """The line of a JSON Lines file that can't be used is named."""
    assert message == _lines_refusal(text)


@pytest.mark.parametrize("key", ["question", "answer", "author"])
def test_a_key_that_stands_twice_is_refused(key: str) -> None:
    """An object with the same key twice has no one value for it."""
    text = f'[\n{{"question": "a", "answer": "b", "author": "c",\n"{key}": "d"}}]'
    assert f"paint.json, line 3: the key '{key}' stands twice in one object" == _refusal(text)


@pytest.mark.parametrize("key", ["Answer", "_answer", "Question"])
def test_two_keys_for_one_field_are_refused(key: str) -> None:
    """Two spellings of one field in one object would part an answer from its source, and are refused."""
    assert _refused_line(f'[{{"question": "a", "answer": "b", "{key}": "c"}}]') == 1


@pytest.mark.parametrize("value", ["5", "true", '["Warm."]', '{"text": "Warm."}'])
def test_an_answer_that_is_no_text_is_refused(value: str) -> None:
    """An answer is a text; nothing else is turned into one."""
    text = f'[{PAIR},\n{{"question": "a", "answer": {value}}}]'
    assert _refusal(text) == "paint.json, line 2: 'answer' is not a text"


@pytest.mark.parametrize("value", ["5", "true", '["What is red?"]', '{"text": "What is red?"}'])
def test_a_question_that_is_no_text_is_refused(value: str) -> None:
    """A question is a text; nothing else is turned into one."""
    text = f'[{PAIR},\n{{"question": {value}, "answer": "Warm."}}]'
    assert _refused_line(text) == 2


@pytest.mark.parametrize("field", ["id", "language", "source_uri", "effective_from"])
@pytest.mark.parametrize("value", ['["a"]', '{"a": "b"}'])
def test_a_list_or_object_is_no_value_of_a_single_field(field: str, value: str) -> None:
    """A field that holds one value is refused when it holds a list or an object."""
    text = f'[{PAIR},\n{{"question": "a", "answer": "b", "{field}": {value}}}]'
    assert _refused_line(text) == 2


@pytest.mark.parametrize("field", ["alternates", "tags"])
@pytest.mark.parametrize("value", ['{"a": "b"}', '[["a"]]', '[{"a": "b"}]', "[null]", "true"])
def test_what_is_no_list_of_texts_is_refused(field: str, value: str) -> None:
    """Alternates and tags are texts; an object, a list or null among them is not turned into one."""
    text = f'[{PAIR},\n{{"question": "a", "answer": "b", "{field}": {value}}}]'
    assert _refused_line(text) == 2


@pytest.mark.parametrize("field", ["answer", "tags", "source_uri"])
def test_half_a_surrogate_pair_is_refused(field: str) -> None:
    """A value with a lone surrogate can't be written down as UTF-8, and is refused with its line."""
    values = {"question": "a", "answer": "b"} | {field: "https://paint.example/\ud800"}
    assert _refused_line(f"[{PAIR},\n{json.dumps(values)}]") == 2


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_refused_with_its_line(opening: str) -> None:
    """A value nested deeper than can be read is refused, and ends no process."""
    text = '[\n{"question": "a", "answer": "b",\n"tags": ' + opening * 200_000
    assert _refusal(text) == "paint.json, line 3: not JSON that can be read (RecursionError)"


def test_a_number_too_long_to_convert_is_refused_with_its_line() -> None:
    """A number of more digits than Python converts is refused."""
    text = '[\n{"question": "a", "answer": "b", "tags": ' + "9" * 10_000 + "}]"
    assert _refusal(text) == "paint.json, line 2: not JSON that can be read (ValueError)"


def test_a_malformed_field_is_refused_with_the_line_of_its_object() -> None:
    """An entry that can't be used is named by the line that its object begins in."""
    text = f'[{PAIR},\n{{\n"question": "a",\n"answer": "b",\n"reviewed_at": "soon"}}]'
    assert _refusal(text) == "paint.json, line 2: reviewed_at is 'soon'; write a date as YYYY-MM-DD"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PAIRS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5)


@given(PAIRS, st.booleans(), st.booleans(), st.sampled_from([None, 2]))
@settings(deadline=None)
def test_generated_json_comes_back(
    pairs: list[tuple[str, str]],
    escape: bool,
    has_bom: bool,
    indent: int | None,
) -> None:
    """Whatever pairs a list is written from are read from it, and each span decodes to its answer."""
    objects = [{"question": f"Is it {q}?", "answer": f"It is {a}"} for q, a in pairs]
    text = json.dumps(objects, ensure_ascii=escape, indent=indent)
    raw = (b"\xef\xbb\xbf" if has_bom else b"") + text.encode()
    document = loader.load(_source(text, has_bom=has_bom), "en")
    assert [o["answer"] for o in objects] == [e.answer for e in document.entries]
    assert [o["answer"] for o in objects] == _decoded(document, raw)


@given(PAIRS, st.booleans(), st.booleans(), st.sampled_from(["\n", "\r\n", "\n\n"]))
@settings(deadline=None)
def test_generated_json_lines_come_back(
    pairs: list[tuple[str, str]],
    escape: bool,
    has_bom: bool,
    newline: str,
) -> None:
    """Whatever pairs a JSON Lines file is written from are read from it, with lines and spans."""
    objects = [{"question": f"Is it {q}?", "answer": f"It is {a}"} for q, a in pairs]
    text = "".join(json.dumps(o, ensure_ascii=escape) + newline for o in objects)
    raw = (b"\xef\xbb\xbf" if has_bom else b"") + text.encode()
    document = loader.load_lines(_source(text, has_bom=has_bom), "en")
    assert [o["answer"] for o in objects] == [e.answer for e in document.entries]
    assert [o["answer"] for o in objects] == _decoded(document, raw)
    step = newline.count("\n")
    assert tuple(1 + i * step for i in range(len(pairs))) == document.lines
