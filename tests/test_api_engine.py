from __future__ import annotations

import asyncio
import dataclasses
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from qa_service.api.engine import Engine, further
from qa_service.artifact.publish import current
from qa_service.artifact.read import Snapshot, read
from qa_service.domain import Query, Result
from qa_service.errors import DeadlineError, OverloadedError, QuestionError
from qa_service.observe import Metrics
from qa_service.retriever import Retriever

_PATIENCE_SECONDS = 60.0
_NAMES = ("alpha", "beta", "gamma")


class _Gated(Retriever):
    """A retriever that says when it begins, and begins only when it may."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(snapshot)
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()
        self.sizes: list[int] = []

    def ask(self, queries: Sequence[Query]) -> list[Result]:
        self.sizes.append(len(queries))
        self.begun.release()
        if not self.gate.wait(_PATIENCE_SECONDS):
            raise AssertionError("nobody opened the gate")
        return super().ask(queries)


@pytest.fixture
def gated(index: Path) -> _Gated:
    """A retriever behind a closed gate."""
    return _Gated(read(index / current(index)))


def _queries(count: int) -> list[Query]:
    return [Query(f"What is {_NAMES[i * i % 3]}?", top=1) for i in range(count)]


def _nearest(results: Sequence[Result]) -> list[str]:
    return [(*r.answers, *r.related)[0].entry.id for r in results]


def _waiting(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("qa_waiting_questions")


async def _begun(retriever: _Gated) -> None:
    """Return once a thread is at the gate."""
    assert await asyncio.to_thread(retriever.begun.acquire, timeout=_PATIENCE_SECONDS)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 4, 5, 23])
def test_order_of_a_batch(gated: _Gated, threads: int, count: int) -> None:
    """The results stand in the order of the queries, however many threads compute them."""
    gated.gate.set()
    engine = Engine(threads, 512, 60_000, Metrics())
    results = asyncio.run(engine.ask(gated, _queries(count)))
    engine.close()
    assert _nearest(results) == [_NAMES[i * i % 3] for i in range(count)]
    assert {r.index_version for r in results} == ({gated.version} if count else set())
    assert sum(gated.sizes) == count


def test_results_are_the_retrievers_own(gated: _Gated) -> None:
    """What the engine gives is what the retriever gives."""
    gated.gate.set()
    engine = Engine(2, 512, 60_000, Metrics())
    results = asyncio.run(engine.ask(gated, _queries(9)))
    engine.close()
    assert results == Retriever(gated.snapshot).ask(_queries(9))


def test_the_line_counts_questions(gated: _Gated) -> None:
    """The line is full by questions, not by requests, and refuses at once what does not fit whole."""
    metrics = Metrics()
    engine = Engine(1, 5, 60_000, metrics)

    async def scenario() -> tuple[list[Result], list[Result]]:
        first = asyncio.create_task(engine.ask(gated, _queries(3)))
        await _begun(gated)
        assert _waiting(metrics) == 3.0
        with pytest.raises(OverloadedError, match=r"^3 questions are waiting already$"):
            await engine.ask(gated, _queries(3))
        assert _waiting(metrics) == 3.0
        second = asyncio.create_task(engine.ask(gated, _queries(2)))
        await asyncio.sleep(0)
        assert _waiting(metrics) == 5.0
        with pytest.raises(OverloadedError, match=r"^5 questions are waiting already$"):
            await engine.ask(gated, _queries(1))
        gated.gate.set()
        return await first, await second

    first, second = asyncio.run(scenario())
    engine.close()
    assert (_nearest(first), _nearest(second)) == (["alpha", "beta", "beta"], ["alpha", "beta"])
    assert _waiting(metrics) == 0.0


def test_a_batch_larger_than_the_line(gated: _Gated) -> None:
    """More queries than may ever wait are refused by an idle engine as well, and nothing is computed."""
    engine = Engine(1, 4, 60_000, Metrics())
    with pytest.raises(OverloadedError, match=r"^0 questions are waiting already$"):
        asyncio.run(engine.ask(gated, _queries(5)))
    engine.close()
    assert gated.sizes == []


def test_a_batch_leaves_room_for_single_questions(gated: _Gated) -> None:
    """A single question that comes behind a batch is computed before the batch has ended."""
    engine = Engine(1, 512, 60_000, Metrics())

    async def scenario() -> bool:
        batch = asyncio.create_task(engine.ask(gated, _queries(40)))
        await _begun(gated)
        single = asyncio.create_task(engine.ask(gated, _queries(1)))
        await asyncio.sleep(0)
        gated.gate.set()
        await single
        early = not batch.done()
        await batch
        return early

    assert asyncio.run(scenario())
    engine.close()
    assert max(gated.sizes) <= 4
    assert sum(gated.sizes) == 41


def test_deadline(gated: _Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waited past its deadline is dropped before it is computed; what began in time is answered."""
    now = [100.0]
    monkeypatch.setattr("qa_service.api.engine.time", SimpleNamespace(monotonic=lambda: now[0]))
    metrics = Metrics()
    engine = Engine(1, 512, 5_000, metrics)

    async def scenario() -> list[Result]:
        first = asyncio.create_task(engine.ask(gated, _queries(1)))
        await _begun(gated)
        late = asyncio.create_task(engine.ask(gated, _queries(2)))
        await asyncio.sleep(0)
        now[0] += 5.001
        gated.gate.set()
        with pytest.raises(DeadlineError, match=r"^the question waited too long$"):
            await late
        return await first

    assert _nearest(asyncio.run(scenario())) == ["alpha"]
    engine.close()
    assert gated.sizes == [1]
    assert _waiting(metrics) == 0.0


def test_at_the_deadline(gated: _Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waited exactly as long as it may is answered."""
    now = [100.0]
    monkeypatch.setattr("qa_service.api.engine.time", SimpleNamespace(monotonic=lambda: now[0]))
    engine = Engine(1, 512, 5_000, Metrics())

    async def scenario() -> list[Result]:
        first = asyncio.create_task(engine.ask(gated, _queries(1)))
        await _begun(gated)
        second = asyncio.create_task(engine.ask(gated, _queries(2)))
        await asyncio.sleep(0)
        now[0] += 5.0
        gated.gate.set()
        await first
        return await second

    assert _nearest(asyncio.run(scenario())) == ["alpha", "beta"]
    engine.close()


def test_nothing_waits_after_errors(gated: _Gated) -> None:
    """An error, or a client that went away, leaves nothing waiting, and the next question is answered."""
    metrics = Metrics()
    engine = Engine(1, 4, 60_000, metrics)

    async def scenario() -> list[Result]:
        gated.gate.set()
        with pytest.raises(QuestionError):
            await engine.ask(gated, [*_queries(2), Query("")])
        assert _waiting(metrics) == 0.0
        await _begun(gated)
        gated.gate.clear()
        gone = asyncio.create_task(engine.ask(gated, _queries(4)))
        await _begun(gated)
        assert _waiting(metrics) == 4.0
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert _waiting(metrics) == 0.0
        gated.gate.set()
        return await engine.ask(gated, _queries(4))

    assert _nearest(asyncio.run(scenario())) == ["alpha", "beta", "beta", "alpha"]
    engine.close()
    assert _waiting(metrics) == 0.0


def test_a_thread_takes_several_questions_that_wait(gated: _Gated) -> None:
    """What single requests brought is computed up to four at a time, each with its own result."""
    engine = Engine(1, 512, 60_000, Metrics())

    async def scenario() -> list[Result]:
        first = asyncio.create_task(engine.ask(gated, [Query("What is alpha?", top=1)]))
        await _begun(gated)
        others = [asyncio.create_task(engine.ask(gated, [query])) for query in _queries(9)]
        await asyncio.sleep(0)
        gated.gate.set()
        return [(await task)[0] for task in (first, *others)]

    results = asyncio.run(scenario())
    engine.close()
    assert gated.sizes == [1, 4, 4, 1]
    assert _nearest(results) == ["alpha", *(_NAMES[i * i % 3] for i in range(9))]


@pytest.mark.parametrize(
    ("waiting", "idle", "expected"),
    [(0, 1, 0), (2, 1, 2), (3, 1, 3), (9, 1, 3), (1, 2, 0), (3, 2, 1), (9, 2, 3), (5, 4, 1)],
)
def test_idle_threads_share_what_waits(waiting: int, idle: int, expected: int) -> None:
    """A thread leaves as many to each other idle one as it takes, and takes four at most, its first among them."""
    assert further(waiting, idle) == expected


def test_a_thread_takes_what_waits_while_the_other_computes(gated: _Gated) -> None:
    """Of two threads one is held up; what comes meanwhile goes to the other, and all are answered."""
    engine = Engine(2, 512, 60_000, Metrics())

    async def scenario() -> list[Result]:
        tasks = [asyncio.create_task(engine.ask(gated, [query])) for query in _queries(2)]
        await _begun(gated)
        await _begun(gated)
        tasks += [asyncio.create_task(engine.ask(gated, [query])) for query in _queries(9)]
        await asyncio.sleep(0)
        gated.gate.set()
        return [(await task)[0] for task in tasks]

    results = asyncio.run(scenario())
    engine.close()
    assert gated.sizes[:2] == [1, 1]
    assert sum(gated.sizes) == 11
    assert len(gated.sizes) <= 2 + 5
    assert max(gated.sizes) <= 4
    assert _nearest(results) == [_NAMES[i * i % 3] for i in (0, 1, *range(9))]


def test_one_bad_question_spoils_no_other(gated: _Gated) -> None:
    """Of questions that a thread takes together, only the one that can't be asked fails."""
    engine = Engine(1, 512, 60_000, Metrics())

    async def scenario() -> list[object]:
        first = asyncio.create_task(engine.ask(gated, _queries(1)))
        await _begun(gated)
        texts = ("What is beta?", "", "What is gamma?")
        tasks = [asyncio.create_task(engine.ask(gated, [Query(text, top=1)])) for text in texts]
        await asyncio.sleep(0)
        gated.gate.set()
        await first
        return await asyncio.gather(*tasks, return_exceptions=True)

    beta, empty, gamma = asyncio.run(scenario())
    engine.close()
    assert isinstance(empty, QuestionError)
    assert _nearest([*beta, *gamma]) == ["beta", "gamma"]  # type: ignore[misc]


def test_each_question_is_answered_from_its_own_version(gated: _Gated) -> None:
    """Questions of two retrievers that wait together are answered by the one each was asked of."""
    other = Retriever(dataclasses.replace(gated.snapshot, version="v-other"))
    engine = Engine(1, 512, 60_000, Metrics())

    async def scenario() -> list[str]:
        first = asyncio.create_task(engine.ask(gated, _queries(1)))
        await _begun(gated)
        tasks = [asyncio.create_task(engine.ask(r, _queries(1))) for r in (gated, other, gated)]
        await asyncio.sleep(0)
        gated.gate.set()
        await first
        return [(await task)[0].index_version for task in tasks]

    assert asyncio.run(scenario()) == [gated.version, "v-other", gated.version]
    engine.close()
    assert gated.sizes == [1, 2]


@pytest.mark.parametrize(("threads", "pinned"), [(1, False), (2, True), (3, False)])
def test_threads_stay_on_their_processors(index: Path, threads: int, pinned: bool) -> None:
    """As many threads as processors each have their own; other numbers of threads go where the system puts them."""
    everywhere = os.sched_getaffinity(0)
    own = (min(everywhere), max(everywhere))
    seen: list[set[int]] = []

    class Watched(Retriever):
        def ask(self, queries: Sequence[Query]) -> list[Result]:
            seen.append(os.sched_getaffinity(0))
            return super().ask(queries)

    engine = Engine(threads, 512, 60_000, Metrics(), own)
    asyncio.run(engine.ask(Watched(read(index / current(index))), _queries(40)))
    engine.close()
    assert all(affinity in ([{p} for p in own] if pinned else [everywhere]) for affinity in seen)
    assert os.sched_getaffinity(0) == everywhere


def test_a_processor_that_is_gone_is_done_without(gated: _Gated) -> None:
    """A number that no processor has changes nothing."""
    gated.gate.set()
    engine = Engine(1, 512, 60_000, Metrics(), (100_000,))
    assert _nearest(asyncio.run(engine.ask(gated, _queries(2)))) == ["alpha", "beta"]
    engine.close()
