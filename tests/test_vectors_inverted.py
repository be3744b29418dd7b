"""The inverted file, on arrays small enough for brute force: the limits between the ways of searching are lowered."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_service.domain import Floats, Ints, Mask
from qa_service.vectors import faiss as module
from qa_service.vectors.base import NO_ROW
from qa_service.vectors.faiss import FaissIndex
from qa_service.vectors.numpy import NumpyIndex
from tests.test_vectors import unit_rows

FLAT, EXACT = 64, 8


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Inverted files from 65 rows on, and comparing all only where at most 8 rows are allowed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FLAT_ROWS", FLAT)
        patch.setattr(module, "EXACT_ROWS", EXACT)
        patch.setattr(module, "RECALL_QUERIES", 64)
        yield


def topics(rows: int, dimension: int = 16, seed: int = 3) -> Floats:
    """Rows around 50 topics, as texts are: a row's cosine to its topic is about 0.8."""
    draw = np.random.default_rng(seed)
    around = unit_rows(50, dimension, seed=1)[draw.integers(50, size=rows)]
    moved = around + 0.75 * unit_rows(rows, dimension, seed=seed)
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), dtype=np.float32)


def probing(index: FaissIndex, lists: int) -> FaissIndex:
    """The index, made to look at some of its lists only."""
    index._index.nprobe = lists
    return index


def held_to_contract(index: FaissIndex, data: Floats, queries: Floats, k: int, allowed: Mask | None) -> None:
    """Whatever an engine misses, this must hold of what it returns."""
    scores, rows = index.search(queries, k, allowed)
    may = np.arange(len(data)) if allowed is None else np.flatnonzero(allowed)
    count = min(k, len(may))
    assert scores.shape == rows.shape == (len(queries), k)
    assert np.all(rows[:, count:] == NO_ROW)
    assert np.all(np.isneginf(scores[:, count:]))
    for query, score, row in zip(queries, scores[:, :count], rows[:, :count], strict=True):
        assert len(set(row.tolist())) == count
        assert set(row.tolist()) <= set(may.tolist())
        assert np.all(np.diff(score) <= 0.0)
        assert np.all(np.abs(score) <= 1.0)
        assert np.allclose(data[row] @ query, score, atol=1e-6)


def drawn(seed: int, rows: int, dimension: int, kinds: int) -> tuple[Floats, Floats]:
    """Rows of which many are the same where there are few kinds, and three queries."""
    draw = np.random.default_rng(seed)
    return unit_rows(kinds, dimension, seed)[draw.integers(kinds, size=rows)], unit_rows(3, dimension, seed + 1)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1_000),
    st.integers(FLAT + 1, 500),
    st.sampled_from([1, 2, 5, 6, 16]),
    st.integers(1, 500),
    st.integers(1, 520),
    st.sampled_from([None, 0.0, 0.02, 0.3, 1.0]),
    st.sampled_from([1, 30, 1_024]),
)
def test_any_search_keeps_the_contract(
    seed: int, rows: int, dimension: int, kinds: int, k: int, share: float | None, proposed: int
) -> None:
    """As many rows as there are, each allowed, once, with its own cosine, best first; then NO_ROW and minus infinity."""
    data, queries = drawn(seed, rows, dimension, kinds)
    allowed = None if share is None else np.random.default_rng(seed).random(rows) < share
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "PROPOSED_ROWS", proposed)
        built = FaissIndex.build(data)
        for lists in {1, built._index.nprobe, built._index.nlist}:
            held_to_contract(probing(built, lists), data, queries, k, allowed)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 1_000),
    st.integers(FLAT + 1, 500),
    st.sampled_from([2, 6, 16]),
    st.integers(1, 40),
    st.sampled_from([None, 0.1, 0.9]),
)
def test_looking_everywhere_finds_what_brute_force_finds(
    seed: int, rows: int, dimension: int, k: int, share: float | None
) -> None:
    """With all lists looked at and all rows proposed, nothing is missed."""
    data, queries = unit_rows(rows, dimension, seed), unit_rows(3, dimension, seed + 1)
    allowed = None if share is None else np.random.default_rng(seed).random(rows) < share
    built = FaissIndex.build(data)
    scores, found = probing(built, built._index.nlist).search(queries, k, allowed)
    expected_scores, expected = NumpyIndex(data).search(queries, k, allowed)
    assert np.allclose(expected_scores, scores, atol=1e-6)
    assert np.array_equal(expected, found)


def test_the_flat_rows_are_the_limit(tmp_path: Path) -> None:
    """As many rows as the limit are searched exactly, one more is not; both answer from their files."""
    for rows, inverted in ((FLAT, False), (FLAT + 1, True)):
        data = unit_rows(rows)
        FaissIndex.build(data).save(tmp_path / "index")
        loaded = FaissIndex.load(tmp_path / "index", data)
        assert inverted == hasattr(loaded._index, "nlist")
        held_to_contract(loaded, data, unit_rows(3, seed=5), 9, None)


def recall(index: FaissIndex, data: Floats, queries: Floats) -> float:
    """The share of the ten nearest rows that the index finds."""
    nearest: Ints = NumpyIndex(data).search(queries, 10)[1]
    found = index.search(queries, 10)[1]
    return float(np.mean([len(set(a) & set(b)) / 10 for a, b in zip(nearest.tolist(), found.tolist(), strict=True)]))


def test_a_build_looks_at_enough_lists_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions that the build has not seen find the share that it measured, by fewer than half of the lists."""
    monkeypatch.setattr(module, "PROPOSED_ROWS", 100)
    data = topics(6_000)
    built = FaissIndex.build(data)
    lists, all_lists = built._index.nprobe, built._index.nlist
    assert 1 < lists < all_lists / 2
    asked = topics(300, seed=9)
    assert recall(built, data, asked) > 0.98
    queries = module._paraphrases(data)
    reached = module._least_cosines(data, queries, 10) - 1e-6
    enough, fewer = (np.mean(probing(built, n).search(queries, 10)[0] >= reached) for n in (lists, lists - 1))
    assert fewer < module.RECALL <= enough


def test_all_lists_are_looked_at_where_no_fewer_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A share that can't be reached is no error; then nothing is left out."""
    monkeypatch.setattr(module, "RECALL", 1.1)
    built = FaissIndex.build(topics(600))
    assert built._index.nlist == built._index.nprobe


def test_questions_of_a_build_are_as_far_as_paraphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit vectors at the cosines that paraphrases have to what they paraphrase; where no row differs, still unit."""
    monkeypatch.setattr(module, "_PARAPHRASE_COSINES", (0.7, 0.7))
    data = topics(500)
    queries = module._paraphrases(data)
    assert np.allclose(1.0, np.linalg.norm(queries, axis=1), atol=1e-5)
    assert np.all(np.min(np.abs(queries @ data.T - 0.7), axis=1) < 1e-5)
    same = module._paraphrases(np.repeat(data[:1], 80, axis=0))
    assert np.allclose(data[0], same, atol=1e-6)


def test_the_tenth_best_cosine_is_brute_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found block by block, and the last block may hold fewer rows than are asked for."""
    monkeypatch.setattr(module, "_BLOCK_ROWS", 33)
    data, queries = unit_rows(100), unit_rows(7, seed=2)
    expected = np.sort(queries @ data.T, axis=1)[:, -10]
    assert np.allclose(expected, module._least_cosines(data, queries, 10)[:, 0], atol=1e-6)


def test_what_was_chosen_at_the_build_is_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loaded index looks at as many lists as the built one and gives the same bits."""
    monkeypatch.setattr(module, "PROPOSED_ROWS", 100)
    data, queries = topics(2_000), topics(20, seed=8)
    built = FaissIndex.build(data)
    built.save(tmp_path / "index")
    loaded = FaissIndex.load(tmp_path / "index", data)
    assert built._index.nprobe == loaded._index.nprobe > 1
    allowed = np.arange(len(data)) % 2 == 0
    for before, after in (
        (built.search(queries, 12), loaded.search(queries, 12)),
        (built.search(queries, 12, allowed), loaded.search(queries, 12, allowed)),
    ):
        assert np.array_equal(before[0], after[0])
        assert np.array_equal(before[1], after[1])


@pytest.mark.parametrize("rows", [50, 700])
def test_the_same_vectors_give_the_same_bytes(rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again, on one processor or several, from memory or from the pages of a file."""
    data = topics(rows)
    np.save(tmp_path / "vectors.npy", data)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r", allow_pickle=False).view(np.ndarray)
    for number, (processors, vectors) in enumerate([(1, data), (2, data), (2, data), (3, mapped)]):
        monkeypatch.setattr(module, "_PROCESSORS", processors)
        FaissIndex.build(vectors).save(tmp_path / f"{number}")
    assert len({(tmp_path / f"{number}").read_bytes() for number in range(4)}) == 1


def test_a_build_holds_a_sample_and_not_the_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a memory map, a build copies no more at once than its sample and a block."""
    monkeypatch.setattr(module, "_TRAINING_ROWS", 1_000)
    monkeypatch.setattr(module, "_BLOCK_ROWS", 1_000)
    np.save(tmp_path / "vectors.npy", topics(30_000))
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r", allow_pickle=False).view(np.ndarray)
    tracemalloc.start()
    try:
        FaissIndex.build(mapped)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < mapped.nbytes / 3


@pytest.mark.parametrize("rows", [50, 300])
def test_an_index_outlives_its_file(rows: int, tmp_path: Path) -> None:
    """A version that is replaced or pruned while it serves goes on answering."""
    data, path = topics(rows), tmp_path / "index"
    FaissIndex.build(data).save(path)
    loaded = FaissIndex.load(path, data)
    (tmp_path / "other").write_bytes(b"another")
    (tmp_path / "other").rename(path)
    held_to_contract(loaded, data, topics(4, seed=6), 7, None)
    path.unlink()
    held_to_contract(loaded, data, topics(4, seed=7), 7, None)
    assert list(range(rows)) == loaded.search(data, 1)[1][:, 0].tolist()


def test_a_flat_index_lies_in_the_pages_of_its_file(tmp_path: Path) -> None:
    """Processes that serve the same version share them; the inverted file, which can't be mapped, leaves no map behind."""
    maps = Path("/proc/self/maps")
    for rows, mapped in ((50, True), (300, False)):
        path = tmp_path / f"index-{rows}"
        FaissIndex.build(topics(rows)).save(path)
        loaded = FaissIndex.load(path, topics(rows))
        assert mapped == (str(path) in maps.read_text())
        loaded.search(topics(1), 1)


@pytest.mark.parametrize("rows", [30, 300])
def test_a_file_of_another_shape_is_refused(rows: int, tmp_path: Path) -> None:
    """Other rows, another dimension, or half a file: an error, and no answer from what is not there."""
    path = tmp_path / "index"
    FaissIndex.build(unit_rows(rows)).save(path)
    for other in (unit_rows(rows + 1), unit_rows(rows, 15)):
        with pytest.raises(ValueError, match=f"holds {rows} x 16 where the vectors are"):
            FaissIndex.load(path, other)
    whole = path.read_bytes()
    for size in (len(whole) // 2, len(whole) - 1, 3, 0):
        path.write_bytes(whole[:size])
        with pytest.raises(RuntimeError):
            FaissIndex.load(path, unit_rows(rows))


@pytest.mark.parametrize("kept", [1, EXACT])
def test_a_narrow_filter_is_exact(kept: int) -> None:
    """So few rows are all compared, however far from the lists that are looked at."""
    data, queries = topics(1_000), topics(20, seed=4)
    allowed = np.zeros(1_000, dtype=np.bool_)
    allowed[np.random.default_rng(2).choice(1_000, kept, replace=False)] = True
    found = probing(FaissIndex.build(data), 1).search(queries, EXACT, allowed)
    expected = NumpyIndex(data).search(queries, EXACT, allowed)
    assert np.array_equal(expected[1], found[1])
    assert np.allclose(expected[0], found[0], atol=1e-6)


def test_a_filter_far_from_the_question_is_searched_there() -> None:
    """Where the lists near the query hold no allowed row, more are looked at until there are enough."""
    data = topics(3_000)
    query = data[:1]
    allowed = (data @ query[0]) < 0.0
    assert allowed.sum() > 1_100
    found = probing(FaissIndex.build(data), 1).search(query, 10, allowed)[1][0]
    assert np.array_equal(NumpyIndex(data).search(query, 10, allowed)[1][0], found)


def test_a_filter_looks_at_more_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the rows is searched as well as all of them are."""
    monkeypatch.setattr(module, "PROPOSED_ROWS", 100)
    data, queries = topics(6_000), topics(200, seed=9)
    built = FaissIndex.build(data)
    allowed = np.random.default_rng(1).random(6_000) < 0.1
    nearest, found = NumpyIndex(data).search(queries, 10, allowed)[1], built.search(queries, 10, allowed)[1]
    shares = [len(set(a) & set(b)) / 10 for a, b in zip(nearest.tolist(), found.tolist(), strict=True)]
    assert np.mean(shares) > 0.98


def test_a_query_is_searched_by_itself() -> None:
    """A batch gives the bits that its queries give alone."""
    data, queries = topics(1_500), topics(40, seed=5)
    built = FaissIndex.build(data)
    together = built.search(queries, 15)
    alone = [built.search(query[None], 15) for query in queries]
    assert np.array_equal(together[0], np.concatenate([scores for scores, _ in alone]))
    assert np.array_equal(together[1], np.concatenate([rows for _, rows in alone]))


@pytest.mark.parametrize("rows", [50, 300])
def test_a_search_has_one_thread_wherever_it_is_called(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenMP's setting belongs to the thread that sets it; a build takes all processors and gives them back."""
    monkeypatch.setattr(module, "_PROCESSORS", 2)
    built = FaissIndex.build(topics(rows))
    counts = [module._faiss.omp_get_max_threads()]

    def ask() -> None:
        built.search(topics(1), 3)
        counts.append(module._faiss.omp_get_max_threads())

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert [1, 1] == counts


def test_searches_on_several_threads_do_not_mix() -> None:
    """Threads that search at once, with filters and without, find what they find alone."""
    data, queries = topics(2_000), topics(40, seed=5)
    built = FaissIndex.build(data)
    masks = [None, *(np.arange(2_000) % n == 0 for n in (2, 3, 5))]
    expected = [built.search(queries, 9, mask)[1] for mask in masks]
    wrong: list[int] = []

    def ask(number: int) -> None:
        found = [built.search(queries, 9, masks[number])[1] for _ in range(3)]
        wrong.extend(number for rows in found if not np.array_equal(expected[number], rows))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [] == wrong
