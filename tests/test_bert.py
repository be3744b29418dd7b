from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnxruntime import InferenceSession
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Pooling, Transformer
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

from qa_service import bert, export, graphs
from qa_service.artifact.manifest import ENCODER, ENCODER_TOGETHER, ENCODER_WEIGHTS, TOKENIZER
from qa_service.encoder import OnnxEncoder

TEXTS = [
    "If our profile extension is granted, are we still certified?",
    "ftz",
    "A longer text about a warehouse in Rotterdam that ships to three ports. " * 4,
]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """The packaged model's."""
    return PreTrainedTokenizerFast.from_pretrained(export.packaged_model())  # type: ignore[no-any-return]


def bert_of(tokenizer: PreTrainedTokenizerFast, **changes: Any) -> Any:
    """A small BERT with random weights, spread so that its vectors are not all alike."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
    }
    model = BertModel(BertConfig(vocab_size=len(tokenizer), **{**shape, "initializer_range": 0.3, **changes}))
    for name, tensor in model.named_parameters():
        if "bias" in name or "LayerNorm" in name:
            torch.nn.init.normal_(tensor, mean=float("weight" in name), std=0.3)
    return model.eval()  # type: ignore[no-untyped-call]  # of transformers


def stored(folder: Path, model: Any, tokenizer: PreTrainedTokenizerFast, pooling: str, *more: Any) -> Path:
    """A folder as sentence-transformers saves it."""
    (folder / "plain").mkdir(parents=True)
    model.save_pretrained(folder / "plain")
    tokenizer.save_pretrained(folder / "plain")
    transformer = Transformer(str(folder / "plain"), max_seq_length=64)
    modules = [transformer, Pooling(model.config.hidden_size, pooling_mode=pooling), *more]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "model"))
    return folder / "model"


def graph_kinds(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(path).graph.node}


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_graph_gives_the_vectors_of_the_model(
    tmp_path: Path, tokenizer: PreTrainedTokenizerFast, pooling: str
) -> None:
    """A BERT of any size, mean or first token pooled, comes out near what sentence-transformers computes."""
    held = export.load(str(stored(tmp_path, bert_of(tokenizer), tokenizer, pooling)))
    card = held.write(tmp_path, "int8")
    alone = OnnxEncoder(tmp_path / ENCODER, tmp_path / TOKENIZER, card)
    together = OnnxEncoder(tmp_path / ENCODER, tmp_path / TOKENIZER, card, tmp_path / ENCODER_TOGETHER)
    vectors = alone.encode_queries(TEXTS)
    assert np.array_equal(vectors, together.encode_queries(TEXTS))
    assert "MatMulIntegerToFloat" in graph_kinds(tmp_path / ENCODER)
    reference = held.reference_queries(TEXTS)
    assert np.all(np.sum(vectors * reference, axis=1) >= 0.995)
    assert np.allclose(1.0, np.linalg.norm(vectors, axis=1), atol=1e-5)
    assert np.max(np.abs(reference @ reference.T - np.eye(3))) < 0.95  # the texts are told apart at all


def test_towering_channels_do_no_harm(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """A channel 30 times as large as the others does not drown them when rows are rounded."""
    model = bert_of(tokenizer)
    with torch.no_grad():
        for layer in model.encoder.layer:
            layer.attention.output.LayerNorm.weight[3] = 30.0
            layer.intermediate.dense.weight[:, 3] /= 30.0
    held = export.load(str(stored(tmp_path, model, tokenizer, "mean")))
    card = held.write(tmp_path, "int8")
    vectors = OnnxEncoder(tmp_path / ENCODER, tmp_path / TOKENIZER, card).encode_queries(TEXTS)
    assert np.all(np.sum(vectors * held.reference_queries(TEXTS), axis=1) >= 0.99)


@pytest.mark.parametrize("kind", ["relu", "another architecture", "a layer behind the pooling"])
def test_other_models_take_the_general_way(tmp_path: Path, tokenizer: PreTrainedTokenizerFast, kind: str) -> None:
    """What is no plain BERT is exported as torch traces it, and is near the reference too."""
    more = [Dense(32, 16)] if kind == "a layer behind the pooling" else []
    if kind == "another architecture":
        torch.manual_seed(0)
        config = DistilBertConfig(vocab_size=len(tokenizer), dim=128, n_layers=1, n_heads=4, hidden_dim=128)
        model: Any = DistilBertModel(config).eval()  # type: ignore[no-untyped-call]  # of transformers
    else:
        model = bert_of(tokenizer, hidden_act="relu" if kind == "relu" else "gelu")
    folder = stored(tmp_path, model, tokenizer, "mean", *more)
    assert not bert.is_supported(SentenceTransformer(str(folder), device="cpu"))
    held = export.load(str(folder))
    card = held.write(tmp_path, "int8")
    assert "MatMulIntegerToFloat" not in graph_kinds(tmp_path / ENCODER)
    vectors = OnnxEncoder(tmp_path / ENCODER, tmp_path / TOKENIZER, card).encode_queries(TEXTS)
    assert np.all(np.sum(vectors * held.reference_queries(TEXTS), axis=1) >= 0.99)


def test_the_packaged_model_is_supported() -> None:
    """The model that every index has by default goes the fast way."""
    assert bert.is_supported(SentenceTransformer(str(export.packaged_model()), device="cpu"))


def test_both_graphs_share_one_file_of_weights(tmp_path: Path) -> None:
    """Every large constant of either graph lies at the same place of the same file."""
    export.load().write(tmp_path, "int8")
    places: list[dict[str, dict[str, str]]] = []
    for name in (ENCODER, ENCODER_TOGETHER):
        held = onnx.load(tmp_path / name, load_external_data=False).graph.initializer
        places.append({one.name: {e.key: e.value for e in one.external_data} for one in held if one.external_data})
    assert places[0] == places[1]
    assert {place["location"] for place in places[0].values()} == {ENCODER_WEIGHTS}
    assert len(places[0]) > 100


def test_graphs_of_other_weights_share_no_file(tmp_path: Path, tokenizer: PreTrainedTokenizerFast) -> None:
    """A second graph whose weights are not the first's is refused, not written over it."""
    model = SentenceTransformer(str(stored(tmp_path, bert_of(tokenizer), tokenizer, "mean")), device="cpu")
    bert.write(model, tmp_path)
    one = onnx.load(tmp_path / ENCODER)
    other = onnx.load(tmp_path / ENCODER)
    table = next(held for held in other.graph.initializer if held.name == "words")
    table.raw_data = bytes(len(table.raw_data))
    with pytest.raises(ValueError, match="the weights of two are not those of the graph before it"):
        graphs.save({"one": one, "two": other}, tmp_path)


@pytest.mark.parametrize("kind", ["packaged", "small"])
def test_no_product_is_cut_off(tmp_path: Path, tokenizer: PreTrainedTokenizerFast, kind: str) -> None:
    """Every product of a graph equals NumPy's in whole numbers, on any processor.

    Without dot-product instructions two products of bytes share 16 bits.
    """
    held = (
        export.load()
        if kind == "packaged"
        else export.load(str(stored(tmp_path, bert_of(tokenizer), tokenizer, "mean")))
    )
    held.write(tmp_path, "int8")
    path = tmp_path / ENCODER
    graph = onnx.load(path)
    nodes = [node for node in graph.graph.node if node.op_type == "MatMulIntegerToFloat"]
    assert len(nodes) == {"packaged": 24, "small": 8}[kind]
    for product in nodes:
        for name in (product.input[0], product.output[0]):
            graph.graph.output.append(onnx.ValueInfoProto(name=name))
    onnx.save(graph, path)
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    constants = {one.name: numpy_helper.to_array(one) for one in graph.graph.initializer}
    library = Tokenizer.from_file(str(tmp_path / TOKENIZER))
    for text in TEXTS:
        ids = library.encode(text).ids[:60]
        values = dict(zip(names, session.run(names, {"input_ids": np.array([ids], dtype=np.int64)}), strict=True))
        for product in nodes:
            levels, integers = values[product.input[0]].astype(np.int64), constants[product.input[1]].astype(np.int64)
            expected = (levels - int(constants[product.input[4]])) @ integers * constants[product.input[3]]
            assert np.allclose(expected, values[product.output[0]], rtol=1e-5, atol=1e-4)
