"""A verified index version, ready to serve."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_service import vectors as engines
from qa_service.artifact import manifest as names
from qa_service.artifact.manifest import Manifest, verify
from qa_service.confidence import Calibration
from qa_service.domain import Entry, Floats, Source
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
    entry, a row for each of its `variants`.
    """

    version: str
    manifest: Manifest
    entries: tuple[Entry, ...]
    variants: tuple[tuple[str, ...], ...]
    vectors: Floats
    index: VectorIndex
    lexicon: Lexicon
    encoder: OnnxEncoder
    calibration: Calibration


def entry_to_json(entry: Entry, variants: Sequence[str]) -> str:
    """One line of the file of entries."""
    values: dict[str, Any] = asdict(entry) | {"variants": list(variants)}
    for name in _DATES:
        values[name] = values[name].isoformat() if values[name] else None
    return json.dumps(values, ensure_ascii=False, sort_keys=True)


def entry_from_json(line: str) -> tuple[Entry, tuple[str, ...]]:
    """Read what `entry_to_json` wrote."""
    values = json.loads(line)
    variants = tuple(values.pop("variants"))
    for name in _DATES:
        values[name] = date.fromisoformat(values[name]) if values[name] else None
    values["source"] = Source(**values["source"])
    return Entry(**values | {"alternates": tuple(values["alternates"]), "tags": tuple(values["tags"])}), variants


def read(folder: Path, engine: str = "faiss") -> Snapshot:
    """Verify a version, parse it, and check that its encoder still gives the vectors it gave at the build.

    Raises:
        ArtifactError: names the file that is wrong.
    """
    manifest = verify(folder)
    file = names.MANIFEST
    try:
        file = names.ENTRIES
        lines = (folder / file).read_text("utf-8").split("\n")
        pairs = [entry_from_json(line) for line in lines if line]
        file = names.VECTORS
        vectors = _load_array(folder / file)
        file = names.FAISS
        index = engines.engine(engine).load(folder / file, vectors)
        file = names.VOCABULARY
        lexicon = _read_lexicon(folder, len(pairs))
        file = names.CALIBRATION
        calibration = Calibration.from_json(json.loads((folder / file).read_bytes()))
        file = names.ENCODER
        encoder = OnnxEncoder(folder / file, folder / names.TOKENIZER, manifest.model)
    except ArtifactError:
        raise
    except Exception as exc:
        raise ArtifactError(f"can't be parsed ({type(exc).__name__})", f"{folder.name}/{file}") from exc
    rows = sum(len(variants) for _, variants in pairs) + len(pairs)
    if vectors.shape != (manifest.rows, manifest.model.dimension) or rows != manifest.rows:
        raise ArtifactError(f"holds {vectors.shape[0]} rows, not {rows}", f"{folder.name}/{names.VECTORS}")
    snapshot = Snapshot(
        version=folder.name,
        manifest=manifest,
        entries=tuple(entry for entry, _ in pairs),
        variants=tuple(variants for _, variants in pairs),
        vectors=vectors,
        index=index,
        lexicon=lexicon,
        encoder=encoder,
        calibration=calibration,
    )
    _check_canaries(snapshot)
    return snapshot


def _load_array(path: Path) -> NDArray[Any]:
    """An array in the pages of its file, which all processes that serve it share."""
    mapped: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    return mapped


def _read_lexicon(folder: Path, size: int) -> Lexicon:
    terms = (folder / names.VOCABULARY).read_text("utf-8").split("\n")
    starts, entries, saturations = (
        _load_array(folder / name)
        for name in (names.POSTINGS_STARTS, names.POSTINGS_ENTRIES, names.POSTINGS_SATURATIONS)
    )
    return Lexicon({term: place for place, term in enumerate(terms) if term}, starts, entries, saturations, size)


def write_lexicon(folder: Path, lexicon: Lexicon) -> None:
    """Write what `read` needs of a lexicon."""
    (folder / names.VOCABULARY).write_text("\n".join(lexicon.vocabulary), "utf-8")
    np.save(folder / names.POSTINGS_STARTS, lexicon.starts, allow_pickle=False)
    np.save(folder / names.POSTINGS_ENTRIES, lexicon.entries, allow_pickle=False)
    np.save(folder / names.POSTINGS_SATURATIONS, lexicon.saturations, allow_pickle=False)


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
