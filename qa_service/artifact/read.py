"""A verified index version, ready to serve."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_service import vectors as engines
from qa_service.artifact import manifest as names
from qa_service.artifact.manifest import Manifest, verify
from qa_service.confidence import Calibration
from qa_service.domain import Entry, Floats, Ints, Source
from qa_service.encoder import OnnxEncoder
from qa_service.errors import ArtifactError
from qa_service.lexical import Lexicon
from qa_service.vectors.base import VectorIndex

# The same model on another processor differs in the last bits; another model differs in everything.
_CANARY_COSINE = 0.99
_DATES = ("effective_from", "effective_to", "reviewed_at")


@dataclass(frozen=True)
class Snapshot:
    """One index version in memory.

    `vectors` holds a row for each entry's question and answer together, in order of the entries, and then, entry by
    entry, a row for each of its published `wordings` and of the questions it has `learned` (their number). `prototypes`
    holds the centre of each entry's rows, `unanswerable` the questions that are known to have no answer. The documents of
    `entry_lexicon` are the entries, those of `wording_lexicon` the wordings, in order of their rows.
    """

    version: str
    manifest: Manifest
    entries: tuple[Entry, ...]
    wordings: tuple[tuple[str, ...], ...]
    learned: tuple[int, ...]
    vectors: Floats
    prototypes: Floats
    unanswerable: Floats
    index: VectorIndex
    entry_lexicon: Lexicon
    wording_lexicon: Lexicon
    encoder: OnnxEncoder
    calibration: Calibration

    @cached_property
    def published_counts(self) -> Ints:
        """How many rows of published wordings each entry has; shape (entries,)."""
        return np.array([len(wordings) for wordings in self.wordings], dtype=np.int64)

    @cached_property
    def wording_counts(self) -> Ints:
        """How many rows of wordings each entry has, published first and then learned; shape (entries,)."""
        return self.published_counts + np.array(self.learned, dtype=np.int64)

    @cached_property
    def wording_starts(self) -> Ints:
        """The row of `vectors` at which the wordings of each entry begin; shape (entries,)."""
        starts: Ints = len(self.entries) + np.cumsum(self.wording_counts) - self.wording_counts
        return starts


def entry_to_json(entry: Entry, wordings: Sequence[str], learned: int) -> str:
    """One line of the file of entries."""
    values: dict[str, Any] = asdict(entry) | {"wordings": list(wordings), "learned": learned}
    for name in _DATES:
        values[name] = values[name].isoformat() if values[name] else None
    return json.dumps(values, ensure_ascii=False, sort_keys=True)


def entry_from_json(line: str) -> tuple[Entry, tuple[str, ...], int]:
    """Read what `entry_to_json` wrote."""
    values = json.loads(line)
    wordings, learned = tuple(values.pop("wordings")), int(values.pop("learned"))
    for name in _DATES:
        values[name] = date.fromisoformat(values[name]) if values[name] else None
    values["source"] = Source(**values["source"])
    entry = Entry(**values | {"alternates": tuple(values["alternates"]), "tags": tuple(values["tags"])})
    return entry, wordings, learned


@contextmanager
def _parsing(folder: Path, file: str) -> Iterator[None]:
    """Name the file in whatever goes wrong within."""
    try:
        yield
    except Exception as exc:
        told = str(exc) if isinstance(exc, _MisshapenError) else f"can't be parsed ({type(exc).__name__})"
        raise ArtifactError(told, f"{folder.name}/{file}") from exc


class _MisshapenError(ValueError):
    """A file that does not fit the others."""


def read(folder: Path, engine: str = "faiss", seats: Sequence[int] | None = None) -> Snapshot:
    """Verify a version, parse it, and check that its encoder still gives the vectors it gave at the build.

    Args:
        folder: the version.
        engine: that searches the vectors.
        seats: the processors that may compute a single question together; None for all that this process may use.

    Raises:
        ArtifactError: names the file that is wrong.
    """
    manifest = verify(folder)
    with _parsing(folder, names.ENTRIES):
        held = [entry_from_json(line) for line in (folder / names.ENTRIES).read_text("utf-8").split("\n") if line]
        rows = len(held) + sum(len(wordings) + learned for _, wordings, learned in held)
        if (len(held), rows) != (manifest.entries, manifest.rows):
            raise _MisshapenError(
                f"holds {len(held)} entries of {rows} rows, not {manifest.entries} of {manifest.rows}"
            )
    dimension = manifest.model.dimension
    vectors = _read_array(folder, names.VECTORS, (rows, dimension))
    with _parsing(folder, names.FAISS):
        index = engines.engine(engine).load(folder / names.FAISS, vectors)
    with _parsing(folder, names.CALIBRATION):
        calibration = Calibration.from_json(json.loads((folder / names.CALIBRATION).read_bytes()))
    with _parsing(folder, names.ENCODER):
        # Only what the manifest lists has been verified.
        together = names.together_of(folder, manifest.files)
        encoder = OnnxEncoder(folder / names.ENCODER, folder / names.TOKENIZER, manifest.model, together, seats)
    snapshot = Snapshot(
        version=folder.name,
        manifest=manifest,
        entries=tuple(entry for entry, _, _ in held),
        wordings=tuple(wordings for _, wordings, _ in held),
        learned=tuple(learned for _, _, learned in held),
        vectors=vectors,
        prototypes=_read_array(folder, names.PROTOTYPES, (len(held), dimension)),
        unanswerable=_read_array(folder, names.UNANSWERABLE, (None, dimension)),
        index=index,
        entry_lexicon=_read_lexicon(folder, names.ENTRY_LEXICON, len(held)),
        wording_lexicon=_read_lexicon(folder, names.WORDING_LEXICON, rows - len(held)),
        encoder=encoder,
        calibration=calibration,
    )
    _check_canaries(snapshot)
    return snapshot


def _read_array(folder: Path, file: str, shape: tuple[int | None, ...]) -> NDArray[Any]:
    """An array in the pages of its file, which all processes that serve it share; None in `shape` stands for any length."""
    with _parsing(folder, file):
        mapped: NDArray[Any] = np.load(folder / file, mmap_mode="r", allow_pickle=False).view(np.ndarray)
        fits = len(shape) == mapped.ndim and all(n in (None, m) for n, m in zip(shape, mapped.shape, strict=True))
        if not fits:
            expected = " x ".join("any" if n is None else str(n) for n in shape)
            raise _MisshapenError(f"holds {' x '.join(map(str, mapped.shape))} values, not {expected}")
        return mapped


def _read_lexicon(folder: Path, name: str, size: int) -> Lexicon:
    terms_file, starts_file, documents_file, saturations_file = names.lexicon_files(name)
    with _parsing(folder, terms_file):
        text = (folder / terms_file).read_text("utf-8")
        vocabulary = {term: place for place, term in enumerate(text.split("\n"))} if text else {}
    starts = _read_array(folder, starts_file, (len(vocabulary) + 1,))
    documents = _read_array(folder, documents_file, (int(starts[-1]),))
    saturations = _read_array(folder, saturations_file, (int(starts[-1]),))
    return Lexicon(vocabulary, starts, documents, saturations, size)


def write(folder: Path, snapshot: Snapshot) -> None:
    """Write what `read` needs of a snapshot, but for the encoder, which the export has written, and the manifest."""
    held = zip(snapshot.entries, snapshot.wordings, snapshot.learned, strict=True)
    _write_text(folder / names.ENTRIES, "\n".join(entry_to_json(*one) for one in held))
    np.save(folder / names.VECTORS, snapshot.vectors, allow_pickle=False)
    np.save(folder / names.PROTOTYPES, snapshot.prototypes, allow_pickle=False)
    np.save(folder / names.UNANSWERABLE, snapshot.unanswerable, allow_pickle=False)
    snapshot.index.save(folder / names.FAISS)
    for name, lexicon in (
        (names.ENTRY_LEXICON, snapshot.entry_lexicon),
        (names.WORDING_LEXICON, snapshot.wording_lexicon),
    ):
        terms, starts, documents, saturations = names.lexicon_files(name)
        (folder / terms).write_text("\n".join(lexicon.vocabulary), "utf-8")
        np.save(folder / starts, lexicon.starts, allow_pickle=False)
        np.save(folder / documents, lexicon.documents, allow_pickle=False)
        np.save(folder / saturations, lexicon.saturations, allow_pickle=False)
    _write_text(folder / names.CALIBRATION, json.dumps(snapshot.calibration.to_json(), indent=1, sort_keys=True))


def _write_text(path: Path, text: str) -> None:
    path.write_text(text + "\n", "utf-8")


def _check_canaries(snapshot: Snapshot) -> None:
    canaries = snapshot.manifest.canaries
    got = snapshot.encoder.encode_queries([c.text for c in canaries])
    for vector, canary in zip(got, canaries, strict=True):
        cosine = float(vector @ np.array(canary.vector, dtype=np.float32))
        if not cosine >= _CANARY_COSINE:
            raise ArtifactError(
                f"gives another vector than at the build (cosine {cosine:.4f}, at least {_CANARY_COSINE} is needed); "
                "build the index again on this kind of processor",
                f"{snapshot.version}/{names.ENCODER}",
            )
