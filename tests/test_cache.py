from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from qa_service.artifact import publish
from qa_service.artifact.read import read
from qa_service.cache import VectorCache
from qa_service.domain import Floats, Query
from qa_service.retriever import Retriever

# A vector of 25 floats and what surrounds it come to 400 bytes.
FLOATS = 25


class Embedding:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, questions: Sequence[str]) -> Floats:
        self.asked += questions
        return np.stack([np.full(FLOATS, len(question), dtype=np.float32) for question in questions])


def test_a_question_is_embedded_once() -> None:
    """The second time its vector is there."""
    cache, embed = VectorCache(4_000), Embedding()
    first, second = (cache.get(["what is red"], embed)[0].tolist() for _ in range(2))
    assert first == second == [11.0] * FLOATS
    assert cache.get(["what is blue"], embed)[0][0] == 12.0
    assert embed.asked == ["what is red", "what is blue"]


def test_the_least_recently_asked_goes_first() -> None:
    """Three fit into 1,200 bytes; the fourth takes the place of the one that was asked longest ago."""
    cache, embed = VectorCache(1_200), Embedding()
    for question in ("a", "bb", "ccc", "a", "dddd", "a", "bb"):
        cache.get([question], embed)
    assert embed.asked == ["a", "bb", "ccc", "dddd", "bb"]


@pytest.mark.parametrize("max_bytes", [0, 399])
def test_a_cache_too_small_for_one_vector_keeps_none(max_bytes: int) -> None:
    """It embeds each time and fails never."""
    cache, embed = VectorCache(max_bytes), Embedding()
    assert [cache.get(["a"], embed)[0][0] for _ in range(2)] == [1.0, 1.0]
    assert embed.asked == ["a", "a"]
    assert [vector[0] for vector in cache.get(["bb", "a", "bb"], embed)] == [2.0, 1.0, 2.0]
    assert embed.asked == ["a", "a", "bb", "a"]


def test_what_is_not_held_is_embedded_together() -> None:
    """Of several questions, those that were asked before are taken from it, and equal ones are embedded once."""
    cache, embed = VectorCache(4_000), Embedding()
    cache.get(["bb"], embed)
    got = cache.get(["a", "bb", "ccc", "a"], embed)
    assert [vector[0] for vector in got] == [1.0, 2.0, 3.0, 1.0]
    assert embed.asked == ["bb", "a", "ccc"]


def test_threads_share_it() -> None:
    """Whoever asks gets the vector of the own question."""
    cache, embed = VectorCache(2_000), Embedding()
    questions = ["x" * (1 + i % 9) for i in range(2_000)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda q: float(cache.get([q], embed)[0][0]), questions))
    assert got == [float(len(q)) for q in questions]


def test_a_retriever_answers_the_same_with_and_without(index: Path) -> None:
    """Equal questions, however they are spaced, are embedded once, and nothing in the result differs."""
    folder = index / publish.current(index)
    plain, cached = Retriever(read(folder)), Retriever(read(folder), cache_bytes=100_000)
    asked: list[str] = []
    real = cached.snapshot.encoder.encode_queries

    def watched(texts: Sequence[str]) -> Floats:
        asked.extend(texts)
        return real(texts)

    cached.snapshot.encoder.encode_queries = watched  # type: ignore[method-assign]
    queries = [Query("What is beta?"), Query("  What is\tbeta? "), Query("red green"), Query("What is beta?", top=1)]
    assert cached.ask(queries) == plain.ask(queries)
    assert asked == ["What is beta?", "red green"]
