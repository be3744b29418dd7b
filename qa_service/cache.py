"""Vectors of questions that were asked before, so that what many people ask is embedded once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

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

    def get(self, question: str, embed: Callable[[str], Floats]) -> Floats:
        """The vector of a normalised question, embedded if it is not held; shape (dimension,)."""
        key = hashlib.blake2b(question.encode(), digest_size=16).digest()
        with self._lock:
            vector = self._held.get(key)
        if vector is None:
            vector = embed(question)
            if vector.nbytes + _OVERHEAD <= self._held.maxsize:
                with self._lock:
                    self._held[key] = vector
        return vector
