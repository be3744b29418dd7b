"""Entries that are in each other's way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from qa_service import text as strings
from qa_service.calibrate import trials
from qa_service.domain import Entry, Floats, Query
from qa_service.lint.material import Finding, Material, Severity
from qa_service.questions import MAX_QUESTION_CHARS

NEAR_DUPLICATE = "near-duplicate"
COMPETING = "competing"

# Chosen on public FAQs with the packaged model. Questions: of the pairs above .94 nearly all ask the same thing ("Should
# internships be postponed?"), between .90 and .94 half only share their subject ("What is X?", "Why is it called X?").
# Passages: above .92 nearly all pairs give the same answer; below, two answers on one subject.
SAME_QUESTION = 0.94
SAME_PASSAGE = 0.92
_ROWS = 512
# An entry's own wording is its exact match and leads by .25 to .45 in the median of five public FAQs. Below .1 nearly all
# rivals ask much the same ("What is X?", "Who has access to X?"); at .15 every eighth entry of a FAQ on one subject is near.
NEAR = 0.1
_SEVERAL = 2


def near_duplicate(material: Material) -> Iterator[Finding]:
    """Two entries of one language that ask the same, or whose question and answer together say the same.

    An entry is reported once, beside the closest of those before it.
    """
    earlier: defaultdict[int, list[int]] = defaultdict(list)
    for first, second in _near_duplicates(material):
        earlier[second].append(first)
    questions, passages = material.question_vectors, material.corpus.passage_vectors
    for second, firsts in sorted(earlier.items()):
        entry = material.places[second].entry
        asked, told = questions[firsts] @ questions[second], passages[firsts] @ passages[second]
        closest = int(np.argmax(np.where(asked >= SAME_QUESTION, 1.0 + asked, told)))
        place = material.places[firsts[closest]]
        more = f" (and {len(firsts) - 1} more)" if len(firsts) > 1 else ""
        severity = Severity.WARNING
        if strings.words(entry.question) == strings.words(place.entry.question):
            severity = Severity.ERROR
            what = f"asks word for word what {place}{more} asks; merge them"
        elif asked[closest] >= SAME_QUESTION:
            what = f"asks almost what {place}{more} asks (cosine {asked[closest]:.2f}); merge them, or ask for the difference"
        else:
            what = (
                f"says almost what {place}{more} says (cosine of question and answer {told[closest]:.2f}); merge them, "
                "with one question as an alternate of the other"
            )
        yield material.places[second].found(severity, NEAR_DUPLICATE, what)


def _near_duplicates(material: Material) -> set[tuple[int, int]]:
    """The pairs of entries, the earlier first, that are near duplicates of each other."""
    pairs = {
        *_pairs(material.question_vectors, SAME_QUESTION),
        *_pairs(material.corpus.passage_vectors, SAME_PASSAGE),
    }
    tongues = [_tongue(place.entry) for place in material.places]
    return {pair for pair in pairs if tongues[pair[0]] == tongues[pair[1]]}


def _pairs(vectors: Floats, threshold: float) -> Iterator[tuple[int, int]]:
    """The pairs of rows, the lower first, whose cosine reaches a threshold."""
    for start in range(0, len(vectors), _ROWS):
        rows, columns = np.nonzero(vectors[start : start + _ROWS] @ vectors.T >= threshold)
        later = columns > rows + start
        yield from zip((rows[later] + start).tolist(), columns[later].tolist(), strict=True)


def _tongue(entry: Entry) -> str:
    return entry.language.lower().partition("-")[0]


def competing(material: Material) -> Iterator[Finding]:
    """Pairs of entries that questions can't tell apart: their own wordings, and labelled questions where there are any."""
    yield from _own_wordings(material)
    yield from _astray(material)


@dataclass(frozen=True, slots=True)
class _Lead:
    """How far an entry's own wording puts it before its nearest rival; below 0 where the rival is found first."""

    lead: float
    own: int
    rival: int
    wording: str


def _own_wordings(material: Material) -> Iterator[Finding]:
    """Ask each entry its own question and alternates; one finding for a pair of entries, where it is closest."""
    known = _near_duplicates(material)
    closest: dict[tuple[int, int], _Lead] = {}
    for found in _leads(material):
        pair = (min(found.own, found.rival), max(found.own, found.rival))
        if found.lead < NEAR and pair not in known and (pair not in closest or found.lead < closest[pair].lead):
            closest[pair] = found
    for found in closest.values():
        place, rival = material.places[found.own], material.places[found.rival]
        which = "its own question" if found.wording == place.entry.question else f"its alternate {found.wording!r}"
        how = f"finds {rival} first" if found.lead < 0 else f"leads by only {found.lead:.2f} before {rival}"
        severity = Severity.ERROR if found.lead < 0 else Severity.WARNING
        yield place.found(
            severity, COMPETING, f"{which} {how}; merge the two, or say in each question what sets it apart"
        )


def _leads(material: Material) -> Iterator[_Lead]:
    retriever = material.retriever
    for own, place in enumerate(material.places):
        entry = place.entry
        if not entry.is_effective(material.day):
            continue
        for wording in (entry.question, *entry.alternates):
            if len(wording) > MAX_QUESTION_CHARS:
                continue  # nobody can ask it
            seen = retriever.examine(Query(wording, language=_tongue(entry)))
            mine = np.flatnonzero(seen.places == own)
            others = np.flatnonzero(seen.places != own)
            if len(others):
                lead = float(seen.score[mine[0]] - seen.score[others[0]]) if len(mine) else -1.0
                yield _Lead(lead, own, int(seen.places[others[0]]), wording)


def _astray(material: Material) -> Iterator[Finding]:
    """Count the labelled questions whose nearest entry is a wrong one, each asked of an index that learned the others."""
    places = {place.entry.id: place for place in material.places}
    order = {entry_id: number for number, entry_id in enumerate(places)}
    lost: Counter[tuple[str, str]] = Counter()
    if material.corpus.labelled:
        for trial in trials(material.corpus, material.calibration, material.clock):
            if trial.question.entry_ids and trial.ids and not trial.right:
                lost[trial.question.entry_ids[0], trial.ids[0]] += 1
    for one, other in sorted({tuple(sorted(pair, key=order.__getitem__)) for pair in lost}):
        there, back = lost[one, other], lost[other, one]
        severity = Severity.WARNING if there + back >= _SEVERAL else Severity.NOTE
        what = (
            f"labelled questions go astray between this entry and {places[other]}: {there} of this one's find the other, "
            f"{back} the other way; say in each question what sets it apart, or add alternates"
        )
        yield places[one].found(severity, COMPETING, what)
