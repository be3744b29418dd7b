"""The hot path: questions in, results out. The API, the command line and the mail matcher all call this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import numpy as np

from qa_service import text as strings
from qa_service.artifact.read import Snapshot
from qa_service.cache import VectorCache
from qa_service.confidence import HEAD, Examination, decide, evidence, scores
from qa_service.domain import Entry, Floats, Ints, Mask, Match, Outcome, Query, Result, Rule
from qa_service.errors import NotFoundError
from qa_service.explain import explain
from qa_service.language import detect
from qa_service.lexical import Bag
from qa_service.questions import checked_question
from qa_service.signals import SignalReader
from qa_service.vectors.base import NO_ROW

MAX_TOP = 20
# In an index of more rows than are all compared, each signal proposes its best, and those are scored the same way.
_CANDIDATE_ROWS = 1_024
_CANDIDATE_LEXICAL = 256

Clock = Callable[[], date]


def today() -> date:
    """The day in UTC, by which entries are effective."""
    return datetime.now(UTC).date()


class Retriever:
    """Answers questions from one index version. Safe to call from several threads."""

    def __init__(self, snapshot: Snapshot, clock: Clock = today, cache_bytes: int = 0) -> None:
        """Answer from a snapshot.

        Args:
            snapshot: the index version.
            clock: says what day it is.
            cache_bytes: how much memory the vectors of earlier questions may take; 0 for none.
        """
        self.snapshot = snapshot
        self._cache = VectorCache(cache_bytes)
        self._clock = clock
        entries = snapshot.entries
        self._places = {entry.id: place for place, entry in enumerate(entries)}
        places = np.arange(len(entries))
        self._row_entries = np.concatenate((places, np.repeat(places, snapshot.wording_counts)))
        self._signals = SignalReader(snapshot)
        self._windows = any(e.effective_from or e.effective_to for e in entries)
        languages = np.array([e.language.lower() for e in entries])
        self._in_language: dict[str, Mask] = {str(one): languages == one for one in np.unique(languages)}
        self._spoken = {language.lower().split("-")[0] for language in snapshot.manifest.languages}
        self._nothing: Mask = np.zeros(len(entries), dtype=np.bool_)
        self._tagged: dict[str, Mask] = {}
        for place, entry in enumerate(entries):
            for tag in entry.tags:
                self._tagged.setdefault(tag, np.zeros(len(entries), dtype=np.bool_))[place] = True
        self._effective: tuple[date, Mask | None] = (date.min, None)

    @property
    def version(self) -> str:
        """The index version that every result of this retriever comes from."""
        return self.snapshot.version

    @property
    def day(self) -> date:
        """The day by which entries are in effect now."""
        return self._clock()

    def ask(self, queries: Sequence[Query]) -> list[Result]:
        """Answer each query by itself; a batch gives what its questions would give alone.

        Raises:
            QuestionError: a question can't be asked.
        """
        # First everything that is embedded, then what comes after: each finds its code in the processor's caches.
        questions = [checked_question(query.text) for query in queries]
        vectors = self._cache.get(questions, self.snapshot.encoder.encode_queries)
        return [self._answer(*asked) for asked in zip(queries, questions, vectors, strict=True)]

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

    def examine(self, query: Query, struck_out: int | None = None) -> Examination:
        """Score the candidates for a question, best first; what every outcome and every explanation is made from.

        Args:
            query: the question and what narrows it.
            struck_out: the place of an entry to leave out, as if the FAQ did not have it.

        Raises:
            QuestionError: the question can't be asked.
        """
        question = checked_question(query.text)
        vector = self._cache.get([question], self.snapshot.encoder.encode_queries)[0]
        return self._examine(query, question, vector, struck_out)

    def _examine(self, query: Query, question: str, vector: Floats, struck_out: int | None = None) -> Examination:
        calibration = self.snapshot.calibration
        terms = strings.terms(question)
        entry_words = self.snapshot.entry_lexicon.bag(terms)
        allowed = self._allowed(query)
        if struck_out is not None:
            allowed = np.ones(len(self.snapshot.entries), dtype=np.bool_) if allowed is None else allowed.copy()
            allowed[struck_out] = False
        places = self._candidates(vector, entry_words, allowed)
        wording_words = self.snapshot.wording_lexicon.bag(terms)
        reading = self._signals.read(vector, entry_words, wording_words, places)
        score = scores(reading.signals, calibration.weights)
        order = (-score).argsort(kind="stable")
        score = score[order]
        proof = evidence(score[: max(HEAD, query.top)].tolist())
        fresh = reading.novelty(order.item(0)) if len(places) else 0.0
        return Examination(
            places=places[order],
            order=order,
            unordered=reading.signals,
            closest=lambda rank: reading.closest(order.item(rank)),
            novelty=fresh,
            score=score,
            evidence=proof,
            confidence=calibration.logistic.all(proof, fresh),
        )

    def _answer(self, query: Query, question: str, vector: Floats) -> Result:
        held, found = self.snapshot, self._examine(query, question, vector)
        outcome, count, rule = decide(found.confidence, held.calibration)
        spoken = None if query.language else detect(query.text)
        if spoken is not None and spoken not in self._spoken:
            outcome, count, rule = Outcome.ABSTAINED, 0, Rule.LANGUAGE
        matches = []
        for rank, place in enumerate(found.places[: query.top].tolist()):
            similarity, wording = found.closest(rank)
            matches.append(
                Match(
                    held.entries[place],
                    found.score.item(rank),
                    similarity,
                    found.confidence[rank],
                    held.wordings[place][wording],
                )
            )
        told = explain(held, query.text, found, rule, spoken) if query.explain else None
        languages = held.manifest.languages
        return Result(outcome, tuple(matches[:count]), tuple(matches[count:]), held.version, languages, told)

    def _allowed(self, query: Query) -> Mask | None:
        """Which entries may be returned; None for all. Shape (entries,)."""
        mask = self._in_effect()
        if query.language:
            wanted = query.language.lower()
            spoken = self._nothing
            for language, held in self._in_language.items():
                if language == wanted or language.startswith(f"{wanted}-"):
                    spoken = spoken | held
            mask = spoken if mask is None else mask & spoken
        for tag in query.tags:
            carries = self._tagged.get(tag, self._nothing)
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

    def _candidates(self, vector: Floats, entry_words: Bag, allowed: Mask | None) -> Ints:
        """The places of the entries to score, ascending."""
        if self._signals.compares_all:
            return self._signals.everything if allowed is None else np.flatnonzero(allowed)
        rows_allowed = None if allowed is None else allowed[self._row_entries]
        rows = self.snapshot.index.search(vector[None, :], _CANDIDATE_ROWS, rows_allowed)[1][0]
        near = self._row_entries[rows[rows != NO_ROW]]
        worded = self.snapshot.entry_lexicon.leaders(entry_words, _CANDIDATE_LEXICAL, allowed)
        return np.unique(np.concatenate((near, worded)))
