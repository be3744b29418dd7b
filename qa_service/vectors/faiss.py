"""FAISS: exact search while that is fast, and beyond it an inverted file. The one room that knows the library.

An inverted file puts each vector into the list of its nearest centre and looks only at the lists whose centres are nearest
to the query (Sivic and Zisserman, "Video Google", 2003). It holds a code of 4 bits for every three numbers of a vector (product
quantisation: Jégou, Douze and Schmid, 2011), of which 32 are compared at once (André, Kermarrec and Le Scouarnec, 2015). Codes
only propose: the best by code are compared again, exactly. benchmarks/speed/GROWTH.md tells what lost to this.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import faiss  # its stubs lag behind: they know no search parameters
import numpy as np

from qa_service.domain import Floats, Ints, Mask
from qa_service.vectors.base import NO_ROW, bounded

# Up to this many rows, all are compared: of 384 numbers each, that stays near a millisecond.
FLAT_ROWS = 20_000
# Of so few allowed rows all are compared too, which costs 2 ms; lists near the query may hold none of them.
EXACT_ROWS = 8_192
# How many of the best by code are compared exactly, at least.
PROPOSED_ROWS = 1_024
# The share of the ten nearest rows that a build asks of its own search.
RECALL = 0.993
RECALL_RANK = 10
RECALL_QUERIES = 512
# The cosine of a question to the wording that it paraphrases. Of the questions of nine labelled sets, one in a hundred is
# farther than 0.46 from the nearest row, and half are farther than 0.83.
_PARAPHRASE_COSINES = (0.5, 0.9)
_TRAINING_ROWS = 131_072
_BLOCK_ROWS = 16_384
_SEED = 20_241
# Of the library's ways to read such codes: query by query, with a reservoir of the best. Left to itself it takes one that is made
# for many queries, an eighth slower for one.
_ONE_QUERY = 11

_faiss: Any = faiss
# OpenMP's count before anything has set it: the processors that this process may use.
_PROCESSORS = int(_faiss.omp_get_max_threads())


class FaissTable:
    """A matrix of unit vectors."""

    def __init__(self, vectors: Floats) -> None:
        self._vectors = np.ascontiguousarray(vectors, dtype=np.float32)  # a view, also of a memory map
        self._first = _faiss.swig_ptr(self._vectors)

    def cosines(self, query: Floats, rows: Ints | None = None) -> Floats:
        query = np.ascontiguousarray(query)
        size, dimension = self._vectors.shape
        if rows is None:
            found = np.empty(size, dtype=np.float32)
            out, vector = _faiss.swig_ptr(found), _faiss.swig_ptr(query)
            _faiss.fvec_inner_products_ny(out, vector, self._first, dimension, size)
            return bounded(found)
        # The library checks nothing here: a row beyond the last would be read from whatever memory lies there.
        if len(rows) and (rows.min() < 0 or rows.max() >= size):
            raise IndexError(f"there are {size} rows")
        _faiss.omp_set_num_threads(1)  # as in `search`
        found, rows = np.empty(len(rows), dtype=np.float32), np.ascontiguousarray(rows, dtype=np.int64)
        out, vector, places = map(_faiss.swig_ptr, (found, query, rows))
        _faiss.fvec_inner_products_by_idx(out, vector, self._first, places, dimension, 1, len(rows))
        return bounded(found)


class FaissIndex(FaissTable):
    """A flat index or an inverted file. The file has no checksum, so it is read only after the manifest has verified it."""

    def __init__(self, index: Any, vectors: Floats) -> None:  # noqa: ANN401 (faiss has no types)
        super().__init__(vectors)
        self._index = index
        self._inverted = isinstance(index, _faiss.IndexIVF)
        if isinstance(index, _faiss.IndexIVFFastScan):
            index.implem = _ONE_QUERY

    @classmethod
    def build(cls, vectors: Floats) -> Self:
        """Index `vectors`, which may be a memory map; the same vectors give the same bytes, on however many processors.

        Beside the index itself, this holds a sample of at most 131,072 rows.
        """
        with _all_processors():
            if len(vectors) <= FLAT_ROWS:
                index = _faiss.IndexFlatIP(vectors.shape[1])
                index.add(np.ascontiguousarray(vectors))
                return cls(index, vectors)
            built = cls(_inverted_file(vectors), vectors)
            queries = _paraphrases(vectors)
            reached = _least_cosines(vectors, queries, RECALL_RANK)
        built._probe_enough(queries, reached)
        return built

    @classmethod
    def load(cls, path: Path, vectors: Floats) -> Self:
        # All processes share the pages of a flat index's file. FAISS can't map an inverted file of such codes; it reads it
        # into memory, 75 bytes a row.
        index = _faiss.read_index(str(path), _faiss.IO_FLAG_MMAP_IFC if len(vectors) <= FLAT_ROWS else 0)
        if (index.ntotal, index.d) != vectors.shape:
            raise ValueError(f"holds {index.ntotal} x {index.d} where the vectors are {vectors.shape}")
        return cls(index, vectors)

    def save(self, path: Path) -> None:
        _faiss.write_index(self._index, str(path))

    def search(self, queries: Floats, k: int, allowed: Mask | None = None) -> tuple[Floats, Ints]:
        # The setting belongs to the calling thread. Questions are computed side by side on threads of our own; a second
        # pool below them only contends for the processors.
        _faiss.omp_set_num_threads(1)
        queries = np.ascontiguousarray(queries)
        if not self._inverted:
            scores, rows = self._index.search(queries, k, params=_selection(allowed))
            np.clip(scores, -1.0, 1.0, out=scores)
            scores[rows == NO_ROW] = -np.inf
            return scores, rows
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        rows = np.full((len(queries), k), NO_ROW, dtype=np.int64)
        # One by one: what a query finds must not depend on those beside it.
        for number, query in enumerate(queries):
            best, found = self._ranked(query, self._proposed(query, k, allowed))
            scores[number, : len(found)] = best[:k]
            rows[number, : len(found)] = found[:k]
        return scores, rows

    @staticmethod
    def table(vectors: Floats) -> FaissTable:
        return FaissTable(vectors)

    def _proposed(self, query: Floats, k: int, allowed: Mask | None) -> Ints:
        """The rows that may be the best, ascending: at least k of them, or all that are allowed."""
        index, size = self._index, len(self._vectors)
        total = size if allowed is None else int(np.count_nonzero(allowed))
        if total > max(EXACT_ROWS, k):
            wanted = min(max(k, PROPOSED_ROWS), total)
            # The tenth best of a tenth of the rows is as far away as the hundredth best of all.
            probes = math.ceil(index.nprobe * math.sqrt(size / total))
            everywhere = False
            while not everywhere:
                everywhere = probes >= index.nlist
                parameters = _selection(allowed, nprobe=min(probes, index.nlist))
                rows: Ints = index.search(query[None], wanted, params=parameters)[1][0]
                rows = np.sort(rows[rows != NO_ROW])
                if len(rows) >= (k if everywhere else wanted):
                    return rows
                probes *= 4
        return np.arange(size) if allowed is None else np.flatnonzero(allowed)

    def _ranked(self, query: Floats, rows: Ints) -> tuple[Floats, Ints]:
        """Rows, given ascending, by their cosines, best first."""
        cosines = self.cosines(query, rows)
        order = np.argsort(-cosines, kind="stable")
        return cosines[order], rows[order]

    def _probe_enough(self, queries: Floats, reached: Floats) -> None:
        """Look at as few lists as find the share `RECALL` of the rows that are as near as `reached`; shape (queries, 1)."""

        def recall(probes: int) -> float:
            self._index.nprobe = probes
            return float(np.mean(self.search(queries, RECALL_RANK)[0] >= reached - 1e-6))

        # Fewer would often not hold what is to be proposed, and be searched twice.
        lists = self._index.nlist
        fewest = min(lists, math.ceil(2 * PROPOSED_ROWS * lists / len(self._vectors)))
        self._index.nprobe = fewest + bisect_left(range(fewest, lists), RECALL, key=recall)


def _selection(allowed: Mask | None, **options: int) -> Any:  # noqa: ANN401 (faiss has no types)
    """Parameters of a search; the selector in them keeps the bits that it points to."""
    parameters = _faiss.SearchParametersIVF if options else _faiss.SearchParameters
    if allowed is None:
        return parameters(**options)
    return parameters(sel=_faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little")), **options)


@contextmanager
def _all_processors() -> Iterator[None]:
    _faiss.omp_set_num_threads(_PROCESSORS)
    try:
        yield
    finally:
        _faiss.omp_set_num_threads(1)


def _blocks(vectors: Floats) -> Iterator[Floats]:
    for first in range(0, len(vectors), _BLOCK_ROWS):
        yield np.ascontiguousarray(vectors[first : first + _BLOCK_ROWS])


def _inverted_file(vectors: Floats) -> Any:  # noqa: ANN401 (faiss has no types)
    """An inverted file of all rows, in about as many lists as a list has rows."""
    rows, dimension = vectors.shape
    lists = 1 << round(math.log2(math.sqrt(rows)))
    together = next(size for size in (3, 2, 1) if dimension % size == 0)
    index = _faiss.IndexIVFPQFastScan(
        _faiss.IndexFlatIP(dimension), dimension, lists, dimension // together, 4, _faiss.METRIC_INNER_PRODUCT
    )
    index.by_residual = True
    for clustering in (index.cp, index.pq.cp):
        clustering.seed = _SEED
        clustering.min_points_per_centroid = 1  # it would complain on standard error
    index.cp.spherical = True
    index.cp.niter = 5  # as good as 10, in half the time
    index.cp.max_points_per_centroid = _TRAINING_ROWS  # the sample is ours
    sample = np.random.default_rng(_SEED).choice(rows, min(rows, _TRAINING_ROWS), replace=False)
    index.train(vectors.take(np.sort(sample), axis=0))
    for block in _blocks(vectors):
        index.add(block)
    return index


def _paraphrases(vectors: Floats) -> Floats:
    """Questions as people may ask them: some rows, moved in the directions in which rows differ; shape (queries, dimension)."""
    draw = np.random.default_rng(_SEED)
    rows, *others = vectors.take(draw.integers(len(vectors), size=(5, RECALL_QUERIES)), axis=0)
    moves = others[0] - others[1] + others[2] - others[3]
    moves -= np.vecdot(moves, rows)[:, None] * rows
    cosines = draw.uniform(*_PARAPHRASE_COSINES, size=(RECALL_QUERIES, 1)).astype(np.float32)
    questions: Floats = cosines * rows + np.sqrt(1.0 - cosines**2) * _unit(moves)
    return _unit(questions)


def _unit(rows: Floats) -> Floats:
    """Rows at length 1; shape (n, dimension)."""
    lengths: Floats = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)


def _least_cosines(vectors: Floats, queries: Floats, k: int) -> Floats:
    """The cosine of each query to its k-th nearest row, by comparing all; shape (queries, 1)."""
    best = np.full((len(queries), k), -np.inf, dtype=np.float32)
    for block in _blocks(vectors):
        found = _faiss.knn(queries, block, min(k, len(block)), _faiss.METRIC_INNER_PRODUCT)[0]
        best = np.sort(np.concatenate((best, found), axis=1), axis=1)[:, -k:]
    return best[:, :1]
