"""Embeddings kept from build to build: a killed build goes on where it was, and an edit embeds only what it changed."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_service.domain import Floats, Ints
from qa_service.encoder import Encode, usable_processors

_KEY_BYTES = 16
_CHUNK = 32
_READ = 4_096
# Arrays above this are kept in an unnamed file, which the kernel can write out when memory is short.
_IN_MEMORY_BYTES = 64 << 20
_SUFFIX = ".embeddings"

Progress = Callable[[int, int], None]


def array(folder: Path | None, shape: tuple[int, ...]) -> Floats:
    """An array to be filled, float32; a large one lives in an unnamed file of the folder and vanishes with its last user."""
    size = int(np.prod(shape)) * 4
    if folder is None or size <= _IN_MEMORY_BYTES:
        return np.empty(shape, dtype=np.float32)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.truncate(size)
        return np.memmap(file, dtype=np.float32, mode="r+", shape=shape).view(np.ndarray)


class EmbeddingStore:
    """The vectors that one encoder gave, by the hash of their text, in an append-only file.

    A record is key, vector and checksum. What a kill cut short is found by its checksum at the next opening and cut off. No
    text is kept.
    """

    def __init__(self, folder: Path, encoder: str, dimension: int) -> None:
        """Open the store of an encoder, or begin one.

        Args:
            folder: where stores are kept; a hidden folder beside the index versions.
            encoder: what its vectors depend on, as a short hexadecimal hash; other encoders have other files.
            dimension: of the vectors.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{encoder}{_SUFFIX}"
        vector = ("vector", "<f4", (dimension,))
        self._record = np.dtype([("key", np.void, _KEY_BYTES), vector, ("check", "<u4")])
        self._places: dict[bytes, int] = {}
        self._open()

    def __len__(self) -> int:
        """How many texts are known."""
        return len(self._places)

    def fill(
        self, out: Floats, encode: Encode, texts: Sequence[str], prompt: str = "", progress: Progress | None = None
    ) -> None:
        """Write the vectors of texts into an array, embedding on all processors what is not known yet.

        Args:
            out: shape (len(texts), dimension), float32.
            encode: embeds some texts.
            texts: may repeat.
            prompt: what the encoder puts before each text; the same text under another prompt is another text.
            progress: is told how many texts are done, and of how many.
        """
        keys = [_key(prompt, text) for text in texts]
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._places}
        done = len(texts) - len(fresh)
        if progress:
            progress(done, len(texts))
        with ThreadPoolExecutor(usable_processors()) as pool, self._path.open("ab") as file:
            # Texts of a length side by side: a chunk then takes as long as the next, and nobody waits for the last one.
            chunks = _chunks(sorted(fresh.items(), key=lambda item: len(item[1])))
            for window in _chunks(chunks, 4 * usable_processors()):
                embedded = pool.map(lambda chunk: encode([text for _, text in chunk]), window)
                for chunk, vectors in zip(window, embedded, strict=True):
                    self._append(file, [key for key, _ in chunk], vectors)
                    done += len(chunk)
                    if progress:
                        progress(done, len(texts))
        self._gather(out, keys)

    def keep(self, prompted: Iterable[tuple[str, str]]) -> None:
        """Drop what no build needs any more: all but one of the other encoders, and texts beyond these (prompt, text).

        The texts go once they are most of those that are known. One other encoder stays: where int8 is not faithful, each
        build asks both precisions.
        """
        others = [path for path in self._path.parent.glob(f"*{_SUFFIX}") if path != self._path]
        for other in sorted(others, key=lambda path: path.stat().st_mtime)[:-1]:
            other.unlink()
        needed = {_key(prompt, text) for prompt, text in prompted} & self._places.keys()
        if len(self._places) <= 2 * len(needed):
            return
        places = np.array(sorted(self._places[key] for key in needed), dtype=np.int64)
        held, fresh = self._records(), self._path.with_suffix(".new")
        with fresh.open("wb") as file:
            for i in range(0, len(places), _READ):
                file.write(held[places[i : i + _READ]].tobytes())
        fresh.rename(self._path)
        self._open()

    def _open(self) -> None:
        self._places.clear()
        if not self._path.exists():
            self._path.touch()
        whole = 0
        with self._path.open("rb") as file:
            while raw := file.read(_READ * self._record.itemsize):
                records = np.frombuffer(raw[: len(raw) // self._record.itemsize * self._record.itemsize], self._record)
                for record in records:
                    if _checksum(record["key"].tobytes(), record["vector"]) != record["check"]:
                        break
                    self._places[record["key"].tobytes()] = whole
                    whole += 1
                else:
                    continue
                break
        if self._path.stat().st_size != whole * self._record.itemsize:
            os.truncate(self._path, whole * self._record.itemsize)
        self._count = whole

    def _append(self, file: Any, keys: Sequence[bytes], vectors: Floats) -> None:  # noqa: ANN401 (a binary file)
        records = np.empty(len(keys), dtype=self._record)
        for i, (key, vector) in enumerate(zip(keys, vectors, strict=True)):
            records[i] = (np.void(key), vector, _checksum(key, vector))
        file.write(records.tobytes())
        file.flush()
        for key in keys:
            self._places[key] = self._count
            self._count += 1

    def _records(self) -> NDArray[Any]:
        if not self._count:
            return np.empty(0, dtype=self._record)
        mapped: NDArray[Any] = np.memmap(self._path, dtype=self._record, mode="r", shape=(self._count,))
        return mapped

    def _gather(self, out: Floats, keys: Sequence[bytes]) -> None:
        held = self._records()
        places: Ints = np.array([self._places[key] for key in keys], dtype=np.int64)
        for i in range(0, len(places), _READ):
            out[i : i + _READ] = held["vector"][places[i : i + _READ]]


def _key(prompt: str, text: str) -> bytes:
    return hashlib.blake2b(f"{prompt}\0{text}".encode(), digest_size=_KEY_BYTES).digest()


def _checksum(key: bytes, vector: Floats) -> int:
    return zlib.crc32(np.asarray(vector, dtype="<f4").tobytes(), zlib.crc32(key))


def _chunks(items: Iterable[Any], size: int = _CHUNK) -> Iterable[list[Any]]:
    waiting = iter(items)
    while chunk := list(islice(waiting, size)):
        yield chunk
