"""Entries that nobody has looked at for long."""

from __future__ import annotations

from collections.abc import Iterator

from qa_service.lint.material import Finding, Material, Severity

STALE_REVIEW = "stale-review"


def stale_review(material: Material) -> Iterator[Finding]:
    """The last review lies too long back, or the entry's time is over."""
    for place in material.places:
        reviewed, ends = place.entry.reviewed_at, place.entry.effective_to
        if ends and ends < material.day:
            what = f"was in effect until {ends} and is returned no more; remove it, or give it another effective_to"
            yield place.found(Severity.WARNING, STALE_REVIEW, what)
        elif reviewed and (age := (material.day - reviewed).days) > material.stale_days:
            what = f"was last reviewed on {reviewed}, {age} days ago; check it and set reviewed_at"
            yield place.found(Severity.WARNING, STALE_REVIEW, what)
