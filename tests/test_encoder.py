from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qa_service import export
from qa_service.artifact.manifest import ENCODER, ENCODER_TOGETHER, TOKENIZER
from qa_service.encoder import OnnxEncoder, processors, usable_processors
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


Opened = Callable[..., OnnxEncoder]
QUESTIONS = [
    "ftz",
    "Is it free?",
    "If our profile extension is granted, are we still certified?",
    "A longer text about a warehouse in Rotterdam that ships to three ports. " * 4,
    "Who validates a highway carrier, and how long in advance are we told?",
    "x " * 300,
    "?",
]


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Opens the packaged model at int8, which has a graph for several texts; `seats` as the encoder takes them."""
    folder = tmp_path_factory.mktemp("packaged")
    card = export.load().write(folder, "int8")

    def opened(seats: tuple[int, ...] | None = None) -> OnnxEncoder:
        return OnnxEncoder(folder / ENCODER, folder / TOKENIZER, card, folder / ENCODER_TOGETHER, seats)

    return opened


def test_company_and_threads_change_no_bit(packaged: Opened) -> None:
    """A text has one vector: alone, in runs of four in any order, in one that is not full, and on several processors."""
    encoder = packaged(())
    alone = np.concatenate([encoder.encode_queries([text]) for text in QUESTIONS])
    draw = np.random.default_rng(0)
    for _ in range(8):
        chosen = draw.integers(len(QUESTIONS), size=int(draw.integers(1, 12)))
        assert np.array_equal(alone[chosen], encoder.encode_queries([QUESTIONS[i] for i in chosen]))
    wide = packaged(processors() or (0, 0))
    assert np.array_equal(alone, np.concatenate([wide.encode_queries([text]) for text in QUESTIONS]))


def test_several_threads_share_an_encoder(packaged: Opened) -> None:
    """Single texts and groups on many threads at once get the vectors that they get one after another."""
    encoder = packaged()
    expected = packaged(()).encode_queries(QUESTIONS)
    groups = [[i % 7] if i % 3 else [i % 7, (i + 2) % 7, (i + 5) % 7] for i in range(60)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda group: encoder.encode_queries([QUESTIONS[i] for i in group]), groups))
    for group, vectors in zip(groups, found, strict=True):
        assert np.array_equal(expected[group], vectors)


def seats_seen(encoder: OnnxEncoder, seat: int, *groups: list[str]) -> list[set[int]]:
    """Where a thread that was kept on one processor may run after each group."""

    def run() -> list[set[int]]:
        os.sched_setaffinity(0, {seat})
        return [(encoder.encode_queries(group), os.sched_getaffinity(0))[1] for group in groups]

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


@pytest.mark.skipif(usable_processors() < 2, reason="a text is shared by two processors or none")
def test_a_caller_makes_room_for_those_who_help(packaged: Opened) -> None:
    """Kept on the processor of the session's own thread, it moves to the first for a single text, and then back."""
    first, second = processors()[:2]
    one, several = QUESTIONS[:1], QUESTIONS[:2]
    encoder = packaged((first, second))
    assert seats_seen(encoder, second, one, one, several, several) == [{first}, {first}, {second}, {second}]
    assert seats_seen(encoder, first, one, several) == [{first}, {first}]
    assert seats_seen(packaged(()), second, one, several) == [{second}, {second}]


@pytest.mark.skipif(usable_processors() < 2, reason="a text is shared by two processors or none")
def test_no_text_spreads_out_while_others_run(packaged: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """After two runs at once, single texts stay where they are for a tenth of a second."""
    first, second = processors()[:2]
    encoder, now = packaged((first, second)), [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    encoder._running = 1  # as while another thread computes
    encoder.encode_queries(QUESTIONS[:1])
    encoder._running = 0
    now[0] += 0.09
    assert seats_seen(encoder, second, QUESTIONS[:1]) == [{second}]
    now[0] += 0.02
    assert seats_seen(encoder, second, QUESTIONS[:1]) == [{first}]


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
