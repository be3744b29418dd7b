"""Rules that an editor's FAQ is held against. Each rule has a stable name and is one function."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from qa_service.lint import dates, references, rivals, texts
from qa_service.lint.material import STALE_DAYS, Finding, Material, Severity, prepare

__all__ = ["RULES", "STALE_DAYS", "Finding", "Material", "Severity", "fails", "lint", "prepare"]

Rule = Callable[[Material], Iterator[Finding]]

RULES: dict[str, Rule] = {
    rivals.NEAR_DUPLICATE: rivals.near_duplicate,
    rivals.COMPETING: rivals.competing,
    texts.COMPOUND: texts.compound,
    references.DEAD_REFERENCE: references.dead_reference,
    dates.STALE_REVIEW: dates.stale_review,
    texts.CONTACT_ONLY: texts.contact_only,
    texts.TOO_LONG: texts.too_long,
}


def lint(material: Material) -> tuple[Finding, ...]:
    """What all rules find, in order of the documents and their lines."""
    order = {document.name: number for number, document in enumerate(material.documents)}
    found = [finding for rule in RULES.values() for finding in rule(material)]
    return tuple(sorted(found, key=lambda f: (order[f.document], f.line)))


def fails(findings: tuple[Finding, ...], strict: bool) -> bool:
    """Whether there is an error among the findings, or, under `strict`, a warning."""
    grave = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return any(finding.severity in grave for finding in findings)
