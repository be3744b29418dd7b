"""The track: contenders under load, round after round, and each alone for its start and its weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.speed.contenders import Contender
from benchmarks.speed.load import Loader
from benchmarks.speed.server import Memory, Server, ServerError, running

CLIENTS = (1, 4, 16, 64)
WEIGHED_CLIENTS = 16
_WARM_CLIENTS = 4
# The slowest answer about as many requests a second; a load lasts long enough for them to answer every client once.
_SLOWEST_A_SECOND = 50


@dataclass(frozen=True)
class Plan:
    """How much is measured: `rounds` of loads of `seconds`, after a load of `warm_seconds` that does not count.

    The encoder alone is called `repeats` times a figure, and gets so many `batches`.
    """

    rounds: int
    seconds: float
    warm_seconds: float
    repeats: int
    batches: int


@dataclass
class Weights:
    """Seconds from the start to the first answer, and memory then and right after a load; an item for each round."""

    start_seconds: list[float] = field(default_factory=list)
    memory_after_start: list[Memory] = field(default_factory=list)
    memory_after_load: list[Memory] = field(default_factory=list)

    def started(self, server: Server) -> None:
        """Note a server that has just given its first answer."""
        self.start_seconds.append(server.seconds)
        self.memory_after_start.append(server.memory())

    def loaded(self, server: Server) -> None:
        """Note a server whose load has just ended."""
        self.memory_after_load.append(server.memory())
        told = f"start {self.start_seconds[-1]:.2f} s, {self.memory_after_load[-1].pss:.0f} MiB"
        print(f"{server.contender.name}: {told}", flush=True)


@dataclass(frozen=True)
class Track:
    """What all measurements of servers share; `folder` is for their logs."""

    plan: Plan
    loader: Loader
    folder: Path

    def loads(
        self,
        contenders: Sequence[Contender],
        entries: Sequence[Mapping[str, str]],
        weights: Mapping[str, Weights],
    ) -> dict[str, Any]:
        """All loads, by contender and clients, a list of rounds each; those in `weights` are weighed on the way.

        All contenders are up; one is under load at a time, the others wait. At each number of clients they follow each other
        directly, so that those who are compared meet the same machine.
        """
        found: dict[str, Any] = {c.name: {str(clients): [] for clients in CLIENTS} for c in contenders}
        with ExitStack() as stack:
            servers: dict[str, Server] = {}
            for contender in contenders:
                server = servers[contender.name] = stack.enter_context(running(contender, self.folder))
                if contender.name in weights:
                    weights[contender.name].started(server)
                check(server, entries)
                self.loader.run(server, _WARM_CLIENTS, self.plan.warm_seconds, measured=False)
                server.settle()
            for number in range(self.plan.rounds):
                for clients in CLIENTS:
                    for contender in turned(contenders, number):
                        server = servers[contender.name]
                        seen = self.loader.run(server, clients, max(self.plan.seconds, clients / _SLOWEST_A_SECOND))
                        if clients == WEIGHED_CLIENTS and contender.name in weights:
                            weights[contender.name].loaded(server)
                        server.settle()
                        found[contender.name][str(clients)].append(asdict(seen))
                        said = f"{seen.requests_per_second:.1f}/s, p50 {seen.p50_ms:.2f} ms, p99 {seen.p99_ms:.2f} ms"
                        print(f"round {number + 1}, {clients} clients, {contender.name}: {said}", flush=True)
        return found

    def starts(self, contenders: Sequence[Contender], weights: Mapping[str, Weights]) -> None:
        """Start each contender once a round, and weigh it then and after a load.

        One contender is up at a time, since pages that two of them share would count half in each.
        """
        for number in range(self.plan.rounds):
            for contender in turned(contenders, number):
                with running(contender, self.folder) as server:
                    weights[contender.name].started(server)
                    self.loader.run(server, WEIGHED_CLIENTS, self.plan.seconds)
                    weights[contender.name].loaded(server)


def turned(contenders: Sequence[Contender], number: int) -> list[Contender]:
    """The contenders in the order of a round: each begins in its turn."""
    cut = number % len(contenders)
    return [*contenders[cut:], *contenders[:cut]]


def check(server: Server, entries: Sequence[Mapping[str, str]]) -> None:
    """Each official question must find its own entry nearest.

    Raises:
        ServerError: one finds another.
    """
    for entry in entries:
        if (found := server.nearest(entry["question"])) != entry["id"]:
            raise ServerError(f"{server.contender.name} finds {found!r} nearest to the question of {entry['id']!r}")
