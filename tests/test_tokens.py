from __future__ import annotations

import string
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from qa_service import tokens
from qa_service.export import packaged_model
from qa_service.tokens import TokenIds

UNKNOWN = "[UNK]"
SPECIAL = ["[PAD]", UNKNOWN, "[CLS]", "[SEP]", "[MASK]"]
LETTERS = string.ascii_letters + "023456789.,?!'-()[]&"  # some signs are left out, to come out as unknown
VOCABULARY = [
    *SPECIAL,
    *LETTERS,
    *(f"##{x}" for x in LETTERS),
    "ke",
    "keep",
    "profile",
    "##ing",
    "##s",
    "what",
    "mask",
    "k",
]
NUMBERS = {piece: i for i, piece in enumerate(dict.fromkeys(VOCABULARY))}
WINDOW = 64
TEXTS = [
    "",
    " ",
    "What's kept?",
    "  keep   profiles  while KEEPING; (it)  ",
    "what [SEP] comes [MASK]ed [mask] [sep]",
    "keep me, Keep me xx keep\tme\nkeep\x00me",
    "señor, “keep” 界界 ça café naïve\u00a0keep e\u0301 \u200dkeep",
    "a" * 40 + " " + "b" * 101 + " keep",
    "keep " * (WINDOW - 2),
    "keep " * (WINDOW - 1),
    "?" * 40 + "!" * 200,
    "what? " * 200,
]


def special(content: str) -> tuple[str, int]:
    return content, NUMBERS[content]


def template(single: str, *more: Any) -> Any:
    return processors.TemplateProcessing(
        single=single, pair=None, special_tokens=[special("[CLS]"), special("[SEP]"), *more]
    )


def bert(window: int = WINDOW) -> Tokenizer:
    """A small tokenizer of BERT's kind."""
    made = Tokenizer(models.WordPiece(NUMBERS, unk_token=UNKNOWN, max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = template("[CLS] $A [SEP]")
    made.add_special_tokens(SPECIAL)
    made.enable_truncation(window)
    return made


def changed(**parts: Any) -> Tokenizer:
    made = bert()
    for name, part in parts.items():
        setattr(made, name, part)
    return made


def with_added(*added: str | AddedToken) -> Tokenizer:
    made = bert()
    made.add_tokens(list(added))
    return made


def without_truncation() -> Tokenizer:
    made = bert()
    made.no_truncation()
    return made


def padded() -> Tokenizer:
    made = bert()
    made.enable_padding(length=2)  # shows in the shortest words only
    return made


def cut_left() -> Tokenizer:
    made = bert()
    made.enable_truncation(WINDOW, stride=4, direction="left")
    return made


WORD_BY_WORD: dict[str, Callable[[], Tokenizer]] = {
    "bert": bert,
    "cased": lambda: changed(normalizer=normalizers.BertNormalizer(lowercase=False)),
    "older ends": lambda: changed(post_processor=processors.BertProcessing(special("[SEP]"), special("[CLS]"))),
    "other ends": lambda: changed(post_processor=template("[SEP] $A [CLS]")),
    "two at the end": lambda: changed(
        post_processor=template("[CLS] $A end", {"id": "end", "ids": [3, 4], "tokens": ["[SEP]", "[MASK]"]})
    ),
    "added as it stands": lambda: with_added(AddedToken("keep me", normalized=False)),
    "added with its spaces": lambda: with_added(AddedToken("xx", normalized=False, lstrip=True, rstrip=True)),
    "cut left": cut_left,
}
OTHERS: dict[str, Callable[[], Tokenizer]] = {
    "no normaliser": lambda: changed(normalizer=normalizers.Sequence([])),
    "other normaliser": lambda: changed(normalizer=normalizers.Replace(" ", "")),
    "several normalisers": lambda: changed(
        normalizer=normalizers.Sequence([normalizers.BertNormalizer(), normalizers.Replace("keep ", "what")])
    ),
    "spaces as letters": lambda: changed(pre_tokenizer=pre_tokenizers.Metaspace("k")),
    "words of any signs": lambda: changed(pre_tokenizer=pre_tokenizers.Whitespace()),
    "pairs of bytes": lambda: changed(model=models.BPE(NUMBERS, [("k", "e")], unk_token=UNKNOWN, fuse_unk=True)),
    "whole words": lambda: changed(model=models.WordLevel(NUMBERS, unk_token=UNKNOWN)),
    "likeliest pieces": lambda: changed(model=models.Unigram([(x, -1.0) for x in VOCABULARY], 1, False)),
    "other ends of words": lambda: changed(
        post_processor=processors.RobertaProcessing(special("[SEP]"), special("[CLS]"))
    ),
    "no end": lambda: changed(post_processor=template("[CLS] $A")),
    "no start": lambda: changed(post_processor=template("$A [SEP]")),
    "two at the start": lambda: changed(post_processor=template("[CLS] [SEP] $A")),
    "two ids, all at the start": lambda: changed(
        post_processor=template(
            "two $A none",
            {"id": "two", "ids": [2, 3], "tokens": ["[CLS]", "[SEP]"]},
            {"id": "none", "ids": [], "tokens": []},
        )
    ),
    "added in any case": lambda: with_added("keep me"),
    "added with a space before": lambda: with_added(AddedToken(" keep", normalized=False)),
    "not cut": without_truncation,
    "padded": padded,
    "a narrow window": lambda: bert(8),
    "the narrowest window": lambda: bert(1),
}
KINDS = WORD_BY_WORD | OTHERS


@pytest.fixture(scope="module")
def packaged() -> Tokenizer:
    """The packaged model's."""
    made = Tokenizer.from_file(str(packaged_model() / "tokenizer.json"))
    made.no_padding()
    made.enable_truncation(WINDOW)
    return made


class Spy:
    """A tokenizer that writes down what it is asked, and whether with the special tokens."""

    def __init__(self, kind: Tokenizer) -> None:
        self._kind = kind
        self.asked: list[tuple[str, bool]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kind, name)

    def encode(self, text: str, add_special_tokens: bool = True) -> Any:
        self.asked.append((text, add_special_tokens))
        return self._kind.encode(text, add_special_tokens=add_special_tokens)


def asked_whole(kind: Tokenizer, text: str) -> bool:
    """Whether the library is asked for a text as it stands, the first time or the second."""
    spy = Spy(kind)
    ids = TokenIds(spy)  # type: ignore[arg-type]
    spy.asked.clear()
    assert kind.encode(text).ids == ids(text) == ids(text)
    return (text, True) in spy.asked


@pytest.mark.parametrize("kind", KINDS)
def test_ids_are_those_of_the_library(kind: str) -> None:
    """Every kind of tokenizer gives its own ids, the first time and from memory."""
    library = KINDS[kind]()
    ids = TokenIds(library)
    for text in TEXTS * 2:
        assert library.encode(text).ids == ids(text), text


@pytest.mark.parametrize("kind", KINDS)
def test_words_are_taken_apart_only_where_that_is_known_to_do(kind: str) -> None:
    """A plain question is put together from its words for BERT's tokenizers; the others get it whole."""
    assert asked_whole(KINDS[kind](), "What profile?") == (kind in OTHERS)


@pytest.mark.parametrize(
    "text",
    [
        "keep [MASK]",
        "keep (mask[)",
        "señor",
        "keep\tme",
        "keep\x7f",
        "a" * 41,
        "keep " * (WINDOW - 1),
    ],
)
def test_what_may_differ_goes_to_the_library(text: str) -> None:
    """Marks of added tokens, other alphabets, controls, very long words and texts beyond the window are its own."""
    assert asked_whole(bert(), text)


@pytest.mark.parametrize("text", ["", " keep  ", "WHAT'S 2 + 2?", "a" * 40, "keep " * (WINDOW - 2)])
def test_what_is_joined(text: str) -> None:
    """Up to the window's last id, printable ASCII is put together."""
    assert not asked_whole(bert(), text.rstrip())


def test_an_added_token_is_found_across_words() -> None:
    """One with a space inside keeps texts with its first character from being put together, and no others."""
    kind = WORD_BY_WORD["added as it stands"]()
    assert asked_whole(kind, "so keep me here")
    assert asked_whole(kind, "k")
    assert not asked_whole(kind, "Keep me")


ascii_texts = st.lists(
    st.one_of(
        st.sampled_from(
            [*SPECIAL, "[SEP", "MASK]", "keep", "Profiles,", "  ", "x" * 101, "?!" * 30, "2026", "\t", "\x01"]
        ),
        st.text(string.ascii_letters, max_size=12),
        st.text(string.printable, max_size=12),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    ),
    max_size=80,
).flatmap(lambda parts: st.sampled_from([" ".join(parts), "".join(parts)]))
REMEMBERING = {name: (made(), TokenIds(made())) for name, made in WORD_BY_WORD.items()}


@given(st.sampled_from([*REMEMBERING]), ascii_texts)
def test_any_text_has_the_ids_of_the_library(kind: str, text: str) -> None:
    """Whatever was remembered before."""
    library, ids = REMEMBERING[kind]
    assert library.encode(text).ids == ids(text)


@given(ascii_texts)
def test_any_text_has_the_ids_of_the_packaged_tokenizer(packaged: Tokenizer, text: str) -> None:
    """A vocabulary of 30,000 pieces is no other matter."""
    assert packaged.encode(text).ids == TokenIds(packaged)(text)


def test_a_word_is_asked_for_once() -> None:
    """Words that texts share are looked up; only what is new goes to the library, without the special ones."""
    spy = Spy(bert())
    ids = TokenIds(spy)  # type: ignore[arg-type]
    ids("keep profiles")
    spy.asked.clear()
    ids("keep a profiles keep")
    assert spy.asked == [("a", False)]


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never holds more words than its bound, nor a long one, and ids stay right when it starts afresh."""
    monkeypatch.setattr(tokens, "_REMEMBERED_WORDS", 10)
    library = bert()
    ids = TokenIds(library)
    sizes = set()
    for number in range(60):
        text = f"keep x{number} " + "y" * number
        assert library.encode(text).ids == ids(text)
        sizes.add(len(ids._words))
    assert max(sizes) == 10
    assert max(map(len, ids._words)) <= 40


def test_threads_share_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """On several threads at once, while words are forgotten and learnt again, each text gets its own ids."""
    monkeypatch.setattr(tokens, "_REMEMBERED_WORDS", 50)
    library = bert()
    ids = TokenIds(library)
    texts = [f"what x{i % 37} keeps {i % 91} profiles" for i in range(2000)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ids, texts))
    assert [library.encode(text).ids for text in texts] == found
    assert len(ids._words) <= 50
