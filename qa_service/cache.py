"""Vectors of questions that were asked before, so that what many people ask is embedded once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence

from cachetools import LRUCache

from qa_service.domain import Floats

# What Python keeps around a key and an array, in bytes.
_OVERHEAD = 300


class VectorCache:
    """The vectors of the latest questions, at most so many bytes of them; safe to use from several threads.

    It belongs to one index version and goes with it. Questions are kept as hashes, not as text.
    """

    def __init__(self, max_bytes: int) -> None:
        self._held: LRUCache[bytes, Floats] = LRUCache(max_bytes, getsizeof=lambda vector: vector.nbytes + _OVERHEAD)
        self._lock = threading.Lock()

    def get(self, questions: Sequence[str], embed: Callable[[Sequence[str]], Floats]) -> list[Floats]:
        """The vectors of normalised questions, each of shape (dimension,); those that are not held are embedded together."""
        if not self._held.maxsize:
            once = list(dict.fromkeys(questions))
            embedded = dict(zip(once, embed(once), strict=True))
            return [embedded[question] for question in questions]
        keys = [hashlib.blake2b(question.encode(), digest_size=16).digest() for question in questions]
        with self._lock:
            found = {key: self._held.get(key) for key in keys}
        wanted = {key: question for key, question in zip(keys, questions, strict=True) if found[key] is None}
        if wanted:
            for key, vector in zip(wanted, embed([*wanted.values()]), strict=True):
                found[key] = vector
                if vector.nbytes + _OVERHEAD <= self._held.maxsize:
                    with self._lock:
                        self._held[key] = vector.copy()  # not a row that keeps the others' memory
        return [vector for key in keys if (vector := found[key]) is not None]
