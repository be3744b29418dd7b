"""What an edit of the FAQ did to the labelled questions: two index versions asked the same, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from qa_service.artifact import publish
from qa_service.artifact.manifest import is_version_name
from qa_service.domain import LabelledQuestion, ModelCard, Outcome, Query
from qa_service.errors import ArtifactError
from qa_service.retriever import Retriever

# What a version can make of an answerable question, worst first.
_ANSWERED_WRONG, _ASTRAY, _NEAREST, _ANSWERED_RIGHT = range(4)
# And of one that the FAQ does not answer.
_ANSWERED_ANYWAY, _ABSTAINED = range(2)


class Kind(StrEnum):
    """What became of a question.

    `removed` and `unknown` are no verdicts on the new version: the entry that the label names is gone, or is in neither
    version, and the label has to follow.
    """

    LOSS = "loss"
    GAIN = "gain"
    CHANGE = "change"
    REMOVED = "entry removed"
    UNKNOWN = "unknown entry"


@dataclass(frozen=True, slots=True)
class Standing:
    """What one version makes of a question: its nearest entry (none where none is in effect), and the outcome."""

    winner: str | None
    outcome: Outcome
    confidence: float


@dataclass(frozen=True, slots=True)
class Change:
    """A labelled question that the two versions don't treat alike, or whose entry is not to be found."""

    question: LabelledQuestion
    kind: Kind
    old: Standing
    new: Standing


def compare(old: Retriever, new: Retriever, questions: Sequence[LabelledQuestion]) -> tuple[Change, ...]:
    """Ask both versions every labelled question, and return what differs, in the order of the questions.

    A loss: the right entry was the nearest or the answer and is no more, a wrong answer took the place of none, or a
    question without an answer gets one now. A gain is the reverse. A change is another winner or outcome that is neither.
    """
    before = {entry.id for entry in old.effective_entries()}
    after = {entry.id for entry in new.effective_entries()}
    changes = []
    for question in questions:
        was, now = _stand(old, question), _stand(new, question)
        kind = _missing(question, before, after) or _verdict(question, was, now)
        if kind:
            changes.append(Change(question, kind, was, now))
    return tuple(changes)


def _stand(retriever: Retriever, question: LabelledQuestion) -> Standing:
    result = retriever.ask([Query(question.text, top=1)])[0]
    nearest = next(iter((*result.answers, *result.related)), None)
    return Standing(nearest.entry.id if nearest else None, result.outcome, nearest.confidence if nearest else 0.0)


def _missing(question: LabelledQuestion, before: set[str], after: set[str]) -> Kind | None:
    """Where none of the labelled entries is in effect in the new version: since the edit, or not even before it."""
    ids = set(question.entry_ids)
    if not ids or ids & after:
        return None
    return Kind.REMOVED if ids & before else Kind.UNKNOWN


def _rank(question: LabelledQuestion, standing: Standing) -> int:
    """How good a standing is; comparable for one question only."""
    if not question.entry_ids:
        return _ABSTAINED if standing.outcome is Outcome.ABSTAINED else _ANSWERED_ANYWAY
    if standing.winner in question.entry_ids:
        return _ANSWERED_RIGHT if standing.outcome is Outcome.ANSWERED else _NEAREST
    return _ANSWERED_WRONG if standing.outcome is Outcome.ANSWERED else _ASTRAY


def _verdict(question: LabelledQuestion, was: Standing, now: Standing) -> Kind | None:
    before, after = _rank(question, was), _rank(question, now)
    if after < before:
        return Kind.LOSS
    if after > before:
        return Kind.GAIN
    return None if (was.winner, was.outcome) == (now.winner, now.outcome) else Kind.CHANGE


def differences(old: Retriever, new: Retriever) -> tuple[str, ...]:
    """What besides the FAQ may have moved the questions: another model, or another precision of its weights."""
    was, now = old.snapshot.manifest.model, new.snapshot.manifest.model
    notes = []
    if (was.name, was.weights_sha256) != (now.name, now.weights_sha256):
        kind = "model" if was.name != now.name else "weights of the model"
        notes.append(f"the {kind} differ{'s' if kind == 'model' else ''}: {_named(was)} before, {_named(now)} now")
    if was.precision != now.precision:
        notes.append(f"the precision differs: {was.precision} before, {now.precision} now")
    return tuple(notes)


def _named(card: ModelCard) -> str:
    return f"{card.name} ({card.weights_sha256[:8]})"


def locate(root: Path, name: str) -> Path:
    """The folder of an index version.

    Args:
        root: the index folder.
        name: a version below it, `current`, `previous` (the last one published before it), or a path to a version's folder.

    Raises:
        ArtifactError: there is no such version.
    """
    if name == "current":
        return root / publish.current(root)
    published = publish.versions(root)
    if name == "previous":
        serving = publish.current(root)
        later = published.index(serving) + 1 if serving in published else 0
        if not published[later:]:
            raise ArtifactError("no version was published before the current one, or none is kept", publish.CURRENT)
        return root / published[later]
    if name in published:
        return root / name
    folder = Path(name).resolve()
    if is_version_name(folder.name) and folder.is_dir():
        return folder
    kept = ", ".join(published) or "none"
    raise ArtifactError(f"no such version; kept in {root.name}/ are {kept}; or give a path to a v-… folder", name)
