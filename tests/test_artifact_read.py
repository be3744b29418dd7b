from __future__ import annotations

import dataclasses
import json
import random
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from qa_service.artifact import manifest as names
from qa_service.artifact import publish
from qa_service.artifact.manifest import Canary, Manifest, record, version_name
from qa_service.artifact.read import entry_from_json, entry_to_json, read, write
from qa_service.assemble import assemble
from qa_service.confidence import Calibration, Logistic
from qa_service.domain import Entry, Query, Source
from qa_service.errors import ArtifactError
from qa_service.lexical import Lexicon
from qa_service.retriever import Retriever
from tests import fakes
from tests.test_assemble import corpus_of, entry


def version_folder(index: Path) -> Path:
    return index / publish.current(index)


def republish(folder: Path, manifest: Manifest) -> Path:
    """Give a version a manifest of our own, and the name that goes with it."""
    raw = manifest.to_bytes()
    (folder / names.MANIFEST).write_bytes(raw)
    return folder.rename(folder.parent / version_name(raw))


def test_what_was_built_is_what_is_read(index: Path) -> None:
    """Entries, their wordings and their vectors come back as they were made."""
    snapshot = read(version_folder(index))
    assert [e["id"] for e in fakes.FAQ] == [e.id for e in snapshot.entries]
    assert [e["answer"] for e in fakes.FAQ] == [e.answer for e in snapshot.entries]
    assert tuple((e["question"],) for e in fakes.FAQ) == snapshot.wordings
    assert snapshot.learned == (0, 0, 0)
    texts = [f"{e['question']}\n{e['answer']}" for e in fakes.FAQ] + [str(e["question"]) for e in fakes.FAQ]
    assert np.allclose(fakes.vectors(texts), snapshot.vectors, atol=1e-6)


def same(one: Lexicon, other: Lexicon) -> bool:
    """Whether two lexicons are the same, in every field and its type."""
    arrays = ("starts", "documents", "saturations")
    return (dict(one.vocabulary), one.size) == (dict(other.vocabulary), other.size) and all(
        np.array_equal(getattr(one, name), getattr(other, name))
        and getattr(one, name).dtype == getattr(other, name).dtype
        for name in arrays
    )


@pytest.mark.parametrize("labelled", [(), (("five six", "two"), ("seven",), ("eight", "one", "two"))])
def test_a_snapshot_survives_its_files(tmp_path: Path, labelled: tuple[tuple[str, ...], ...]) -> None:
    """Every field of an assembled snapshot is written and read back, with and without learned questions."""
    entries = [entry("one", "What is alpha?", "Red."), entry("two", "Who is it to be? When is it?", "", "beta")]
    corpus = corpus_of(tmp_path, entries, *labelled)
    calibration = Calibration(logistic=Logistic(-1.0, 2.0, 3.0, 4.0), answer_threshold=0.7, figures={"top_1": 0.9})
    made = assemble(corpus, range(len(labelled)), calibration, "faiss")
    write(tmp_path, made)
    manifest = dataclasses.replace(made.manifest, files={name: record(tmp_path / name) for name in names.FILES})
    version = tmp_path / "version"
    version.mkdir()
    for name in names.FILES:
        (tmp_path / name).rename(version / name)
    got = read(republish(version, manifest))
    assert (made.entries, made.wordings, made.learned) == (got.entries, got.wordings, got.learned)
    assert got.learned == ((0, 1) if labelled else (0, 0))
    for field in ("vectors", "prototypes", "unanswerable"):
        assert np.array_equal(getattr(made, field), getattr(got, field))
        assert getattr(got, field).dtype == np.float32
    assert got.unanswerable.shape == (1 if labelled else 0, made.vectors.shape[1])
    assert same(made.entry_lexicon, got.entry_lexicon)
    assert same(made.wording_lexicon, got.wording_lexicon)
    assert (made.calibration, manifest) == (got.calibration, got.manifest)


def test_an_entry_survives_the_file_of_entries() -> None:
    """Every field of an entry is written and read back."""
    made = Entry(
        id="x",
        question="What?",
        answer="A \u201cquoted\u201d\u2028answer\nwith lines",
        source=Source("d.md", "https://example.gov/d", "0" * 64, 1, 9, "A title"),
        alternates=("which?",),
        language="es-MX",
        tags=("one", "two"),
        effective_from=date(2026, 1, 1),
        effective_to=date(2026, 12, 31),
        reviewed_at=date(2026, 5, 1),
        answer_html="<p>A \u201cquoted\u201d answer with lines</p>",
    )
    assert (made, ("What?", "which?"), 3) == entry_from_json(entry_to_json(made, ("What?", "which?"), 3))


def test_the_files_of_a_version(index: Path) -> None:
    """A version holds the files that its manifest vouches for, two lexicons of four files each among them, and no other."""
    assert len(set(names.FILES)) == 9 + 2 * 4
    assert {*names.FILES, names.MANIFEST} == {path.name for path in version_folder(index).iterdir()}
    expected = ("l_terms.txt", "l_starts.npy", "l_documents.npy", "l_saturations.npy")
    assert expected == names.lexicon_files("l")


def test_a_graph_for_several_texts_is_verified_where_there_is_one(index: Path) -> None:
    """Listed, it must be as it was published; not listed, a file of its name is not opened."""
    folder = version_folder(index)
    (folder / names.ENCODER_TOGETHER).write_bytes(b"no graph")
    assert read(folder).manifest.files.keys() == set(names.FILES)
    assert names.files_of(folder) == (*names.FILES, names.ENCODER_TOGETHER)
    manifest = read(folder).manifest
    listed = {name: record(folder / name) for name in names.files_of(folder)}
    folder = republish(folder, dataclasses.replace(manifest, files=listed))
    (folder / names.ENCODER_TOGETHER).write_bytes(b"on graph")
    with pytest.raises(ArtifactError, match="its SHA-256 is not the published one") as refused:
        read(folder)
    assert refused.value.file == f"{folder.name}/{names.ENCODER_TOGETHER}"


@pytest.mark.parametrize("seed", range(20))
def test_damaged_files_are_refused_by_name(index: Path, seed: int) -> None:
    """Each of 20 x 36 random bit flips, cuts and zeroed tails is refused at load, and the refusal names the file."""
    draw = random.Random(seed)  # noqa: S311 (not for secrets)
    folder = version_folder(index)
    for name in (*names.FILES, names.MANIFEST):
        path = folder / name
        whole = path.read_bytes()
        if not whole:
            continue
        for kind in ("flip", draw.choice(["cut", "zero"])):
            damaged = bytearray(whole)
            place = draw.randrange(len(whole))
            if kind == "flip":
                damaged[place] ^= 1 << draw.randrange(8)
            elif kind == "cut":
                del damaged[place:]
            else:
                damaged[place:] = bytes(len(whole) - place)
            if bytes(damaged) == whole:
                continue
            path.write_bytes(damaged)
            with pytest.raises(ArtifactError) as refused:
                read(folder)
            assert f"{folder.name}/{name}" == refused.value.file
        path.write_bytes(whole)
    assert folder.name == read(folder).version


@pytest.mark.parametrize("name", [*names.FILES, names.MANIFEST])
def test_a_missing_file_is_refused_by_name(index: Path, name: str) -> None:
    """A file that is gone is named."""
    folder = version_folder(index)
    (folder / name).unlink()
    with pytest.raises(ArtifactError) as refused:
        read(folder)
    assert f"{folder.name}/{name}" == refused.value.file


def test_another_format_asks_for_a_build(index: Path) -> None:
    """A version of a later release is refused with what to do."""
    folder = version_folder(index)
    manifest = Manifest.from_bytes((folder / names.MANIFEST).read_bytes())
    later = republish(folder, dataclasses.replace(manifest, format=99))
    with pytest.raises(ArtifactError, match="format 99, this release reads 4; build the index again"):
        read(later)


def test_a_manifest_without_a_file_is_refused(index: Path) -> None:
    """A manifest that does not vouch for a file that serving needs is not enough."""
    folder = version_folder(index)
    manifest = Manifest.from_bytes((folder / names.MANIFEST).read_bytes())
    files = {name: held for name, held in manifest.files.items() if name != names.FAISS}
    with pytest.raises(ArtifactError, match=f"does not list {names.FAISS}"):
        read(republish(folder, dataclasses.replace(manifest, files=files)))


def test_a_manifest_of_another_shape_is_refused(index: Path) -> None:
    """JSON that is not a manifest is told apart from a damaged file."""
    folder = version_folder(index)
    raw = json.dumps({"format": 1}).encode()
    (folder / names.MANIFEST).write_bytes(raw)
    with pytest.raises(ArtifactError, match="another release"):
        read(folder.rename(folder.parent / version_name(raw)))


@pytest.mark.parametrize(
    "name", [n for n in names.FILES if n not in (names.ENCODER, names.ENCODER_WEIGHTS, names.TOKENIZER)]
)
def test_a_file_that_verifies_but_does_not_parse_is_named(index: Path, name: str) -> None:
    """A file that was published broken is refused by its name, without its content."""
    folder = version_folder(index)
    (folder / name).write_bytes(b'{"weights": "\xff"}')
    manifest = Manifest.from_bytes((folder / names.MANIFEST).read_bytes())
    files = {**manifest.files, name: record(folder / name)}
    renamed = republish(folder, dataclasses.replace(manifest, files=files))
    with pytest.raises(ArtifactError, match=r"can't be parsed|not \d+") as refused:
        read(renamed)
    assert refused.value.file == f"{renamed.name}/{name}"


def test_an_encoder_that_sings_another_song_is_refused(index: Path) -> None:
    """The canary vectors tell a wrong model from the right one, though every checksum holds."""
    folder = version_folder(index)
    manifest = Manifest.from_bytes((folder / names.MANIFEST).read_bytes())
    vector = fakes.vectors(["alpha"])[0]
    canaries = (Canary("beta", tuple(map(float, vector))),)
    renamed = republish(folder, dataclasses.replace(manifest, canaries=canaries))
    with pytest.raises(ArtifactError, match=r"another vector than at the build \(cosine 0\.0000") as refused:
        read(renamed)
    assert f"{renamed.name}/{names.ENCODER}" == refused.value.file


@pytest.mark.parametrize("change", [{"rows": 7}, {"entries": 4}])
def test_entries_of_another_count_are_refused(index: Path, change: dict[str, int]) -> None:
    """Rows and entries must be as many as the manifest says."""
    folder = version_folder(index)
    manifest = Manifest.from_bytes((folder / names.MANIFEST).read_bytes())
    renamed = republish(folder, dataclasses.replace(manifest, **change))  # type: ignore[arg-type]
    said = f"holds 3 entries of 6 rows, not {change.get('entries', 3)} of {change.get('rows', 6)}"
    with pytest.raises(ArtifactError, match=said) as refused:
        read(renamed)
    assert refused.value.file == f"{renamed.name}/{names.ENTRIES}"


@pytest.mark.parametrize(
    "name", [n for n in names.FILES if n.endswith(".npy") and not n.endswith(("starts.npy", "unanswerable.npy"))]
)
def test_an_array_of_another_length_is_refused(index: Path, name: str) -> None:
    """An array that is whole, but has a row more than the entries call for, is refused by its name."""
    folder = version_folder(index)
    values = np.load(folder / name)
    np.save(folder / name, np.concatenate((values, values[:1])))
    manifest = Manifest.from_bytes((folder / names.MANIFEST).read_bytes())
    renamed = republish(folder, dataclasses.replace(manifest, files={**manifest.files, name: record(folder / name)}))
    with pytest.raises(ArtifactError, match=f"holds {len(values) + 1} .*not {len(values)}") as refused:
        read(renamed)
    assert refused.value.file == f"{renamed.name}/{name}"


def test_the_numpy_engine_serves_the_same(index: Path) -> None:
    """Both engines give the same results, scores included."""
    folder = version_folder(index)
    queries = [Query("what is beta", 3), Query("red one", 3), Query("nothing known", 3)]
    assert Retriever(read(folder, "faiss")).ask(queries) == Retriever(read(folder, "numpy")).ask(queries)
