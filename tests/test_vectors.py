from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_service import vectors
from qa_service.domain import Floats
from qa_service.errors import QaError
from qa_service.vectors.base import NO_ROW, stacked

ENGINES = list(vectors.ENGINES)


def unit_rows(rows: int, dimension: int = 16, seed: int = 7) -> Floats:
    drawn = np.random.default_rng(seed).normal(size=(rows, dimension)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True), dtype=np.float32)


def oracle(data: Floats, query: Floats, k: int, allowed: list[int]) -> tuple[list[int], list[float]]:
    cosines = {row: float(np.dot(data[row].astype(np.float64), query.astype(np.float64))) for row in allowed}
    best = sorted(cosines, key=lambda row: -cosines[row])[:k]
    return best, [cosines[row] for row in best]


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("rows", [1, 5, 400])
def test_every_engine_finds_what_brute_force_finds(name: str, rows: int) -> None:
    """An engine returns the oracle's rows in the oracle's order, with its cosines, best first."""
    data, queries = unit_rows(rows), unit_rows(8, seed=3)
    k = min(rows, 10)
    scores, found = vectors.engine(name).build(data).search(queries, k)
    for query, score, row in zip(queries, scores, found, strict=True):
        expected_rows, expected_scores = oracle(data, query, k, list(range(rows)))
        assert expected_rows == row.tolist()
        assert np.allclose(expected_scores, score, atol=1e-6)


@pytest.mark.parametrize("name", ENGINES)
def test_a_row_finds_itself_first(name: str) -> None:
    """Higher is better: the nearest row to a stored vector is that vector, with cosine 1."""
    data = unit_rows(50)
    scores, found = vectors.engine(name).build(data).search(data, 1)
    assert list(range(50)) == found[:, 0].tolist()
    assert np.allclose(1.0, scores[:, 0], atol=1e-6)


@pytest.mark.parametrize("name", ENGINES)
def test_only_allowed_rows_come_back(name: str) -> None:
    """A mask keeps rows out, and the order of the others is the oracle's."""
    data, query = unit_rows(60), unit_rows(1, seed=11)
    allowed = np.arange(60) % 3 == 0
    _, found = vectors.engine(name).build(data).search(query, 5, allowed)
    assert oracle(data, query[0], 5, np.flatnonzero(allowed).tolist())[0] == found[0].tolist()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("kept", [0, 2])
def test_places_beyond_the_last_row_are_marked(name: str, kept: int) -> None:
    """Asked for more rows than there are, an engine fills up with NO_ROW and minus infinity."""
    data, query = unit_rows(4), unit_rows(1, seed=5)
    allowed = np.arange(4) < kept
    scores, found = vectors.engine(name).build(data).search(query, 6, allowed)
    assert [NO_ROW] * (6 - kept) == found[0, kept:].tolist()
    assert np.all(np.isneginf(scores[0, kept:]))
    assert sorted(range(kept)) == sorted(found[0, :kept].tolist())


@pytest.mark.parametrize("name", ENGINES)
def test_a_saved_index_answers_as_before(name: str, tmp_path: Path) -> None:
    """What is written and read again gives the same bits."""
    data, queries = unit_rows(30), unit_rows(4, seed=9)
    built = vectors.engine(name).build(data)
    built.save(tmp_path / "index")
    loaded = vectors.engine(name).load(tmp_path / "index", data)
    before, after = built.search(queries, 7), loaded.search(queries, 7)
    assert np.array_equal(before[0], after[0])
    assert np.array_equal(before[1], after[1])


def test_faiss_refuses_a_file_of_another_shape(tmp_path: Path) -> None:
    """An index that does not hold as many rows as the vectors is not the index of these vectors."""
    faiss = vectors.engine("faiss")
    faiss.build(unit_rows(30)).save(tmp_path / "index")
    with pytest.raises(ValueError, match="holds 30 x 16 where the vectors are"):
        faiss.load(tmp_path / "index", unit_rows(31))


def test_an_unknown_engine_is_named_with_the_known_ones() -> None:
    """The error says what was asked for and what there is."""
    with pytest.raises(QaError, match="no vector engine 'annoy'; there are faiss, numpy"):
        vectors.engine("annoy")


@pytest.mark.parametrize("name", ENGINES)
def test_cosines_stay_between_the_ends(name: str) -> None:
    """Rounding may carry a product of unit vectors past 1; a cosine it is not then."""
    data = unit_rows(64, dimension=384)
    scores, _ = vectors.engine(name).build(data).search(np.concatenate((data, -data)), 64)
    assert np.all(np.abs(scores) <= 1.0)
    assert np.allclose(1.0, scores[:64, 0], atol=1e-6)
    assert np.allclose(-1.0, scores[64:, -1], atol=1e-6)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("some", [None, [0], [3, 59, 4, 3], []])
def test_cosines_are_brute_force(name: str, some: list[int] | None) -> None:
    """The cosines of a query to all rows, or to some in their order, are the oracle's."""
    data, query = unit_rows(60, dimension=33), unit_rows(1, dimension=33, seed=3)[0]
    rows = None if some is None else np.array(some, dtype=np.int64)
    got = vectors.engine(name).build(data).cosines(query, rows)
    expected = data.astype(np.float64) @ query.astype(np.float64)
    assert got.dtype == np.float32
    assert np.allclose(expected if some is None else expected[some], got, atol=1e-6)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("dimension", [33, 100, 384])
def test_a_cosine_does_not_depend_on_its_neighbours(name: str, dimension: int) -> None:
    """Among all rows and among some it has the same bits; and it stays between the ends."""
    data, some = unit_rows(50, dimension), np.arange(1, 50, 3)
    index = vectors.engine(name).build(data)
    for query in (*data, *-data):
        whole = index.cosines(query)
        assert np.array_equal(whole[some], index.cosines(query, some))
        assert np.array_equal(whole[7:8], index.cosines(query, np.array([7])))
        assert np.all(np.abs(whole) <= 1.0)


@pytest.mark.parametrize("name", ENGINES)
def test_cosines_to_a_row_that_is_not_there(name: str) -> None:
    """They are refused; whatever lies behind the last row in memory is not read."""
    index = vectors.engine(name).build(unit_rows(5))
    with pytest.raises(IndexError):
        index.cosines(unit_rows(1)[0], np.array([5]))


@pytest.mark.parametrize("name", ENGINES)
def test_a_table_gives_the_cosines_of_an_index(name: str) -> None:
    """The same rows have the same bits in a table as in an index, above and below others too."""
    data, others, engine = unit_rows(50, dimension=384), unit_rows(9, dimension=384, seed=2), vectors.engine(name)
    index, table, between = engine.build(data), engine.table(data), engine.table(stacked(others, data, others))
    for query in unit_rows(20, dimension=384, seed=3):
        expected = index.cosines(query)
        assert np.array_equal(expected, table.cosines(query))
        assert np.array_equal(expected[[4, 30]], table.cosines(query, np.array([4, 30])))
        assert np.array_equal(expected, between.cosines(query)[9:59])


def test_matrices_are_stacked_at_the_beginning_of_a_large_page() -> None:
    """One below the other, in memory without gaps, at an address that a page of 2 MB may have."""
    one, none, other = unit_rows(3), unit_rows(5)[:0], unit_rows(4, seed=1)
    held = stacked(one, none, other)
    assert held.dtype == np.float32
    assert held.flags.c_contiguous
    assert held.ctypes.data % 2**21 == 0
    assert np.array_equal(np.concatenate((one, other)), held)
