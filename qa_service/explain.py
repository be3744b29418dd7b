"""Why a question has its outcome: the parts of the score, the words, the runner-up and the rule."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from qa_service import text as strings
from qa_service.artifact.read import Snapshot
from qa_service.confidence import Examination, contributions, joint_confidence
from qa_service.domain import Explanation, Part, Rule

_SENTENCES = {
    Rule.CLEAR: "one entry clears the threshold and no other comes close",
    Rule.SEVERAL: "entries that are close to each other clear the threshold together, so they are offered as choices",
    Rule.CLOSE_MISS: "a close miss: the nearest entry comes at least half way to the threshold",
    Rule.GAP: "a gap in the FAQ: no entry comes near the question",
    Rule.LANGUAGE: "the question is in a language that the FAQ does not have",
    Rule.NOTHING: "no entry is left after narrowing by language, tags and effective dates",
}


def explain(snapshot: Snapshot, question: str, found: Examination, rule: Rule, spoken: str | None) -> Explanation:
    """Put into words and figures what an examination holds; it computes nothing that an outcome depends on."""
    calibration = snapshot.calibration
    nothing = Explanation(
        rule=rule,
        sentence=_SENTENCES[rule],
        entry_id=None,
        matched=None,
        parts=(),
        shared=(),
        missing=(),
        runner_up=None,
        margin=None,
        novelty=found.novelty,
        confidence=joint_confidence(found.confidence, calibration),
        threshold=calibration.answer_threshold,
        question_language=spoken,
        languages=snapshot.manifest.languages,
    )
    if not len(found.places):
        return nothing
    place = int(found.places[0])
    weights, adds = asdict(calibration.weights), contributions(found.signals, calibration.weights)
    shared, missing = _words(snapshot, question, place)
    several = len(found.places) > 1
    return replace(
        nothing,
        entry_id=snapshot.entries[place].id,
        matched=snapshot.wordings[place][found.closest(0)[1]],
        parts=tuple(
            Part(name, float(getattr(found.signals, name)[0]), weights[name], float(added[0]))
            for name, added in adds.items()
        ),
        shared=shared,
        missing=missing,
        runner_up=snapshot.entries[int(found.places[1])].id if several else None,
        margin=float(found.score[0] - found.score[1]) if several else None,
    )


def _words(snapshot: Snapshot, question: str, place: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a question that an entry holds, and those that it does not, in order."""
    lexicon = snapshot.entry_lexicon
    names = list(lexicon.vocabulary)
    shared, missing = [], []
    for word in dict.fromkeys(strings.words(question)):
        for term in strings.terms(word):
            found, likeness = lexicon.resolve(term)
            holders = lexicon.documents[lexicon.starts[found] : lexicon.starts[found + 1]] if found is not None else ()
            if found is None or place not in np.asarray(holders):
                missing.append(word)
            else:
                shared.append(word if likeness == 1.0 else f"{word} \u2192 {names[found]}")
    return tuple(shared), tuple(missing)
