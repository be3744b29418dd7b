"""From the official FAQ to a published index version. Runs offline, never opens a port."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from qa_service import labels, loaders
from qa_service import text as strings
from qa_service.artifact import manifest as names
from qa_service.artifact.manifest import Canary, Manifest, record
from qa_service.artifact.publish import locked, prune, publish, staging
from qa_service.artifact.read import Snapshot, write
from qa_service.assemble import Corpus, assemble, passage_of, wordings_of
from qa_service.calibrate import calibrate
from qa_service.confidence import Calibration
from qa_service.domain import Document, Entry, Floats, LabelledQuestion
from qa_service.embeddings import EmbeddingStore, array
from qa_service.encoder import Encode, OnnxEncoder
from qa_service.export import Export
from qa_service.fidelity import Fidelity, measure
from qa_service.markup import answer_html

_CANARY = "What must a company do to keep its status while a request is pending?"

_EMBEDDINGS = ".embeddings"

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
    entries = tuple(
        replace(entry, answer_html=answer_html(entry.answer, entry.source.uri))
        for document in documents
        for entry in document.entries
    )
    labelled = labels.read(request.labels, {e.id for e in entries}) if request.labels else ()
    with locked(request.index_dir):
        progress("loading the model", 0, 1)
        export = exporter(request.model)
        progress("loading the model", 1, 1)
        with staging(request.index_dir) as folder:
            corpus, fidelity = embed(folder, entries, labelled, export, progress, request.index_dir)
            snapshot = assemble(corpus, range(len(labelled)), calibrate(corpus), "faiss")
            write(folder, snapshot)
            version, created = publish(request.index_dir, folder, _manifest(folder, documents, snapshot, fidelity))
        removed = prune(request.index_dir, request.keep_versions)
    return BuildReport(
        version=version,
        created=created,
        documents=tuple(d.name for d in documents),
        entries=len(entries),
        rows=len(snapshot.vectors),
        model=export.card.name,
        fidelity=fidelity,
        calibration=snapshot.calibration,
        notes=tuple(f"{d.name}: {note}" for d in documents for note in d.notes),
        removed=tuple(removed),
        seconds=time.monotonic() - begun,
    )


def embed(  # noqa: PLR0913 (what a build has at hand)
    folder: Path,
    entries: tuple[Entry, ...],
    labelled: tuple[LabelledQuestion, ...],
    export: Export,
    progress: Progress = lambda _step, _done, _total: None,
    root: Path | None = None,
) -> tuple[Corpus, Fidelity]:
    """Export the encoder in int8 and embed everything with it; do both again in float32 where int8 is not faithful.

    Args:
        folder: where the encoder is written.
        entries: the FAQ.
        labelled: the labelled questions.
        export: the model.
        progress: is told the step, how much of it is done, and of how much.
        root: the index folder, where embeddings are kept from build to build and large arrays have their files; None for
            the folder of the encoder.
    """
    root = root or folder
    wordings = tuple(wordings_of(entry) for entry in entries)
    flat = [wording for held in wordings for wording in held]
    passages = [passage_of(entry) for entry in entries]
    asked = [strings.normalise(q.text) for q in labelled]

    def embedded(precision: str) -> Corpus:
        card = export.write(folder, precision)
        together = names.together_of(folder, names.files_of(folder))
        encoder = OnnxEncoder(folder / names.ENCODER, folder / names.TOKENIZER, card, together)
        store = EmbeddingStore(root / _EMBEDDINGS, _fingerprint(folder), card.dimension)

        def filled(what: str, encode: Encode, texts: Sequence[str], prompt: str) -> Floats:
            vectors = array(root, (len(texts), card.dimension))
            step = f"embedding {what} ({precision})"
            store.fill(vectors, encode, texts, prompt, lambda done, total: progress(step, done, total))
            return vectors

        corpus = Corpus(
            entries=entries,
            wordings=wordings,
            passage_vectors=filled("answers", encoder.encode_documents, passages, card.document_prompt),
            wording_vectors=filled("questions", encoder.encode_queries, flat, card.query_prompt),
            labelled=labelled,
            labelled_vectors=filled("labels", encoder.encode_queries, asked, card.query_prompt),
            encoder=encoder,
            scratch=root,
        )
        queries = ((card.query_prompt, text) for text in (*flat, *asked))
        store.keep([*((card.document_prompt, text) for text in passages), *queries])
        return corpus

    corpus = embedded("int8")
    fidelity = measure(corpus, passages, flat, export)
    return (corpus if fidelity.precision == "int8" else embedded("fp32")), fidelity


def _fingerprint(folder: Path) -> str:
    """What an encoder's vectors depend on: its files, and the kind of processor."""
    parts = (names.ENCODER, names.ENCODER_TOGETHER, names.ENCODER_WEIGHTS, names.TOKENIZER)
    held = [record(folder / name).sha256 for name in names.files_of(folder) if name in parts]
    return hashlib.sha256(" ".join([*held, platform.machine()]).encode()).hexdigest()[:16]


def _manifest(folder: Path, documents: Sequence[Document], snapshot: Snapshot, fidelity: Fidelity) -> Manifest:
    canaries = [_CANARY, snapshot.entries[0].question]
    vectors = snapshot.encoder.encode_queries(canaries)
    return replace(
        snapshot.manifest,
        files={name: record(folder / name) for name in names.files_of(folder)},
        documents={document.name: document.sha256 for document in documents},
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
