"""The encoder by itself, in one thread: against the floor by tokens, and a batch against single questions."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from benchmarks.speed import floor
from benchmarks.speed.figures import summary
from qa_service.artifact import publish
from qa_service.artifact.manifest import ENCODER, TOKENIZER, together_of, verify
from qa_service.encoder import OnnxEncoder


def open_encoder(root: Path, seats: Sequence[int] | None) -> tuple[OnnxEncoder, Tokenizer]:
    """The encoder of the index version that serves, and a tokenizer of its own to count with; `seats` as the encoder has them."""
    folder = root / publish.current(root)
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    manifest = verify(folder)
    together = together_of(folder, manifest.files)
    return OnnxEncoder(folder / ENCODER, folder / TOKENIZER, manifest.model, together, seats), tokenizer


def tokens_of(tokenizer: Tokenizer, text: str) -> int:
    """Tokens that the model reads of a text, its marks of beginning and end included."""
    return len(tokenizer.encode(text).ids)


def texts_of_length(tokenizer: Tokenizer, questions: Sequence[str], tokens: int, count: int) -> list[str]:
    """Texts of exactly that many tokens, made by putting questions after each other and cutting between words.

    Raises:
        ValueError: the questions don't suffice.
    """
    texts: list[str] = []
    words: list[str] = []
    for question in questions:
        for word in question.split():
            words.append(word)
            length = tokens_of(tokenizer, " ".join(words))
            if length == tokens:
                texts.append(" ".join(words))
            if length >= tokens:
                words = []
            if len(texts) == count:
                return texts
    raise ValueError(f"{len(texts)} texts of {tokens} tokens, not {count}")


def milliseconds(run: Callable[[], object]) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    run()
    return (time.perf_counter() - begun) * 1000


def lengths(
    encoder: OnnxEncoder, texts: Mapping[int, Sequence[str]], products: floor.Products, rounds: int, repeats: int
) -> dict[str, Any]:
    """Median milliseconds of a text and of the products alone, round by round, and their multiples, by tokens.

    `texts` holds texts of each number of tokens. The texts of one number go before its products, so that either finds its
    weights in the caches as it left them.
    """
    bound = {tokens: products.bind(tokens) for tokens in texts}
    found: dict[str, Any] = {str(tokens): {"encoder_ms": [], "floor_ms": []} for tokens in texts}
    for number in range(-1, rounds):  # the round -1 warms up
        for tokens in texts:
            asked = [texts[tokens][i % len(texts[tokens])] for i in range(repeats)]
            taken = statistics.median(milliseconds(partial(encoder.encode_queries, [text])) for text in asked)
            least = statistics.median(milliseconds(bound[tokens].run) for _ in range(repeats))
            if number >= 0:
                found[str(tokens)]["encoder_ms"].append(taken)
                found[str(tokens)]["floor_ms"].append(least)
    for values in found.values():
        values["multiple"] = summary(values["encoder_ms"], values["floor_ms"])
    return found


def batches(encoder: OnnxEncoder, batches_of_questions: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Questions per second of whole batches, and of the same questions one after another; who is first alternates."""
    whole: list[float] = []
    single: list[float] = []
    for number, questions in enumerate(batches_of_questions):
        ways: list[tuple[Callable[[], object], list[float]]] = [
            (partial(encoder.encode_queries, questions), whole),
            (partial(_one_by_one, encoder, questions), single),
        ]
        for run, rates in ways if number % 2 else ways[::-1]:
            rates.append(1000 * len(questions) / milliseconds(run))
    return {"batch_per_second": whole, "single_per_second": single, "ratio": summary(whole, single)}


def _one_by_one(encoder: OnnxEncoder, questions: Sequence[str]) -> None:
    for question in questions:
        encoder.encode_queries([question])
