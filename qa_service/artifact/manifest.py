"""What an index version says of itself, and the check that every file is as it was published."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qa_service.domain import ModelCard
from qa_service.errors import ArtifactError

# To be raised with every change of what the files hold or are called.
FORMAT = 4
MANIFEST = "manifest.json"
ENTRIES = "entries.jsonl"
VECTORS = "vectors.npy"
PROTOTYPES = "prototypes.npy"
UNANSWERABLE = "unanswerable.npy"
FAISS = "vectors.faiss"
ENCODER = "encoder.onnx"
# A second graph over the same weights, which takes several texts in a run; models that are no plain BERT lack it.
ENCODER_TOGETHER = "encoder_together.onnx"
ENCODER_WEIGHTS = "encoder.bin"
TOKENIZER = "tokenizer.json"
CALIBRATION = "calibration.json"
ENTRY_LEXICON = "entry_lexicon"
WORDING_LEXICON = "wording_lexicon"
_LEXICON_PARTS = ("terms.txt", "starts.npy", "documents.npy", "saturations.npy")


def lexicon_files(name: str) -> tuple[str, ...]:
    """The files of a lexicon: its terms, where their postings start, the documents and the saturations."""
    return tuple(f"{name}_{part}" for part in _LEXICON_PARTS)


FILES = (
    ENTRIES,
    VECTORS,
    PROTOTYPES,
    UNANSWERABLE,
    FAISS,
    ENCODER,
    ENCODER_WEIGHTS,
    TOKENIZER,
    CALIBRATION,
    *lexicon_files(ENTRY_LEXICON),
    *lexicon_files(WORDING_LEXICON),
)
OPTIONAL_FILES = (ENCODER_TOGETHER,)

_VERSION = re.compile(r"v-[0-9a-f]{16}")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileRecord:
    """Size in bytes and SHA-256 of one file."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Canary:
    """A text and the vector that the encoder gave for it at the build; it is compared again at every load."""

    text: str
    vector: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that is verified before an index version serves."""

    format: int
    files: Mapping[str, FileRecord]
    model: ModelCard
    entries: int
    rows: int
    documents: Mapping[str, str]
    languages: tuple[str, ...]
    canaries: tuple[Canary, ...]
    fidelity: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """The file as it is written: sorted and the same for the same content, so that its hash names the version."""
        return (json.dumps(asdict(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Manifest:
        """Read what `to_bytes` wrote."""
        values = json.loads(raw)
        values["files"] = {name: FileRecord(**record) for name, record in values["files"].items()}
        values["model"] = ModelCard(**values["model"])
        values["languages"] = tuple(values["languages"])
        values["canaries"] = tuple(Canary(c["text"], tuple(c["vector"])) for c in values["canaries"])
        return cls(**values)


def files_of(folder: Path) -> tuple[str, ...]:
    """The names of a version's files: those that every version has, and the optional ones that lie in the folder."""
    return (*FILES, *(name for name in OPTIONAL_FILES if (folder / name).exists()))


def together_of(folder: Path, files: Container[str]) -> Path | None:
    """The graph that takes several texts, where it is one of a version's files; a stray file of its name is not."""
    return folder / ENCODER_TOGETHER if ENCODER_TOGETHER in files else None


def version_name(manifest: bytes) -> str:
    """The name of the version that has this manifest: a version's name is the proof of its manifest."""
    return f"v-{hashlib.sha256(manifest).hexdigest()[:16]}"


def is_version_name(name: str) -> bool:
    """Whether a folder of this name can be a version; nothing else is ever opened."""
    return bool(_VERSION.fullmatch(name))


def record(path: Path) -> FileRecord:
    """Measure a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return FileRecord(path.stat().st_size, digest.hexdigest())


def verify(folder: Path) -> Manifest:
    """Check a version's manifest against its name and each file against the manifest, before anything else is parsed.

    FAISS reads a file with flipped bits without a word, so this is what stands between such a file and a wrong answer.

    Raises:
        ArtifactError: names the first file that is missing, cut, changed or of another format.
    """
    name = f"{folder.name}/{MANIFEST}"
    try:
        raw = (folder / MANIFEST).read_bytes()
    except OSError as exc:
        raise ArtifactError(f"can't be read ({exc.strerror})", name) from None
    if version_name(raw) != folder.name:
        raise ArtifactError("its SHA-256 is not the one that the folder is named by; build the index again", name)
    try:
        manifest = Manifest.from_bytes(raw)
    except (KeyError, TypeError, ValueError):
        raise ArtifactError("written by another release of this service; build the index again", name) from None
    if manifest.format != FORMAT:
        raise ArtifactError(f"format {manifest.format}, this release reads {FORMAT}; build the index again", name)
    for file in FILES:
        if file not in manifest.files:
            raise ArtifactError(f"does not list {file}; build the index again", name)
    for file, expected in manifest.files.items():
        _verify_file(folder, file, expected)
    return manifest


def _verify_file(folder: Path, file: str, expected: FileRecord) -> None:
    name = f"{folder.name}/{file}"
    try:
        size = (folder / file).stat().st_size
        if size != expected.size:
            raise ArtifactError(f"{size} bytes where {expected.size} were published", name)
        if record(folder / file) != expected:
            raise ArtifactError("its SHA-256 is not the published one", name)
    except OSError as exc:
        raise ArtifactError(f"can't be read ({exc.strerror})", name) from None
