from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qa_service import export
from qa_service.artifact.manifest import ENCODER, ENCODER_TOGETHER, ENCODER_WEIGHTS, TOKENIZER
from qa_service.encoder import OnnxEncoder
from qa_service.errors import MissingExtraError, ModelError

TEXTS = [
    "If our profile extension is granted, are we still certified?",
    "ftz",
    "A longer text about a warehouse in Rotterdam that ships to three ports. " * 30,
]


@pytest.fixture(scope="module")
def packaged() -> export.Export:
    return export.load()


def test_the_packaged_weights_are_the_pinned_ones() -> None:
    """The default model is found without a hub, and its file has the pinned SHA-256."""
    folder = export.packaged_model()
    assert export.PACKAGED_WEIGHTS_SHA256 == export._sha256(folder / "model.safetensors")


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A packaged model whose weights are not the pinned ones is an error that shows both hashes."""
    monkeypatch.setattr(export, "PACKAGED_WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(ModelError, match=f"not the pinned {'0' * 64}"):
        export.packaged_model()


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packaged model, the error says what to install."""
    monkeypatch.setattr(export, "_PACKAGE", "no_such_package_of_weights")
    with pytest.raises(MissingExtraError, match=r"qa-service\[build\]"):
        export.packaged_model()


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    """A folder that holds no model is an error with its name."""
    with pytest.raises(ModelError, match="can't load the model"):
        export.load(str(tmp_path / "nothing"))


@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.99999), ("int8", 0.99)])
def test_the_exported_graph_gives_the_references_vectors(
    packaged: export.Export, tmp_path: Path, precision: str, least: float
) -> None:
    """Golden vectors: the graph agrees with sentence-transformers, and its vectors have unit length."""
    card = packaged.write(tmp_path, precision)
    assert (precision, 384, "mean") == (card.precision, card.dimension, card.pooling)
    vectors = OnnxEncoder(tmp_path / ENCODER, tmp_path / TOKENIZER, card).encode_queries(TEXTS)
    cosines = np.sum(vectors * packaged.reference_queries(TEXTS), axis=1)
    assert np.all(cosines >= least)
    assert np.allclose(1.0, np.linalg.norm(vectors, axis=1), atol=1e-5)


def test_two_exports_have_the_same_bytes(packaged: export.Export, tmp_path: Path) -> None:
    """The same model gives the same file, so that the same content is the same version."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        packaged.write(tmp_path / name, "int8")
    assert (tmp_path / "one" / ENCODER).read_bytes() == (tmp_path / "two" / ENCODER).read_bytes()
    for name in (ENCODER_TOGETHER, ENCODER_WEIGHTS):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_precision_leaves_nothing_of_the_other(packaged: export.Export, tmp_path: Path) -> None:
    """The graph that takes several texts is there for int8 alone, also where int8 was written before."""
    packaged.write(tmp_path, "int8")
    assert (tmp_path / ENCODER_TOGETHER).exists()
    packaged.write(tmp_path, "fp32")
    assert not (tmp_path / ENCODER_TOGETHER).exists()
