from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_service import embeddings
from qa_service.build import BuildRequest, build
from qa_service.domain import Floats
from qa_service.embeddings import EmbeddingStore, array
from tests import fakes

DIMENSION = 4
RECORD = 16 + DIMENSION * 4 + 4


def vectors(texts: Sequence[str]) -> Floats:
    """A vector for each text that tells it from the others."""
    return np.array([[len(t), sum(map(ord, t)), ord(t[0]), ord(t[-1])] for t in texts], dtype=np.float32)


class Counting:
    """An encoder that remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Floats:
        self.asked += texts
        return vectors(texts)


def filled(store: EmbeddingStore, texts: Sequence[str], encode: Counting, prompt: str = "") -> Floats:
    out = np.full((len(texts), DIMENSION), np.nan, dtype=np.float32)
    store.fill(out, encode, texts, prompt)
    return out


def test_each_text_is_embedded_once(tmp_path: Path) -> None:
    """Repeats within a call, in a later call and in a later process are looked up."""
    encode = Counting()
    store = EmbeddingStore(tmp_path, "e", DIMENSION)
    assert np.array_equal(vectors(["b", "a", "b"]), filled(store, ["b", "a", "b"], encode))
    assert np.array_equal(vectors(["a", "c"]), filled(store, ["a", "c"], encode))
    again = EmbeddingStore(tmp_path, "e", DIMENSION)
    assert np.array_equal(vectors(["c", "b", "a"]), filled(again, ["c", "b", "a"], encode))
    assert sorted(encode.asked) == ["a", "b", "c"]
    assert len(store) == len(again) == 3


def test_another_prompt_or_encoder_is_another_text(tmp_path: Path) -> None:
    """A vector belongs to what the encoder was given, and to the encoder."""
    encode = Counting()
    store = EmbeddingStore(tmp_path, "e", DIMENSION)
    for prompt in ("", "query: ", ""):
        filled(store, ["a"], encode, prompt)
    filled(EmbeddingStore(tmp_path, "f", DIMENSION), ["a"], encode)
    assert encode.asked == ["a", "a", "a"]


def test_progress_counts_what_is_known(tmp_path: Path) -> None:
    """What was embedded before is done from the start, and the last report says that all is."""
    store = EmbeddingStore(tmp_path, "e", DIMENSION)
    told: list[tuple[int, int]] = []
    texts = [f"text {i}" for i in range(100)]
    filled(store, texts[:40], Counting())
    store.fill(np.empty((100, DIMENSION), np.float32), vectors, texts, progress=lambda *x: told.append(x))
    assert told[0] == (40, 100)
    assert told[-1] == (100, 100)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(st.sampled_from("abc"), min_size=1, max_size=3), min_size=1, max_size=20), st.data())
def test_a_file_that_was_cut_or_changed_loses_no_more_than_its_end(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], data: st.DataObject
) -> None:
    """Whatever a crash did to the file, what comes back is right, and only what followed the damage is embedded again."""
    folder = tmp_path_factory.mktemp("store")
    filled(EmbeddingStore(folder, "e", DIMENSION), texts, Counting())
    (path,) = folder.iterdir()
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        del raw[place:]
    else:
        raw[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(raw)
    encode = Counting()
    store = EmbeddingStore(folder, "e", DIMENSION)
    assert len(store) == place // RECORD
    assert np.array_equal(vectors(texts), filled(store, texts, encode))
    assert len(encode.asked) == len(set(texts)) - place // RECORD


def test_no_text_is_kept(tmp_path: Path) -> None:
    """The file holds hashes and numbers."""
    filled(EmbeddingStore(tmp_path, "e", DIMENSION), ["a confidential question"], Counting())
    (path,) = tmp_path.iterdir()
    assert path.stat().st_size == RECORD
    assert b"confidential" not in path.read_bytes()


def test_what_is_not_needed_goes_once_it_is_most(tmp_path: Path) -> None:
    """As long as half of what is known is needed, everything stays; then only that does."""
    encode = Counting()
    store = EmbeddingStore(tmp_path, "e", DIMENSION)
    filled(store, ["a", "b", "c", "d"], encode, "p")
    store.keep([("p", "a"), ("p", "b")])
    assert len(store) == 4
    store.keep([("p", "c"), ("p", "never embedded"), ("q", "a")])
    assert len(store) == 1
    assert np.array_equal(vectors(["c"]), filled(store, ["c"], encode, "p"))
    assert np.array_equal(
        vectors(["a", "c"]), filled(EmbeddingStore(tmp_path, "e", DIMENSION), ["a", "c"], encode, "p")
    )
    assert encode.asked == ["a", "b", "c", "d", "a"]


def test_one_other_encoder_is_kept(tmp_path: Path) -> None:
    """The stores of encoders that are not in use go, but for the one that was last."""
    for age, name in enumerate(("old", "older", "newest")):
        filled(EmbeddingStore(tmp_path, name, DIMENSION), ["a"], Counting())
        os.utime(tmp_path / f"{name}.embeddings", (1000 + age, 1000 + age))
    EmbeddingStore(tmp_path, "e", DIMENSION).keep([])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.embeddings", "newest.embeddings"]


def test_a_large_array_lives_in_a_file_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can be filled and read as any other, and leaves nothing behind."""
    monkeypatch.setattr(embeddings, "_IN_MEMORY_BYTES", 100)
    for folder, shape in ((tmp_path, (30, 4)), (tmp_path, (5, 4)), (None, (30, 4))):
        made = array(folder, shape)
        assert made.shape == shape
        assert made.dtype == np.dtype(np.float32)
        mapped = isinstance(made.base, np.memmap)
        assert mapped == (folder is not None and shape == (30, 4))
        made[:] = 7.0
        assert float(made.sum()) == 7.0 * made.size
        assert list(tmp_path.iterdir()) == []


_SLOW_BUILD = """
import sys, time
from pathlib import Path
from qa_service.build import BuildRequest, build
from qa_service.encoder import OnnxEncoder
from tests import fakes

real = OnnxEncoder.encode_documents
def slow(self, texts):
    time.sleep(0.05)
    return real(self, texts)
OnnxEncoder.encode_documents = slow
build(BuildRequest([Path(sys.argv[1])], Path(sys.argv[2])), lambda _model: fakes.exporter())
"""


def test_a_killed_build_goes_on_where_it_was(tmp_path: Path, root: Path) -> None:
    """After SIGKILL amid the embedding, the next build starts from what was embedded, and makes the same index."""
    entries: list[dict[str, object]] = [
        {"id": f"e{i}", "question": f"What is {fakes.WORDS[i % 20]} {i}?", "answer": f"Red {i} green."}
        for i in range(600)
    ]
    faq = fakes.write_faq(tmp_path, entries)
    index = tmp_path / "index"
    child = subprocess.Popen([sys.executable, "-c", _SLOW_BUILD, faq, index], cwd=root)
    store = None
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        store = next((index / ".embeddings").glob("*"), None) if index.exists() else None
        if store and store.stat().st_size > 5_000:
            break
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert store is not None
    assert not (index / "CURRENT").exists()

    told: list[tuple[str, int, int]] = []
    lock = threading.Lock()

    def progress(step: str, done: int, total: int) -> None:
        with lock:
            told.append((step, done, total))

    report = build(BuildRequest([faq], index), lambda _model: fakes.exporter(), progress)
    first = next(done for step, done, _ in told if step.startswith("embedding answers"))
    assert 0 < first < 600
    clean = build(BuildRequest([faq], tmp_path / "clean"), lambda _model: fakes.exporter())
    assert report.version == clean.version


def test_an_edit_embeds_what_it_changed(tmp_path: Path) -> None:
    """A second build with one more entry embeds that entry alone."""
    fakes.build_index(tmp_path)
    more: list[dict[str, object]] = [*fakes.FAQ, {"id": "delta", "question": "What is delta?", "answer": "Black four."}]
    faq = fakes.write_faq(tmp_path, more)
    told: list[tuple[str, int, int]] = []
    build(BuildRequest([faq], tmp_path / "index"), lambda _model: fakes.exporter(), lambda *x: told.append(x))
    starts = [(step, done, total) for step, done, total in told if step.startswith("embedding")]
    assert starts[0] == ("embedding answers (int8)", 3, 4)
    assert json.loads((tmp_path / "faq.jsonl").read_text().splitlines()[-1])["id"] == "delta"
