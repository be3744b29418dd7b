"""A model whose vectors can be worked out by hand, behind the real encoder, files and retriever.

Every word of `WORDS` has an axis of its own. A text is the sum of its words' axes, brought to unit length, so the cosine
of two texts is the number of words they share, over the square root of the product of their lengths (without repeats).
Words that are not in `WORDS` add nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from qa_service import graphs
from qa_service import text as strings
from qa_service.artifact.manifest import ENCODER, TOKENIZER
from qa_service.build import BuildReport, BuildRequest, build
from qa_service.domain import Floats, ModelCard
from qa_service.export import Export

WORDS = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lamda mu what is must a company do to keep "
    "its status while request pending who when where red green blue one two three four five six seven eight nine ten"
).split()
_UNKNOWN = "[UNK]"


def tokenizer() -> Tokenizer:
    """Lower-case words, one token each."""
    made = Tokenizer(models.WordLevel({_UNKNOWN: 0} | {w: i + 1 for i, w in enumerate(WORDS)}, unk_token=_UNKNOWN))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


def vectors(texts: Sequence[str]) -> Floats:
    """The vectors of texts in plain NumPy: the oracle of the ONNX graph below."""
    rows = np.zeros((len(texts), len(WORDS)), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in strings.words(text):
            if word in WORDS:
                row[WORDS.index(word)] += 1.0
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), dtype=np.float32)


def write_graph(folder: Path, distortion: float = 0.0) -> None:
    """Write the model as ONNX; a distortion mixes every axis with its neighbour, as a bad quantisation would."""
    table = np.zeros((len(WORDS) + 1, len(WORDS)), dtype=np.float32)
    table[1:] = np.eye(len(WORDS)) + distortion * np.roll(np.eye(len(WORDS)), 1, axis=1)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("ReduceSum", ["rows", "axis"], ["sum"], keepdims=0),
        helper.make_node("ReduceL2", ["sum"], ["norm"], axes=[1], keepdims=1),
        helper.make_node("Max", ["norm", "tiny"], ["safe"]),
        helper.make_node("Div", ["sum", "safe"], ["embedding"]),
    ]
    constants = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
        numpy_helper.from_array(np.array([1e-12], dtype=np.float32), "tiny"),
    ]
    graph = helper.make_graph(
        nodes,
        "fake",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, len(WORDS)])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    graphs.save({ENCODER: model}, folder)


def card(precision: str = "fp32") -> ModelCard:
    """The card of the fake model."""
    return ModelCard(
        name="fake",
        weights_sha256=hashlib.sha256(" ".join(WORDS).encode()).hexdigest(),
        tokenizer_sha256=hashlib.sha256(tokenizer().to_str().encode()).hexdigest(),
        pooling="sum",
        normalised=True,
        dimension=len(WORDS),
        max_tokens=256,
        precision=precision,
    )


def exporter(int8_distortion: float = 0.0, fp32_distortion: float = 0.0) -> Export:
    """What `export.load` gives, for the fake model."""

    def write(folder: Path, precision: str) -> ModelCard:
        (folder / TOKENIZER).write_text(tokenizer().to_str(), "utf-8")
        write_graph(folder, int8_distortion if precision == "int8" else fp32_distortion)
        return card(precision)

    return Export(card(), vectors, vectors, write)


# Three questions on axes of their own; the answers repeat none of their words.
FAQ: tuple[dict[str, object], ...] = (
    {
        "id": "alpha",
        "question": "What is alpha?",
        "answer": "Red one. \u201cVerbatim\u201d, [link](https://example.gov).",
    },
    {"id": "beta", "question": "What is beta?", "answer": "Green two.\n\nSecond paragraph.", "tags": ["two"]},
    {"id": "gamma", "question": "What is gamma?", "answer": "Blue three.", "language": "es"},
)


def write_faq(folder: Path, entries: Sequence[dict[str, object]] = FAQ) -> Path:
    """Write entries as a JSON Lines FAQ."""
    path = folder / "faq.jsonl"
    path.write_text("".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries), "utf-8")
    return path


def build_index(folder: Path, entries: Sequence[dict[str, object]] = FAQ, labels: Path | None = None) -> BuildReport:
    """Build `folder/index` from entries with the fake model, through the real build."""
    request = BuildRequest([write_faq(folder, entries)], folder / "index", labels)
    return build(request, lambda _model: exporter())
