"""The vector index from 10 to 1,000,000 rows: `python benchmarks/speed/growth.py EVAL` writes GROWTH.md, growth.json and growth.svg.

EVAL holds labelled sets, as benchmarks/quality reads them. `--cache FOLDER` keeps their vectors for the next run; `--sizes` and
`--output` are for a small trial. Each build and each search runs in a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from qa_service.artifact.manifest import ENCODER, TOKENIZER  # noqa: E402 (the path above)
from qa_service.domain import Floats, Mask  # noqa: E402 (as above)
from qa_service.encoder import OnnxEncoder, encode_all  # noqa: E402 (as above)
from qa_service.vectors import faiss as engine  # noqa: E402 (as above)
from qa_service.vectors.faiss import FaissIndex  # noqa: E402 (as above)

SIZES = (10, 1_000, 10_000, 100_000, 1_000_000)
QUERIES = 500  # of each kind: asked by people, and made from rows
PASSES = 3
WIDTHS = (10, 1_024)  # how many rows are asked for; the retriever asks for the second
PERCENTILES = (1, 10, 25, 50, 75, 90, 99)
FILTERS = ("99 %", "50 %", "10 %", "2 %", "0.5 %", "the 10 % nearest to 8 topics", "all but the 50 % nearest to 8 topics")
RECALL_TARGET, MILLISECONDS_TARGET = 0.99, 2.0
_BLOCK = 16_384
_SAMPLED_ROWS = 1_000
_FILTERED_QUERIES = 100
_TOUCHED = 100  # queries of a process that has just begun
_GROWN_FROM = 19  # 1,000,000 rows are 19 times the real ones
_GRAPH_ROWS = 100_000  # a graph of a million takes too long to build here

Doubles = NDArray[np.float64]


# Vectors


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line] if path.exists() else []


def embedded(folder: Path, cache: Path) -> tuple[Floats, Floats]:
    """The vectors of what the sets publish (questions, variants, and answers with their questions), and of what people ask."""
    published: dict[str, None] = {}
    asked: dict[str, None] = {}
    for one in sorted(p for p in folder.iterdir() if p.is_dir()):
        for entry in _lines(one / "faqs.jsonl"):
            texts = [entry["question"], *entry.get("variants", ())]
            published.update(dict.fromkeys([*texts, f"{entry['question']}\n{entry['answer']}"] if entry["answer"] else texts))
        asked.update(dict.fromkeys(query["text"] for query in _lines(one / "queries.jsonl")))
    found = []
    for name, texts in (("published", published), ("asked", asked)):
        path = cache / f"{name}.npy"
        if not path.exists():
            np.save(path, encode_all(_encoder(cache).encode_queries, list(texts)), allow_pickle=False)
        found.append(np.load(path, allow_pickle=False))
    draw = np.random.default_rng(0)
    rows, queries = found
    return rows[draw.permutation(len(rows))], queries[draw.permutation(len(queries))]


def _encoder(folder: Path) -> OnnxEncoder:
    export: Any = importlib.import_module("qa_service.export")
    return OnnxEncoder(folder / ENCODER, folder / TOKENIZER, export.load().write(folder, "int8"))


def moved(rows: Floats, cosines: Floats, real: Floats, draw: np.random.Generator) -> Floats:
    """Rows, each turned to the given cosine of itself in a direction in which real rows differ; shape (n, dimension)."""
    towards, away = (real[draw.integers(len(real), size=(2, len(rows)))].sum(axis=0) for _ in range(2))
    moves = towards - away
    moves -= np.vecdot(moves, rows)[:, None] * rows
    moves /= np.maximum(np.linalg.norm(moves, axis=1, keepdims=True), 1e-9)
    turned = cosines[:, None] * rows + np.sqrt(1.0 - cosines[:, None] ** 2) * moves
    return np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True), dtype=np.float32)


def nearest(vectors: Floats, queries: Floats, k: int, allowed: Mask | None = None) -> Floats:
    """The cosines of the k nearest rows of each query, best first, by comparing all; shape (queries, k)."""
    best = np.full((len(queries), k), -np.inf, dtype=np.float32)
    for first in range(0, len(vectors), _BLOCK):
        found = queries @ vectors[first : first + _BLOCK].T
        if allowed is not None:
            found[:, ~allowed[first : first + _BLOCK]] = -np.inf
        best = np.partition(np.concatenate((best, found), axis=1), -k, axis=1)[:, -k:]
    return -np.sort(-best, axis=1)


def parents_cosines(real: Floats, draw: np.random.Generator) -> Floats:
    """How near a made row is to the real row that it is made from: as a row of a quarter of the real ones to its nearest.

    Of all of them would crowd the made rows: the siblings of a row are near to it as well.
    """
    some = real[draw.permutation(len(real))[: max(20, len(real) // 4)]]
    return np.minimum(nearest(some, some[:5_000], 2)[:, 1], np.float32(0.9999))


def grow(real: Floats, rows: int, cosines: Floats, draw: np.random.Generator) -> Iterator[Floats]:
    """Rows made from real ones, in blocks."""
    while rows:
        count = min(rows, _BLOCK)
        yield moved(real[draw.integers(len(real), size=count)], draw.choice(cosines, count), real, draw)
        rows -= count


def write_vectors(path: Path, real: Floats, rows: int) -> Floats:
    """The real rows first and then made ones, in the pages of a file."""
    draw = np.random.default_rng(1)
    made = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, real.shape[1]))
    first = min(rows, len(real))
    made[:first] = real[:first]
    for block in grow(real, rows - first, parents_cosines(real, draw), draw):
        made[first : first + len(block)] = block
        first += len(block)
    made.flush()
    return opened(path, rows)


def opened(path: Path, rows: int) -> Floats:
    """The first rows of a file of vectors."""
    mapped: Floats = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)[:rows]
    return mapped


def spread(vectors: Floats, others: Floats | None = None) -> dict[str, list[float]]:
    """Percentiles of the cosine of rows, or of other vectors, to the nearest row and to the tenth, but for themselves."""
    step = max(1, len(vectors) // _SAMPLED_ROWS)
    asked, skip = (vectors[::step][:_SAMPLED_ROWS], 1) if others is None else (others, 0)
    cosines = nearest(vectors, asked, 10 + skip)[:, skip:]
    return {
        name: [round(float(x), 3) for x in np.percentile(cosines[:, place], PERCENTILES)]
        for name, place in (("nearest", 0), ("tenth", 9))
    }


# Processes


def _status(name: str) -> int:
    """A figure of this process's memory, in bytes."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith(f"{name}:"))


@contextmanager
def _watched(found: dict[str, Any]) -> Iterator[None]:
    """Note the most anonymous memory while the body runs, above what there was before, and the most resident memory."""
    before, most, done = _status("RssAnon"), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            most[0] = max(most[0], _status("RssAnon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
        found["anonymous"] = max(most[0], _status("RssAnon")) - before
        found["resident"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024


def _times(search: Callable[[Floats, int], Any], queries: Floats, k: int) -> list[float]:
    """Milliseconds of each query."""
    found = []
    for query in queries:
        begun = time.perf_counter()
        search(query[None], k)
        found.append(1_000 * (time.perf_counter() - begun))
    return found


def build(job: dict[str, Any]) -> dict[str, Any]:
    """Build an index and save it."""
    vectors = opened(Path(job["vectors"]), job["rows"])
    found: dict[str, Any] = {}
    begun = time.monotonic()
    with _watched(found):
        index = FaissIndex.build(vectors)
        found["seconds"] = time.monotonic() - begun
        index.save(Path(job["index"]))
    held: Any = index._index
    return found | {
        "bytes": Path(job["index"]).stat().st_size,
        "lists": getattr(held, "nlist", 0),
        "probes": getattr(held, "nprobe", 0),
    }


def serve(job: dict[str, Any]) -> dict[str, Any]:
    """Search an index as a service does, and write what it finds."""
    vectors, queries = opened(Path(job["vectors"]), job["rows"]), np.load(job["queries"], allow_pickle=False)
    found: dict[str, Any] = {}
    begun = time.monotonic()
    with _watched(found):
        index = FaissIndex.load(Path(job["index"]), vectors)
        found["load_seconds"] = time.monotonic() - begun
        found["first"] = float(np.median(_times(index.search, queries[:_TOUCHED], WIDTHS[-1])))
        for k in WIDTHS:
            answers = [index.search(query[None], k) for query in queries]
            np.savez(f"{job['found']}-{k}.npz", *(np.concatenate(part) for part in zip(*answers, strict=True)))
        times = {k: [t for _ in range(PASSES) for t in _times(index.search, queries, k)] for k in WIDTHS}
    found["ms"] = {str(k): dict(zip(("median", "p99"), np.percentile(times[k], (50, 99)), strict=True)) for k in WIDTHS}
    return found


def exact(job: dict[str, Any]) -> dict[str, Any]:
    """Search a flat index of the same rows."""
    vectors, queries = opened(Path(job["vectors"]), job["rows"]), np.load(job["queries"], allow_pickle=False)
    engine.FLAT_ROWS = len(vectors)
    index = FaissIndex.build(vectors)
    some = queries[:: max(1, len(queries) * len(vectors) // 40_000_000)]
    return {"ms": {str(k): {"median": float(np.median(_times(index.search, some, k)))} for k in WIDTHS}}


def filters(job: dict[str, Any]) -> dict[str, Any]:
    """Search with some rows allowed only."""
    vectors, queries = opened(Path(job["vectors"]), job["rows"]), np.load(job["queries"], allow_pickle=False)
    queries, index = queries[:_FILTERED_QUERIES], FaissIndex.load(Path(job["index"]), vectors)
    draw = np.random.default_rng(6)
    topics = vectors[draw.integers(len(vectors), size=8)]
    near = np.concatenate([(vectors[i : i + _BLOCK] @ topics.T).max(axis=1) for i in range(0, len(vectors), _BLOCK)])
    held = [draw.random(len(vectors)) < share for share in (0.99, 0.5, 0.1, 0.02, 0.005)]
    held += [near >= np.quantile(near, 0.9), near < np.median(near)]
    found = {}
    for name, allowed in zip(FILTERS, held, strict=True):
        tenth = nearest(vectors, queries, 10, allowed)[:, 9:]
        scores = np.concatenate([index.search(query[None], WIDTHS[-1], allowed)[0] for query in queries])
        times = _times(lambda query, k, allowed=allowed: index.search(query, k, allowed), queries, WIDTHS[-1])
        found[name] = {
            "allowed": int(allowed.sum()),
            "recall": float(np.mean(scores[:, :10] >= tenth - 1e-6)),
            "median": float(np.median(times)),
            "p99": float(np.percentile(times, 99)),
        }
    return found


def contender(job: dict[str, Any]) -> dict[str, Any]:
    """Another kind of index, in the same lists and looking at as many of them, or a graph.

    Returns:
        Bytes of a row; the time of a search for 1,024 rows and of comparing these exactly; recall@10 before and after.
    """
    vectors, queries = opened(Path(job["vectors"]), job["rows"]), np.load(job["queries"], allow_pickle=False)
    ours: Any = FaissIndex.load(Path(job["index"]), vectors)._index
    index = _other(job["kind"], ours, vectors)
    engine._faiss.omp_set_num_threads(engine._PROCESSORS)
    begun = time.monotonic()
    if not index.is_trained:
        index.train(vectors[:: max(1, len(vectors) // 65_536)])
    for first in range(0, len(vectors), _BLOCK):
        index.add(np.ascontiguousarray(vectors[first : first + _BLOCK]))
    found: dict[str, Any] = {"seconds": time.monotonic() - begun}
    engine._faiss.omp_set_num_threads(1)
    tenth = nearest(vectors, queries, 10)[:, 9:]
    ranked, proposed = FaissIndex(index, vectors), [index.search(query[None], WIDTHS[-1])[1][0] for query in queries]
    before = np.stack([np.vecdot(vectors[rows[:10]], query) for query, rows in zip(queries, proposed, strict=True)])
    after = np.stack([ranked._ranked(q, np.sort(rows))[0][:10] for q, rows in zip(queries, proposed, strict=True)])
    begun = time.perf_counter()
    for query, rows in zip(queries, proposed, strict=True):
        ranked._ranked(query, np.sort(rows))
    found["compare_ms"] = 1_000 * (time.perf_counter() - begun) / len(queries)
    found["search_ms"] = float(np.median(_times(index.search, queries, WIDTHS[-1])))
    found["recall"] = float(np.mean(before >= tenth - 1e-6))
    found["recall_compared"] = float(np.mean(after >= tenth - 1e-6))
    path = Path(job["found"])
    engine._faiss.write_index(index, str(path))
    found["bytes"] = path.stat().st_size / len(vectors)
    path.unlink()
    return found


KINDS = {
    "ours": "4 bits for 3 numbers, 32 codes at once",
    "pq2": "4 bits for 2 numbers, 32 codes at once",
    "pq4": "4 bits for 4 numbers, 32 codes at once",
    "rabitq": "1 bit for 1 number (RaBitQ, queries in 4 bits)",
    "sq8": "8 bits for 1 number",
    "fp16": "half precision",
    "flat": "float32",
}
_GRAPH = "graph (HNSW of 32 links, float32)"


def _other(kind: str, ours: Any, vectors: Floats) -> Any:  # noqa: ANN401 (faiss has no types)
    faiss, dimension = engine._faiss, vectors.shape[1]
    product = faiss.METRIC_INNER_PRODUCT
    if kind == "graph":
        index = faiss.IndexHNSWFlat(dimension, 32, product)
        index.hnsw.efConstruction = 100
        index.hnsw.efSearch = WIDTHS[-1]
        return index
    common = (ours.quantizer, dimension, ours.nlist)
    if kind in ("ours", "pq2", "pq4"):
        together = {"ours": 3, "pq2": 2, "pq4": 4}[kind]
        index = faiss.IndexIVFPQFastScan(*common, dimension // together, 4, product)
        index.by_residual = True
    elif kind == "rabitq":
        index = faiss.IndexIVFRaBitQ(*common, product)
        index.qb = 4
    elif kind == "flat":
        index = faiss.IndexIVFFlat(*common, product)
    else:
        codes = {"sq8": faiss.ScalarQuantizer.QT_8bit, "fp16": faiss.ScalarQuantizer.QT_fp16}[kind]
        index = faiss.IndexIVFScalarQuantizer(*common, codes, product)
    index.nprobe = ours.nprobe
    return index


JOBS = {"build": build, "serve": serve, "exact": exact, "filters": filters, "contender": contender}


def run(job: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401 (what JSON holds)
    """Do a job in a process of its own."""
    command = [sys.executable, __file__, "job", json.dumps({"job": job} | values, default=str)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# Figures


def measure(folder: Path, vectors: Floats, asked: Floats, real: Floats) -> dict[str, Any]:
    """All figures of one size; the vectors are those of `folder`/vectors.npy."""
    rows, draw = len(vectors), np.random.default_rng(2)
    picked = vectors[np.sort(draw.integers(rows, size=QUERIES))]
    made = moved(picked, draw.uniform(0.5, 0.9, QUERIES).astype(np.float32), real, draw)
    queries = np.concatenate((asked[:QUERIES], made))
    queries = queries[draw.permutation(len(queries))]
    kinds = np.isin(queries[:, 0], made[:, 0])
    np.save(folder / "queries.npy", queries, allow_pickle=False)
    job = {"rows": rows} | {name: folder / name for name in ("index", "found")}
    job |= {"vectors": folder / "vectors.npy", "queries": folder / "queries.npy"}
    found: dict[str, Any] = {"rows": rows, "real": min(rows, len(real)), "build": run("build", **job)}
    found["serve"] = run("serve", **job)
    found["exact"] = run("exact", **job)
    best = nearest(vectors, queries, min(10, rows))
    for k in WIDTHS:
        scores, places = np.load(f"{folder / 'found'}-{k}.npz", allow_pickle=False).values()
        width = min(10, rows)
        assert np.allclose(np.vecdot(vectors[places[:, :width]], queries[:, None]), scores[:, :width], atol=1e-5)
        hits = scores[:, :width] >= best[:, -1:] - 1e-6
        found[f"recall_{k}"] = {
            "asked": float(hits[~kinds].mean()),
            "made": float(hits[kinds].mean()),
            "first": float(np.mean(scores[:, 0] >= best[:, 0] - 1e-6)),
        }
    found["queries"] = {"asked": spread(vectors, queries[~kinds]), "made": spread(vectors, queries[kinds])} if rows > 10 else {}
    return found
