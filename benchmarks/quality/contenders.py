"""The rankings that are compared: each gives the score of every entry for every query."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import bm25s
import numpy as np
from numpy.typing import NDArray
from txtai import Embeddings

from benchmarks.quality.sets import EvaluationSet
from qa_service.artifact.manifest import ENCODER, TOKENIZER
from qa_service.assemble import Corpus, assemble, passage_of, wordings_of
from qa_service.confidence import Calibration
from qa_service.domain import Entry, Floats, Query
from qa_service.encoder import OnnxEncoder, encode_all
from qa_service.export import Export
from qa_service.questions import MAX_QUESTION_CHARS
from qa_service.retriever import Retriever

Scores = NDArray[np.float64]


def best_by_entry(scores: Floats | Scores, owners: NDArray[np.int64], entries: int) -> Scores:
    """The best score among the texts of each entry; shape (queries, entries)."""
    best = np.full((scores.shape[0], entries), -np.inf)
    for row, values in zip(best, scores, strict=True):
        np.maximum.at(row, owners, values)
    return best


def texts_of(entries: Sequence[Entry]) -> tuple[list[str], NDArray[np.int64]]:
    """Each entry's question and alternates, and whose they are."""
    texts = [(text, i) for i, e in enumerate(entries) for text in dict.fromkeys((e.question, *e.alternates))]
    return [t for t, _ in texts], np.array([i for _, i in texts], dtype=np.int64)


def bm25(entries: Sequence[Entry], queries: Sequence[str]) -> Scores:
    """BM25 over the questions, with the library's own defaults but no stop words, which serve it better here."""
    texts, owners = texts_of(entries)
    retriever = bm25s.BM25()
    retriever.index(bm25s.tokenize(texts, stopwords=[], show_progress=False), show_progress=False)
    asked = bm25s.tokenize(list(queries), stopwords=[], return_ids=False, show_progress=False)
    rows = [retriever.get_scores(tokens) if tokens else np.zeros(len(texts)) for tokens in asked]
    return best_by_entry(np.array(rows), owners, len(entries))


class Reference:
    """sentence-transformers in float32, each text embedded once however many contenders ask for it."""

    def __init__(self, export: Export) -> None:
        self._embed = export.reference_queries
        self._held: dict[str, Floats] = {}

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Vectors of texts, shape (len(texts), dimension)."""
        fresh = [text for text in dict.fromkeys(texts) if text not in self._held]
        if fresh:
            self._held.update(zip(fresh, self._embed(fresh), strict=True))
        return np.stack([self._held[text] for text in texts])


def cosine(entries: Sequence[Entry], queries: Sequence[str], reference: Reference) -> Scores:
    """Cosine to the question, with sentence-transformers in float32."""
    texts, owners = texts_of(entries)
    return best_by_entry(reference(queries) @ reference(texts).T, owners, len(entries))


def txtai(entries: Sequence[Entry], queries: Sequence[str], reference: Reference, *, hybrid: bool) -> Scores:
    """The questions in txtai with the same model, whose vectors it is handed; `hybrid` adds its BM25."""
    texts, owners = texts_of(entries)
    index = Embeddings(method="external", transform=lambda some: reference(list(some)), hybrid=hybrid)
    index.index((i, text, None) for i, text in enumerate(texts))
    scores = np.full((len(queries), len(texts)), -1.0)
    for row, found in zip(scores, index.batchsearch(list(queries), min(len(texts), 300)), strict=True):
        for place, score in found:
            row[int(place)] = score
    return best_by_entry(scores, owners, len(entries))


class Ours:
    """The encoder, index and retriever of this project, in one precision."""

    def __init__(self, held: EvaluationSet, export: Export, precision: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        encoder = OnnxEncoder(folder / ENCODER, folder / TOKENIZER, export.write(folder, precision))
        wordings = tuple(wordings_of(e) for e in held.entries)
        self._corpus = Corpus(
            entries=held.entries,
            wordings=wordings,
            passage_vectors=encode_all(encoder.encode_documents, [passage_of(e) for e in held.entries]),
            wording_vectors=encode_all(encoder.encode_queries, [w for own in wordings for w in own]),
            labelled=(),
            labelled_vectors=np.empty((0, encoder.card.dimension), dtype=np.float32),
            encoder=encoder,
        )

    def without(self, removed: frozenset[int]) -> Retriever:
        """The retriever of the FAQ without some entries."""
        corpus = self._corpus
        if removed:
            kept = [i for i in range(len(corpus.entries)) if i not in removed]
            counts = [len(w) for w in corpus.wordings]
            rows = np.split(corpus.wording_vectors, np.cumsum(counts)[:-1])
            corpus = replace(
                corpus,
                entries=tuple(corpus.entries[i] for i in kept),
                wordings=tuple(corpus.wordings[i] for i in kept),
                passage_vectors=corpus.passage_vectors[kept],
                wording_vectors=np.concatenate([rows[i] for i in kept]),
            )
        return Retriever(assemble(corpus, (), Calibration(), "faiss"))


def ask(retriever: Retriever, queries: Sequence[str], entries: int) -> tuple[Scores, NDArray[np.float64]]:
    """Our scores, shape (queries, entries), minus infinity for what is no candidate, and the top confidences."""
    scores = np.full((len(queries), entries), -np.inf)
    tops = np.zeros(len(queries))

    def one(number: int) -> None:
        seen = retriever.examine(Query(queries[number][:MAX_QUESTION_CHARS]))
        scores[number, seen.places] = seen.score
        tops[number] = seen.confidence[0] if len(seen.confidence) else 0.0

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(len(queries))))
    return scores, tops
