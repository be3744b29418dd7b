"""Labelled retrieval sets in one layout: faqs.jsonl, queries.jsonl, qrels.tsv, and what says which queries have no answer."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_service.domain import Entry, Source

# The most queries of a set that are asked; a set's own test part is taken where it has one.
MAX_QUERIES = 1_500
_TEST_PARTS = {"clinc150": "test", "feedbackqa_quebec_april": "valid"}


@dataclass(frozen=True)
class EvaluationSet:
    """A FAQ, the queries it answers with the places of their right entries, and those it does not answer.

    `removed` are the places of entries to take out before unanswerable queries are asked; empty where the set has real
    queries that no entry answers.
    """

    name: str
    entries: tuple[Entry, ...]
    queries: tuple[str, ...]
    right: tuple[frozenset[int], ...]
    unanswerable: tuple[str, ...]
    removed: frozenset[int]


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def _entry(values: dict[str, Any]) -> Entry:
    source = Source("faqs.jsonl", None, "0" * 64, 0, 0)
    return Entry(values["id"], values["question"], values["answer"], source, tuple(values.get("variants", ())))


def _part(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    part = _TEST_PARTS.get(name)
    return [row for row in rows if part is None or row.get("split") in (part, None)]


def load(folder: Path) -> EvaluationSet:
    """Read a set; a larger one is sampled with a fixed seed."""
    name = folder.name
    faqs = _lines(folder / "faqs.jsonl")
    places = {values["id"]: place for place, values in enumerate(faqs)}
    right: defaultdict[str, set[int]] = defaultdict(set)
    for line in (folder / "qrels.tsv").read_text("utf-8").splitlines()[1:]:
        query, faq, relevance = line.split("\t")
        if float(relevance) > 0:
            right[query].add(places[faq])
    queries = [q for q in _part(name, _lines(folder / "queries.jsonl")) if q["id"] in right]
    if len(queries) > MAX_QUERIES:
        queries = random.Random(0).sample(queries, MAX_QUERIES)  # noqa: S311 (a sample, not a secret)
    split = folder / "abstention_split.json"
    held = json.loads(split.read_text("utf-8")) if split.exists() else {}
    lost = set(held.get("unanswerable_query_ids", ()))
    outside = [q["text"] for q in _part(name, _lines(folder / "out_of_scope.jsonl"))]
    return EvaluationSet(
        name=name,
        entries=tuple(_entry(values) for values in faqs),
        queries=tuple(q["text"] for q in queries),
        right=tuple(frozenset(right[q["id"]]) for q in queries),
        unanswerable=tuple([q["text"] for q in queries if q["id"] in lost] + outside),
        removed=frozenset(places[i] for i in held.get("removed_faq_ids", ())),
    )
