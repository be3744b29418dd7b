"""Questions that no one has asked before: real ones, each signed by another person of the trade, so that no cache helps.

Standard library only. The harness shares its pages with the servers that it weighs, so it holds as little as it can.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

# The signatures bring the average to as many tokens of the model, its two marks of beginning and end included.
TOKENS = 25
_NAMES = (
    "Adam Alice Amanda Andrew Anna Anthony Barbara Brian Carlos Carol Charles Daniel David Diana Diego Edward Elena "
    "Emily Eric Frank George Grace Hannah Helen Henry Irene Jack James Janet Jason Julia Karen Kevin Laura Linda Louis "
    "Lucy Maria Mark Martin Mary Michael Monica Nancy Nicole Oscar Paul Peter Rachel Robert Rosa Ruth Samuel Sandra Sarah "
    "Simon Sofia Steven Susan Teresa Thomas Victor Walter William"
).split()
_TRADES = (
    "accountant advisor analyst auditor broker buyer clerk consultant coordinator director driver engineer exporter "
    "importer inspector lawyer manager officer planner secretary shipper specialist supervisor trader"
).split()
_PLACES = (
    "Atlanta Baltimore Boston Buffalo Charleston Chicago Cleveland Dallas Denver Detroit Florida Guadalajara Hamburg "
    "Houston Jacksonville Juarez Laredo Memphis Miami Milwaukee Monterrey Montreal Nashville Newark Norfolk Oakland "
    "Philadelphia Phoenix Portland Rotterdam Savannah Seattle Shanghai Tampa Tijuana Toronto Tucson Vancouver Veracruz"
).split()
_GOLDEN = (math.sqrt(5) - 1) / 2


def texts_of(paths: Sequence[Path]) -> list[str]:
    """The texts of files of labelled questions, each once, from the shortest to the longest."""
    lines = [line for path in paths for line in path.read_text("utf-8").splitlines() if line.strip()]
    return sorted({json.loads(line)["text"].strip() for line in lines}, key=lambda text: (len(text), text))


def signatures() -> list[str]:
    """All ways to sign a question, some eight tokens each."""
    return [f" - {name}, senior {trade} from {place}" for name in _NAMES for trade in _TRADES for place in _PLACES]


class Pool:
    """Every pair of a text and a signature, once, in an order in which any stretch has texts of all lengths."""

    def __init__(self, texts: Sequence[str], ends: Sequence[str]) -> None:
        """`texts` and `ends` hold no repetition; `texts` are in the order of their lengths."""
        self._texts, self._ends = texts, ends
        self.size = len(texts) * len(ends)
        # A stride by the golden section visits all lengths evenly; without a common divisor it meets each pair once.
        place = _coprime(round(len(texts) * _GOLDEN), len(texts))
        rest = round(len(ends) * _GOLDEN)
        while math.gcd(rest * len(texts) + place, self.size) != 1:
            rest += 1
        self._stride = rest * len(texts) + place

    def question(self, number: int) -> str:
        """The question of that number, 0 <= number < size; no two are the same."""
        if not 0 <= number < self.size:
            raise ValueError(f"there are {self.size} questions, and none has the number {number}")
        end, text = divmod(number * self._stride % self.size, len(self._texts))
        return self._texts[text] + self._ends[end]


def _coprime(start: int, other: int) -> int:
    return next(n for n in range(max(start, 1), start + other + 1) if math.gcd(n, other) == 1)


@dataclass
class Supply:
    """Hands out the questions of a pool one after another, and remembers the stretches that were asked."""

    pool: Pool
    next_number: int = 0
    stretches: list[tuple[int, int]] = field(default_factory=list)

    def ahead(self, count: int) -> list[str]:
        """The next questions, not yet taken."""
        return [self.pool.question(self.next_number + i) for i in range(count)]

    def taken(self, count: int, *, measured: bool = True) -> None:
        """The first `count` of those ahead were asked, and won't be again; `measured` where a figure comes from them."""
        if measured and count:
            self.stretches.append((self.next_number, count))
        self.next_number += count

    def take(self, count: int) -> list[str]:
        """The next questions, taken."""
        questions = self.ahead(count)
        self.taken(count)
        return questions


def of_project(root: Path) -> Pool:
    """The pool that the benchmark asks: the labelled and the held-out questions of the seed FAQ."""
    files = (root / "data" / "questions.jsonl", root / "tests" / "data" / "heldout_questions.jsonl")
    return Pool(texts_of(files), signatures())
