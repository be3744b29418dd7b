"""From the official FAQ to a published index version. Runs offline, never opens a port."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from qa_service import labels, loaders
from qa_service import text as strings
from qa_service.artifact import manifest as names
from qa_service.artifact.manifest import Canary, Manifest, record
from qa_service.artifact.publish import locked, prune, publish, staging
from qa_service.artifact.read import Snapshot, entry_to_json, write_lexicon
from qa_service.confidence import Calibration, joint_confidence
from qa_service.domain import Document, Entry, Floats, LabelledQuestion, ModelCard, Query
from qa_service.encoder import Encode, OnnxEncoder, usable_processors
from qa_service.evaluate import answered_share, is_right, threshold_for, top_1
from qa_service.export import Export
from qa_service.lexical import build_lexicon
from qa_service.retriever import MAX_TOP, Retriever
from qa_service.vectors import engine

UNANSWERABLE_TARGET = 0.05
_FAITHFUL_COSINE = 0.98
# Entries that the reference itself holds less than this apart are a tie; rounding may turn their order round.
_TIE = 0.02
_FIDELITY_SAMPLE = 5_000
_CHUNK = 32
_CANARY = "What must a company do to keep its status while a request is pending?"

Progress = Callable[[str, int, int], None]
Exporter = Callable[[str], Export]


@dataclass(frozen=True)
class BuildRequest:
    """What to build from, and where to."""

    sources: Sequence[Path]
    index_dir: Path
    labels: Path | None = None
    model: str = ""
    language: str = "en"
    keep_versions: int = 3


@dataclass(frozen=True)
class Fidelity:
    """How close the exported encoder comes to the reference, and what follows for its precision."""

    precision: str
    reason: str
    least_cosine: float
    moved: int
    labelled: int


@dataclass(frozen=True)
class BuildReport:
    """What a build made."""

    version: str
    created: bool
    documents: tuple[str, ...]
    entries: int
    rows: int
    model: str
    fidelity: Fidelity
    calibration: Calibration
    notes: tuple[str, ...]
    removed: tuple[str, ...]
    seconds: float


def variants_of(entry: Entry) -> tuple[str, ...]:
    """The wordings that an entry's question is matched by: as published, its alternates, and its parts if compound."""
    return tuple(dict.fromkeys((entry.question, *entry.alternates, *strings.question_parts(entry.question))))


def passage(entry: Entry) -> str:
    """Question and answer as the one text that is embedded for both."""
    return f"{entry.question}\n{entry.answer}" if entry.answer else entry.question


def build(
    request: BuildRequest, exporter: Exporter, progress: Progress = lambda _step, _done, _total: None
) -> BuildReport:
    """Build and publish an index version.

    Raises:
        FaqError: a source or the labels can't be used; nothing is written.
        LockedError: another build is at work.
        ModelError: the model can't be loaded or exported.
    """
    begun = time.monotonic()
    documents = loaders.load(request.sources, request.language)
    entries = tuple(entry for document in documents for entry in document.entries)
    labelled = labels.read(request.labels, {e.id for e in entries}) if request.labels else ()
    with locked(request.index_dir):
        progress("loading the model", 0, 1)
        export = exporter(request.model)
        progress("loading the model", 1, 1)
        with staging(request.index_dir) as folder:
            snapshot, fidelity = _write_index(folder, entries, labelled, export, progress)
            calibration = calibrate(snapshot, labelled)
            _write_text(folder / names.CALIBRATION, json.dumps(calibration.to_json(), indent=1, sort_keys=True))
            manifest = _manifest(folder, documents, snapshot, fidelity)
            version, created = publish(request.index_dir, folder, manifest)
        removed = prune(request.index_dir, request.keep_versions)
    return BuildReport(
        version=version,
        created=created,
        documents=tuple(d.name for d in documents),
        entries=len(entries),
        rows=snapshot.manifest.rows,
        model=snapshot.manifest.model.name,
        fidelity=fidelity,
        calibration=calibration,
        notes=tuple(f"{d.name}: {note}" for d in documents for note in d.notes),
        removed=tuple(removed),
        seconds=time.monotonic() - begun,
    )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text + "\n", "utf-8")


def _write_index(
    folder: Path, entries: Sequence[Entry], labelled: Sequence[LabelledQuestion], export: Export, progress: Progress
) -> tuple[Snapshot, Fidelity]:
    """Write all files but the calibration and the manifest, and return them as a snapshot with a neutral calibration."""
    variants = tuple(variants_of(entry) for entry in entries)
    texts = _Texts([passage(e) for e in entries], [v for held in variants for v in held], [q.text for q in labelled])
    owners = np.repeat(np.arange(len(entries)), [len(v) for v in variants])
    encoder, vectors, fidelity = _embed(folder, texts, owners, labelled, export, progress)
    lines = [entry_to_json(entry, held) for entry, held in zip(entries, variants, strict=True)]
    _write_text(folder / names.ENTRIES, "\n".join(lines))
    np.save(folder / names.VECTORS, vectors, allow_pickle=False)
    index = engine("faiss").build(vectors)
    index.save(folder / names.FAISS)
    lexicon = build_lexicon([strings.terms("\n".join((*v, e.answer))) for e, v in zip(entries, variants, strict=True)])
    write_lexicon(folder, lexicon)
    neutral = Manifest(names.FORMAT, {}, encoder.card, len(entries), len(vectors), {}, (), (), {})
    snapshot = Snapshot("staged", neutral, tuple(entries), variants, vectors, index, lexicon, encoder, Calibration())
    return snapshot, fidelity


@dataclass(frozen=True)
class _Texts:
    """All that a build embeds."""

    passages: Sequence[str]
    variants: Sequence[str]
    labelled: Sequence[str]


def _embed(  # noqa: PLR0913 (the build's own plumbing)
    folder: Path,
    texts: _Texts,
    owners: np.ndarray[Any, Any],
    labelled: Sequence[LabelledQuestion],
    export: Export,
    progress: Progress,
) -> tuple[OnnxEncoder, Floats, Fidelity]:
    """Export the encoder in int8, embed with it, and do both again in float32 where int8 is not faithful."""
    fidelity = None
    for precision in ("int8", "fp32"):
        card = export.write(folder, precision)
        encoder = OnnxEncoder(folder / names.ENCODER, folder / names.TOKENIZER, card)
        vectors = np.concatenate(
            (
                _encode_all(encoder.encode_documents, texts.passages, f"embedding answers ({precision})", progress),
                _encode_all(encoder.encode_queries, texts.variants, f"embedding questions ({precision})", progress),
            )
        )
        if precision == "int8":
            fidelity = measure_fidelity(encoder, vectors, texts, owners, export, labelled)
            if fidelity.precision == "int8":
                break
    assert fidelity is not None
    return encoder, vectors, fidelity


def _encode_all(encode: Encode, texts: Sequence[str], step: str, progress: Progress) -> Floats:
    """Embed many texts on all processors; shape (len(texts), dimension)."""
    chunks = [texts[i : i + _CHUNK] for i in range(0, len(texts), _CHUNK)]
    parts = []
    with ThreadPoolExecutor(usable_processors()) as pool:
        for part in pool.map(encode, chunks):
            parts.append(part)
            progress(step, min(len(parts) * _CHUNK, len(texts)), len(texts))
    return np.concatenate(parts)


def measure_fidelity(  # noqa: PLR0913 (two encoders, their texts, and whose they are)
    encoder: OnnxEncoder,
    vectors: Floats,
    texts: _Texts,
    owners: np.ndarray[Any, Any],
    export: Export,
    labelled: Sequence[LabelledQuestion],
) -> Fidelity:
    """Hold the int8 encoder against sentence-transformers.

    It is faithful where the cosine of each entry's text to its reference is at least 0.98 and each labelled question
    that has an answer finds the same nearest entry, ties aside. Of more than 5,000 texts an even sample is measured.
    """
    passages = _sample(len(texts.passages))
    variants = _sample(len(texts.variants))
    ours = np.concatenate((vectors[passages], vectors[len(texts.passages) + variants]))
    reference = np.concatenate(
        (
            export.reference_documents([texts.passages[i] for i in passages]),
            export.reference_queries([texts.variants[i] for i in variants]),
        )
    )
    whose = np.concatenate((passages, owners[variants]))
    least = float(np.min(np.sum(ours * reference, axis=1)))
    asked = [q.text for q in labelled if q.entry_ids]
    moved = 0
    if asked:
        theirs = export.reference_queries(asked) @ reference.T
        mine = encoder.encode_queries(asked) @ ours.T
        found = whose[np.argmax(mine, axis=1)]
        best = np.max(np.where(whose[None, :] == found[:, None], theirs, -1.0), axis=1)
        moved = int(np.count_nonzero(np.max(theirs, axis=1) - best > _TIE))
    if least < _FAITHFUL_COSINE:
        reason = f"int8 falls to a cosine of {least:.4f} to the reference; {_FAITHFUL_COSINE} is needed"
    elif moved:
        reason = f"int8 finds another entry for {moved} of {len(asked)} labelled questions"
    else:
        reason = f"int8 is faithful: cosine at least {least:.4f}, nearest entry the same for {len(asked)} questions"
    return Fidelity("int8" if least >= _FAITHFUL_COSINE and not moved else "fp32", reason, least, moved, len(asked))


def _sample(size: int) -> np.ndarray[Any, Any]:
    return np.unique(np.linspace(0, size - 1, min(size, _FIDELITY_SAMPLE)).astype(np.int64))


def calibrate(snapshot: Snapshot, labelled: Sequence[LabelledQuestion]) -> Calibration:
    """Choose the threshold on the labelled questions, and note what it costs."""
    if not labelled:
        return snapshot.calibration
    retriever = Retriever(snapshot)
    unanswerable = [
        joint_confidence(retriever.examine(Query(q.text)).confidence, snapshot.calibration)
        for q in labelled
        if not q.entry_ids
    ]
    threshold = threshold_for(np.array(unanswerable), UNANSWERABLE_TARGET)
    chosen = replace(snapshot.calibration, answer_threshold=threshold)
    results = Retriever(replace(snapshot, calibration=chosen)).ask([Query(q.text, top=MAX_TOP) for q in labelled])
    pairs = list(zip(results, labelled, strict=True))
    with_answer = [(r, q) for r, q in pairs if q.entry_ids]
    figures = {
        "labelled_questions": float(len(labelled)),
        "top_1": top_1(results, labelled),
        "answerable_answered_right": float(np.mean([is_right(r, q) for r, q in with_answer])) if with_answer else 0.0,
        "unanswerable_answered": answered_share([r for r, q in pairs if not q.entry_ids]),
    }
    return replace(chosen, figures={name: round(value, 4) for name, value in figures.items()})


def _manifest(folder: Path, documents: Sequence[Document], snapshot: Snapshot, fidelity: Fidelity) -> Manifest:
    card: ModelCard = snapshot.encoder.card
    canaries = [_CANARY, snapshot.entries[0].question]
    vectors = snapshot.encoder.encode_queries(canaries)
    return replace(
        snapshot.manifest,
        files={name: record(folder / name) for name in names.FILES},
        model=card,
        documents={document.name: document.sha256 for document in documents},
        languages=tuple(sorted({entry.language for entry in snapshot.entries})),
        canaries=tuple(
            Canary(text, tuple(round(float(x), 6) for x in vector))
            for text, vector in zip(canaries, vectors, strict=True)
        ),
        fidelity={
            "precision": fidelity.precision,
            "least_cosine": round(fidelity.least_cosine, 4),
            "moved": fidelity.moved,
            "labelled": fidelity.labelled,
        },
    )
