from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa_service import fidelity as module
from qa_service.build import embed
from qa_service.domain import Floats, LabelledQuestion
from qa_service.encoder import Encode
from qa_service.fidelity import Fidelity
from tests import fakes
from tests.test_assemble import entry

# Entries on one axis each, without answers: passages and wordings have the same vectors.
ENTRIES = (entry("alpha", "alpha"), entry("gamma", "gamma"), entry("epsilon", "epsilon"))


def measured(folder: Path, labelled: Sequence[LabelledQuestion] = (), **export: Any) -> Fidelity:
    """What the real embedding of the entries finds of an encoder, and of a reference that may be replaced."""
    made = replace(fakes.exporter(), **export)
    return embed(folder, ENTRIES, tuple(labelled), made)[1]


def vector(**shares: float) -> Floats:
    """A unit vector with some shares on the axes of words, the rest on the axis of "ten"."""
    made = np.zeros(len(fakes.WORDS), dtype=np.float32)
    for word, share in shares.items():
        made[fakes.WORDS.index(word)] = share
    made[fakes.WORDS.index("ten")] = math.sqrt(1 - sum(x * x for x in shares.values()))
    return made


def reference(asked: dict[str, Floats]) -> Encode:
    """A reference that has vectors of its own for some texts."""

    def encode(texts: Sequence[str]) -> Floats:
        return np.stack([asked.get(text, fakes.vectors([text])[0]) for text in texts])

    return encode


def test_a_faithful_encoder_is_kept(tmp_path: Path) -> None:
    """Where int8 gives the reference's vectors, it is faithful."""
    got = measured(tmp_path, [LabelledQuestion("alpha", ("alpha",))])
    reason = "int8 is faithful: cosine at least 1.0000, nearest entry the same for 1 questions"
    assert (got.precision, got.reason, got.moved, got.labelled) == ("int8", reason, 0, 1)
    assert got.least_cosine == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(("distortion", "precision"), [(0.2, "int8"), (0.21, "fp32")])
def test_the_least_cosine_by_hand(tmp_path: Path, distortion: float, precision: str) -> None:
    """A neighbour's share of d brings each word to 1 / sqrt(1 + d²) of itself, which has to reach 0.98."""
    got = measured(tmp_path, write=fakes.exporter(int8_distortion=distortion).write)
    expected = 1 / math.sqrt(1 + distortion**2)
    assert got.least_cosine == pytest.approx(expected, abs=1e-6)
    assert (got.precision, expected >= 0.98) == (precision, precision == "int8")
    if precision == "fp32":
        assert got.reason == "int8 falls to a cosine of 0.9787 to the reference; 0.98 is needed"


@pytest.mark.parametrize("kind", ["reference_documents", "reference_queries"])
def test_both_kinds_of_text_are_measured(tmp_path: Path, kind: str) -> None:
    """One text that differs, among the passages or among the wordings, is the least cosine."""
    export: dict[str, Any] = {kind: reference({"gamma": vector(gamma=0.9)})}
    got = measured(tmp_path, **export)
    assert got.least_cosine == pytest.approx(0.9, abs=1e-6)
    assert got.precision == "fp32"


@pytest.mark.parametrize(("other", "moved"), [(0.5, 0), (0.615, 0), (0.625, 1)])
def test_a_moved_question_by_hand(tmp_path: Path, other: float, moved: int) -> None:
    """A question is moved where the reference holds the entry that was found more than 0.02 behind its own nearest."""
    asked = reference({"alpha alpha": vector(alpha=0.6, gamma=other)})
    got = measured(tmp_path, [LabelledQuestion("alpha alpha", ("alpha",))], reference_queries=asked)
    assert (got.moved, got.precision) == (moved, "fp32" if moved else "int8")
    assert got.least_cosine == pytest.approx(1.0, abs=1e-6)


def test_moved_questions_are_counted(tmp_path: Path) -> None:
    """Each moved question counts, whichever entry is right for it; unanswerable ones don't."""
    texts = ["alpha alpha", "gamma gamma", "alpha alpha alpha", "epsilon epsilon", "gamma gamma gamma"]
    right = [("alpha",), ("epsilon",), (), ("epsilon",), ("alpha", "gamma")]
    elsewhere = dict.fromkeys(texts[:3] + texts[4:], vector(delta=0.1, epsilon=0.9))
    questions = [LabelledQuestion(t, r) for t, r in zip(texts, right, strict=True)]
    got = measured(tmp_path, questions, reference_queries=reference(elsewhere))
    assert (got.moved, got.labelled, got.precision) == (3, 4, "fp32")
    assert got.reason == "int8 finds another entry for 3 of 4 labelled questions"


@pytest.mark.parametrize(("wrong", "least"), [("gamma", 1.0), ("epsilon", 0.9)])
def test_of_many_texts_an_even_sample_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, least: float
) -> None:
    """Beyond the size of the sample, texts are taken evenly from the first to the last."""
    monkeypatch.setattr(module, "_SAMPLE", 2)
    shifted = reference({wrong: vector(**{wrong: 0.9})})
    asked = [LabelledQuestion("epsilon epsilon", ("epsilon",))]
    got = measured(tmp_path, asked, reference_documents=shifted)
    assert got.least_cosine == pytest.approx(least, abs=1e-6)
    assert got.moved == 0


def test_precision_of_the_corpus_follows(tmp_path: Path) -> None:
    """What is embedded for the index is embedded in the precision that was found fit."""
    for distortion, precision in ((0.0, "int8"), (0.5, "fp32")):
        corpus, found = embed(tmp_path, ENTRIES, (), fakes.exporter(int8_distortion=distortion))
        assert (found.precision, corpus.encoder.card.precision) == (precision, precision)
        assert np.allclose(fakes.vectors(["alpha", "gamma", "epsilon"]), corpus.passage_vectors, atol=1e-6)
        assert np.allclose(fakes.vectors(["alpha", "gamma", "epsilon"]), corpus.wording_vectors, atol=1e-6)
