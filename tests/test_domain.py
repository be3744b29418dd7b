from __future__ import annotations

import dataclasses
from datetime import date

import pytest

from qa_service import domain
from qa_service.domain import Entry, LabelledQuestion, Match, ModelCard, Outcome, Query, Result, Source

SOURCE = Source("paint.md", None, "0" * 64, 10, 20)
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 30)


def _entry(begin: date | None, end: date | None) -> Entry:
    return Entry("red", "What is red?", "A colour.", SOURCE, effective_from=begin, effective_to=end)


def test_outcomes_are_three_stable_words() -> None:
    """The outcomes are the words that clients read."""
    assert [str(outcome) for outcome in Outcome] == ["answered", "ambiguous", "abstained"]


@pytest.mark.parametrize(
    ("begin", "end", "day", "expected"),
    [
        (None, None, date.min, True),
        (None, None, date.max, True),
        (MAY, None, date(2026, 4, 30), False),
        (MAY, None, MAY, True),
        (MAY, None, date.max, True),
        (None, JUNE, date.min, True),
        (None, JUNE, JUNE, True),
        (None, JUNE, date(2026, 7, 1), False),
        (MAY, JUNE, date(2026, 4, 30), False),
        (MAY, JUNE, date(2026, 6, 1), True),
        (MAY, JUNE, date(2026, 7, 1), False),
        (MAY, MAY, MAY, True),
    ],
)
def test_effective_window_includes_both_its_ends(
    begin: date | None, end: date | None, day: date, *, expected: bool
) -> None:
    """An entry is effective from the first to the last day of its window, and always where it has none."""
    assert expected is _entry(begin, end).is_effective(day)


def test_entry_defaults() -> None:
    """An entry that says no more is English, untagged, without alternates and always effective."""
    entry = Entry("red", "What is red?", "A colour.", SOURCE)
    expected = ((), "en", (), None, None, None)
    got = (entry.alternates, entry.language, entry.tags, entry.effective_from, entry.effective_to, entry.reviewed_at)
    assert expected == got


def test_query_defaults() -> None:
    """A query asks for three entries of any language and tag."""
    assert Query("red?", top=3, language=None, tags=()) == Query("red?")


def test_equal_values_are_equal_and_hash_alike() -> None:
    """Two nouns of the same values are one member of a set."""
    assert len({_entry(MAY, JUNE), _entry(MAY, JUNE)}) == 1


@pytest.mark.parametrize("noun", [Source, Entry, LabelledQuestion, Query, Match, Result, domain.Document, ModelCard])
def test_nouns_are_frozen_and_hold_nothing_else(noun: type) -> None:
    """Each noun is a frozen dataclass with slots."""
    frozen = noun.__dataclass_params__.frozen  # type: ignore[attr-defined]  # set by the dataclass decorator
    assert (frozen, "__slots__" in vars(noun)) == (True, True)


def test_a_field_cannot_be_reassigned() -> None:
    """An entry can't be changed once it is made."""
    entry = _entry(None, None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        entry.answer = "Another."  # type: ignore[misc]
    assert entry.answer == "A colour."
