"""The hot path: questions in, results out. The API, the command line and the mail matcher all call this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

from qa_service import text as strings
from qa_service.artifact.read import Snapshot
from qa_service.confidence import Doubles, Signals, confidences, decide, scores
from qa_service.domain import Entry, Floats, Ints, Mask, Match, Query, Result
from qa_service.errors import NotFoundError, QuestionError
from qa_service.vectors.base import NO_ROW

MAX_QUESTION_CHARS = 2_000
MAX_TOP = 20
# Up to this many rows, every entry is scored. Beyond, each signal proposes its best and those are scored the same way.
_CANDIDATE_ROWS = 1_024
_CANDIDATE_LEXICAL = 256

Clock = Callable[[], date]


def today() -> date:
    """The day in UTC, by which entries are effective."""
    return datetime.now(UTC).date()


def checked_question(text: str) -> str:
    """The question as it is embedded.

    Raises:
        QuestionError: it is too long, is not Unicode text, or shows nothing. The message does not repeat it.
    """
    if len(text) > MAX_QUESTION_CHARS:
        raise QuestionError(f"the question has {len(text)} characters; {MAX_QUESTION_CHARS} are allowed")
    if not strings.is_encodable(text):
        raise QuestionError("the question holds half a character (a lone surrogate)")
    if strings.is_blank(text):
        raise QuestionError("the question is empty")
    return strings.normalise(text)


@dataclass(frozen=True, slots=True)
class Examination:
    """The candidates for one question, best first; every array has shape (candidates,).

    `places` are their places among the entries, `variants` the number of each one's closest variant.
    """

    places: Ints
    signals: Signals
    variants: Ints
    score: Doubles
    confidence: Doubles


class Retriever:
    """Answers questions from one index version. Safe to call from several threads."""

    def __init__(self, snapshot: Snapshot, clock: Clock = today) -> None:
        self.snapshot = snapshot
        self._clock = clock
        entries = snapshot.entries
        self._places = {entry.id: place for place, entry in enumerate(entries)}
        counts = np.array([len(v) for v in snapshot.variants], dtype=np.int64)
        # Rows of the vectors: question and answer of every entry first, then the variants, entry by entry.
        self._variant_ends = len(entries) + np.cumsum(counts)
        self._variant_starts = self._variant_ends - counts
        self._row_entries = np.concatenate((np.arange(len(entries)), np.repeat(np.arange(len(entries)), counts)))
        self._windows = any(e.effective_from or e.effective_to for e in entries)
        self._languages = np.array([e.language.lower() for e in entries])
        self._tagged: dict[str, Mask] = {}
        for place, entry in enumerate(entries):
            for tag in entry.tags:
                self._tagged.setdefault(tag, np.zeros(len(entries), dtype=np.bool_))[place] = True
        self._effective: tuple[date, Mask | None] = (date.min, None)

    @property
    def version(self) -> str:
        """The index version that every result of this retriever comes from."""
        return self.snapshot.version

    def ask(self, queries: Sequence[Query]) -> list[Result]:
        """Answer each query by itself; a batch gives what its questions would give alone.

        Raises:
            QuestionError: a question can't be asked.
        """
        return [self._ask(query) for query in queries]

    def entry(self, entry_id: str) -> Entry:
        """The entry of that id.

        Raises:
            NotFoundError: there is none, or it is outside its effective window.
        """
        place = self._places.get(entry_id)
        if place is None or not self.snapshot.entries[place].is_effective(self._clock()):
            raise NotFoundError("no entry of that id is in effect")
        return self.snapshot.entries[place]

    def effective_entries(self) -> list[Entry]:
        """The entries in effect today, in the order of the FAQ."""
        day = self._clock()
        return [entry for entry in self.snapshot.entries if entry.is_effective(day)]

    def warm(self) -> None:
        """Run one question all the way, so that the first user does not wait for what is set up lazily."""
        self.ask([Query(text=self.snapshot.entries[0].question)])

    def examine(self, query: Query) -> Examination:
        """Score the candidates for a question, best first; what every outcome and every explanation is made from.

        Raises:
            QuestionError: the question can't be asked.
        """
        question = checked_question(query.text)
        vector = self.snapshot.encoder.encode_queries([question])[0]
        allowed = self._allowed(query)
        lexical = self.snapshot.lexicon.scores(strings.terms(question))
        places = self._candidates(vector, lexical, allowed)
        signals, variants = self._signals(vector, lexical, places)
        score = scores(signals, self.snapshot.calibration.weights)
        order = np.argsort(-score, kind="stable")
        confidence = confidences(score, self.snapshot.calibration)
        return Examination(places[order], signals.take(order), variants[order], score[order], confidence[order])

    def _ask(self, query: Query) -> Result:
        found = self.examine(query)
        outcome, count = decide(found.confidence, self.snapshot.calibration)
        matches = [
            Match(
                entry=self.snapshot.entries[place],
                score=float(found.score[rank]),
                similarity=float(found.signals.question[rank]),
                confidence=float(found.confidence[rank]),
                matched=self.snapshot.variants[place][found.variants[rank]],
            )
            for rank, place in enumerate(found.places[: query.top].tolist())
        ]
        return Result(outcome, tuple(matches[:count]), tuple(matches[count:]), self.version)

    def _allowed(self, query: Query) -> Mask | None:
        """Which entries may be returned; None for all. Shape (entries,)."""
        mask = self._in_effect()
        if query.language:
            wanted = query.language.lower()
            spoken = (self._languages == wanted) | np.char.startswith(self._languages, f"{wanted}-")
            mask = spoken if mask is None else mask & spoken
        for tag in query.tags:
            carries = self._tagged.get(tag, np.zeros(len(self._languages), dtype=np.bool_))
            mask = carries if mask is None else mask & carries
        return mask

    def _in_effect(self) -> Mask | None:
        if not self._windows:
            return None
        day = self._clock()
        known, mask = self._effective
        if known != day:
            mask = np.array([entry.is_effective(day) for entry in self.snapshot.entries], dtype=np.bool_)
            self._effective = (day, mask)
        return mask

    def _candidates(self, vector: Floats, lexical: Floats, allowed: Mask | None) -> Ints:
        """The places of the entries to score, ascending."""
        rows_allowed = None if allowed is None else allowed[self._row_entries]
        k = min(_CANDIDATE_ROWS, len(self._row_entries))
        rows = self.snapshot.index.search(vector[None, :], k, rows_allowed)[1][0]
        places = self._row_entries[rows[rows != NO_ROW]]
        if len(self._row_entries) > _CANDIDATE_ROWS:
            worded = np.where(allowed, lexical, 0.0) if allowed is not None else lexical
            best = np.argpartition(-worded, min(_CANDIDATE_LEXICAL, len(worded) - 1))[:_CANDIDATE_LEXICAL]
            places = np.concatenate((places, best[worded[best] > 0.0]))
        return np.unique(places)

    def _signals(self, vector: Floats, lexical: Floats, places: Ints) -> tuple[Signals, Ints]:
        """The signals of the candidates, and for each the number of its closest variant."""
        starts, counts = self._variant_starts[places], (self._variant_ends - self._variant_starts)[places]
        firsts = np.cumsum(counts) - counts
        rows = np.repeat(starts - firsts, counts) + np.arange(int(counts.sum()))
        cosines = self._cosines(vector, rows)
        best = np.maximum.reduceat(cosines, firsts) if len(places) else cosines
        closest = [int(np.argmax(cosines[a : a + n])) for a, n in zip(firsts, counts, strict=True)]
        signals = Signals(
            question=best.astype(np.float64),
            question_answer=self._cosines(vector, places).astype(np.float64),
            lexical=lexical[places].astype(np.float64),
        )
        return signals, np.array(closest, dtype=np.int64)

    def _cosines(self, vector: Floats, rows: Ints) -> Floats:
        """Cosines to some rows, in [-1, 1]; rounding may carry a product of unit vectors past the ends.

        `einsum` sums each row by itself. BLAS sums in an order that depends on how many rows there are, which would give
        an entry another last digit among other candidates.
        """
        product: Floats = np.clip(np.einsum("rd,d->r", self.snapshot.vectors[rows], vector), -1.0, 1.0)
        return product
