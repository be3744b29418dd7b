"""Text to token ids: the library's own, from remembered words where a tokenizer takes each word by itself."""

from __future__ import annotations

import json
import threading
from typing import Any

from tokenizers import Tokenizer

# Words as they stand between spaces, with case and punctuation; longer ones are rare, and could fill the memory.
_REMEMBERED_WORDS = 20_000
_LONGEST_REMEMBERED = 40
_SAMPLE = "What's CTPAT's 5-step (re)validation?"


class TokenIds:
    """The token ids of a text, with the special ones around it, cut where the tokenizer cuts.

    BERT's tokenizers split at spaces before anything else, so the ids of a text are those of its words one after another.
    These are asked for once. A text that this may not hold for goes to the library whole, as does every text where the
    tokenizer is of another kind. Calls on several threads at once are safe.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Take a tokenizer with its truncation set; a change to it later is not seen."""
        self._tokenizer = tokenizer
        self._words: dict[str, tuple[int, ...]] = {}
        self._lock = threading.Lock()
        # Added tokens are found before words are; none can lie in a text without the character it begins with.
        self._marks = frozenset(token.content[:1] for token in tokenizer.get_added_tokens_decoder().values())
        ends = tokenizer.encode("").ids
        self._first, self._last = ends[:1], ends[1:]
        # How many ids words may come to; with none, every text goes to the library. So it stays for a kind whose ids for a
        # sample are other than foreseen, and for a window too short for the sample.
        self._most = 0
        window = tokenizer.truncation
        if window and _takes_words_apart(tokenizer) and self._joined(_SAMPLE) == tokenizer.encode(_SAMPLE).ids:
            self._most = window["max_length"]

    def __call__(self, text: str) -> list[int]:
        """The ids that `Tokenizer.encode` gives."""
        if self._most and text.isascii() and text.isprintable():
            ids = self._joined(text)
            if ids and len(ids) <= self._most:
                return ids
        return self._tokenizer.encode(text).ids

    def _joined(self, text: str) -> list[int]:
        """The ids of a text's words between the special ones; none where a word is not to be remembered."""
        ids = [*self._first]
        for word in text.split(" "):
            known = self._words.get(word)
            if known is None:
                if len(word) > _LONGEST_REMEMBERED or not self._marks.isdisjoint(word):
                    return []
                known = self._learn(word)
            ids += known
        return ids + self._last

    def _learn(self, word: str) -> tuple[int, ...]:
        ids = tuple(self._tokenizer.encode(word, add_special_tokens=False).ids)
        with self._lock:
            # Those in use are soon back; to keep an order of use would cost each call more.
            if len(self._words) >= _REMEMBERED_WORDS:
                self._words.clear()
            self._words[word] = ids
        return ids


def _takes_words_apart(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer is known to take each word by itself and to put special ids around them all."""
    # One that is looked for after normalisation may be written differently in a text.
    found_first = not any(
        token.normalized or token.content[:1].isspace() for token in tokenizer.get_added_tokens_decoder().values()
    )
    kinds = [type(part).__name__ for part in (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.model)]
    return (
        found_first
        and kinds == ["BertNormalizer", "BertPreTokenizer", "WordPiece"]
        and tokenizer.padding is None
        and _puts_one_at_each_end(tokenizer.post_processor)
    )


def _puts_one_at_each_end(post_processor: Any) -> bool:  # noqa: ANN401 (the library's have no common type)
    """Whether a text gets one special token before it and one behind it."""
    match post_processor and json.loads(post_processor.__getstate__()):
        case {"type": "BertProcessing"} | {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": _}, {"Sequence": _}, {"SpecialToken": _}],
        }:
            return True
    return False
