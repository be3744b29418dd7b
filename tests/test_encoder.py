from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qa_service.artifact.manifest import ENCODER, TOKENIZER
from qa_service.encoder import OnnxEncoder, usable_processors
from tests import fakes

TEXTS = ["what is alpha", "red red green", "nothing known", "one two three four five six seven eight nine ten"]


@pytest.fixture
def encoder(tmp_path: Path) -> OnnxEncoder:
    card = fakes.exporter().write(tmp_path, "fp32")
    return OnnxEncoder(tmp_path / ENCODER, tmp_path / TOKENIZER, card)


def test_vectors_are_those_of_the_model(encoder: OnnxEncoder) -> None:
    """The encoder gives what the model's arithmetic gives in plain NumPy."""
    assert np.allclose(fakes.vectors(TEXTS), encoder.encode_queries(TEXTS), atol=1e-6)
    assert encoder.encode_queries(TEXTS).dtype == np.float32


def test_a_text_has_one_vector_whatever_it_stands_beside(encoder: OnnxEncoder) -> None:
    """Alone, in a batch or on other threads, a text's vector has the same bits."""
    together = encoder.encode_queries(TEXTS)
    alone = [encoder.encode_queries([text])[0] for text in TEXTS]
    with ThreadPoolExecutor(4) as pool:
        threaded = list(pool.map(lambda text: encoder.encode_queries([text])[0], TEXTS * 8))
    assert np.array_equal(together, np.stack(alone))
    assert np.array_equal(np.tile(together, (8, 1)), np.stack(threaded))


def test_no_texts_give_no_rows(encoder: OnnxEncoder) -> None:
    """An empty list has shape (0, dimension)."""
    assert encoder.encode_documents([]).shape == (0, len(fakes.WORDS))


def test_prompts_go_before_the_text(tmp_path: Path) -> None:
    """A model that wants other words before a question than before an answer gets them."""
    card = replace(
        fakes.exporter().write(tmp_path, "fp32"), query_prompt="who ", document_prompt="where ", max_tokens=3
    )
    encoder = OnnxEncoder(tmp_path / ENCODER, tmp_path / TOKENIZER, card)
    assert np.allclose(fakes.vectors(["who red"]), encoder.encode_queries(["red"]), atol=1e-6)
    assert np.allclose(fakes.vectors(["where red"]), encoder.encode_documents(["red"]), atol=1e-6)


def test_long_texts_are_cut_at_the_models_window(tmp_path: Path) -> None:
    """Only the first `max_tokens` tokens count."""
    card = replace(fakes.exporter().write(tmp_path, "fp32"), max_tokens=2)
    encoder = OnnxEncoder(tmp_path / ENCODER, tmp_path / TOKENIZER, card)
    assert np.allclose(fakes.vectors(["red green"]), encoder.encode_queries(["red green blue blue"]), atol=1e-6)


def test_processors_are_those_this_process_may_use() -> None:
    """A process bound to one processor computes on one."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert usable_processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert usable_processors() == len(allowed)


def test_nothing_is_reported_to_anybody(index: Path, tmp_path: Path) -> None:
    """A process that embeds leaves no device id and no event behind, which the library would keep and send."""
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("qa")), "ask", "What is alpha?", "--index", str(index)],
        env=environment | {"HOME": str(home), "TMPDIR": str(scratch), "XDG_CACHE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 3), done.stderr
    assert "index_version" in done.stdout
    assert [*home.rglob("*"), *scratch.rglob("*")] == []
