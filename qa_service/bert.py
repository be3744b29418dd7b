"""A BERT encoder as a graph of 8-bit matrix products, written node by node. It runs at the build only.

A token's rows depend on its text alone, not on what shares a run, so several texts may lie end to end in one run, where attention
keeps them apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa_service import graphs
from qa_service.artifact.manifest import ENCODER, ENCODER_TOGETHER
from qa_service.domain import Floats
from qa_service.graphs import CONTRIBUTED, Graph
from qa_service.products import Products, smoothing

if TYPE_CHECKING:
    import onnx
    from sentence_transformers import SentenceTransformer

_POOLINGS = ("mean", "cls")
_KINDS = "embeddings.token_type_embeddings.weight"
# How many texts the second graph takes in a run. More gain little: benchmarks/speed/LOG.md.
_TOGETHER = 4
# Texts of random tokens show which channels tower; real ones, 300 of the seed, gave the same cosines.
_SAMPLE_TEXTS = 32
_SAMPLE_TOKENS = 24


def is_supported(model: SentenceTransformer) -> bool:
    """Whether a model is a BERT as it was published, mean or first token pooled, and nothing else."""
    modules = list(model)
    config: Any = getattr(getattr(modules[0], "auto_model", None), "config", None)
    rest = [type(module).__name__ for module in modules[1:]]
    return (
        getattr(config, "model_type", "") == "bert"
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
        and rest in (["Pooling"], ["Pooling", "Normalize"])
        and modules[1].pooling_mode in _POOLINGS
    )


def write(model: SentenceTransformer, folder: Path) -> None:
    """Write two graphs over the same weights, both without padding.

    `ENCODER` takes token ids, shape (1, tokens), to a unit vector, shape (1, dimension). `ENCODER_TOGETHER` takes four texts
    that lie end to end: `ids` and `positions` of their tokens, shape (all tokens,), and their `lengths`, shape (4,), each at
    least 1, to unit vectors, shape (4, dimension). A text gets the same vector from either, to the last bit.
    """
    transformer: Any = model[0]
    weights = {
        name: tensor.detach().cpu().float().numpy() for name, tensor in transformer.auto_model.state_dict().items()
    }
    config, peaks, pooling = transformer.auto_model.config, _channel_peaks(model), str(model[1].pooling_mode)
    built = {
        name: _Bert(weights, config, peaks, texts).build(pooling)
        for name, texts in ((ENCODER, 1), (ENCODER_TOGETHER, _TOGETHER))
    }
    graphs.save(built, folder)


def _channel_peaks(model: SentenceTransformer) -> dict[str, Floats]:
    """The largest absolute input of each channel of each linear layer, by the layer's name, over texts of random tokens."""
    import torch  # noqa: PLC0415 (heavy; only a build needs it)

    transformer: Any = model[0]
    tokenizer, bert = model.tokenizer, transformer.auto_model
    peaks: dict[str, Floats] = {}

    def watch(name: str) -> Any:  # noqa: ANN401 (a hook of torch)
        def hook(_module: object, inputs: tuple[Any, ...], _output: object) -> None:
            seen = inputs[0].abs().flatten(0, -2).amax(0).numpy()
            peaks[name] = np.maximum(peaks[name], seen) if name in peaks else seen

        return hook

    hooks = [m.register_forward_hook(watch(n)) for n, m in bert.named_modules() if isinstance(m, torch.nn.Linear)]
    ordinary = np.setdiff1d(np.arange(bert.config.vocab_size), tokenizer.all_special_ids)
    drawn = np.random.default_rng(0).choice(ordinary, (_SAMPLE_TEXTS, _SAMPLE_TOKENS))
    ends = np.full((_SAMPLE_TEXTS, 1), 1)
    ids = np.concatenate((ends * tokenizer.cls_token_id, drawn, ends * tokenizer.sep_token_id), axis=1)
    try:
        with torch.no_grad():
            bert(input_ids=torch.from_numpy(ids))
    finally:
        for hook in hooks:
            hook.remove()
    return peaks


class _Bert:
    """Builds a graph of one model. Between the embeddings and the pooling, tensors have shape (1, all tokens, width)."""

    def __init__(self, weights: dict[str, Floats], config: Any, peaks: dict[str, Floats], texts: int) -> None:  # noqa: ANN401 (transformers')
        self._weights = weights
        self._config = config
        self._peaks = peaks
        self._texts = texts
        self._graph = Graph()
        self._node, self._constant = self._graph.node, self._graph.constant
        self._first, self._second = (self._constant(f"axis_{i}", np.array([i], np.int64)) for i in range(2))

    def build(self, pooling: str) -> onnx.ModelProto:
        """The whole graph."""
        from onnx import helper  # noqa: PLC0415 (only a build has it)

        inputs, ids, count, places = self._inputs()
        rows = self._node("Concat", self._second, count, self._second, axis=0)
        self._products = Products(self._graph, rows, self._peaks)
        x = self._embeddings(ids, places)
        for number in range(self._config.num_hidden_layers):
            x = self._layer(x, f"encoder.layer.{number}.")
        pooled = self._joint([self._pooled(text, pooling) for text in self._apart(x)], 0)
        self._node("LpNormalization", pooled, outputs=["embedding"], axis=-1, p=2)
        outputs = [helper.make_tensor_value_info("embedding", _types().FLOAT, [self._texts, self._config.hidden_size])]
        return self._graph.model("bert", inputs, outputs)

    def _inputs(self) -> tuple[list[onnx.ValueInfoProto], str, str, str]:
        """The graph's inputs; the ids of all tokens, shape (1, all tokens), how many they are, and the rows of their places."""
        from onnx import helper  # noqa: PLC0415 (only a build has it)

        def integers(name: str, *shape: int | str) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, _types().INT64, shape)

        held = self._weights["embeddings.position_embeddings.weight"] + self._weights[_KINDS][0]
        table = self._constant("places", held)
        if self._texts == 1:
            count = self._node("Shape", "input_ids", start=1)
            places = self._node("Slice", table, self._first, count, self._first)
            return [integers("input_ids", 1, "tokens")], "input_ids", count, places
        inputs = [integers("ids", "all"), integers("positions", "all"), integers("lengths", self._texts)]
        ids = self._node("Unsqueeze", "ids", self._first)
        return inputs, ids, self._node("Shape", "ids"), self._node("Gather", table, "positions")

    def _apart(self, x: str) -> list[str]:
        """The part of each text."""
        if self._texts == 1:
            return [x]
        parts = [f"{x}_of_{text}" for text in range(self._texts)]
        self._node("Split", x, "lengths", axis=1, outputs=parts)
        return parts

    def _joint(self, parts: list[str], axis: int) -> str:
        return parts[0] if self._texts == 1 else self._node("Concat", *parts, axis=axis)

    def _pooled(self, x: str, pooling: str) -> str:
        """One text's rows to one row, shape (1, width)."""
        if pooling == "mean":
            return self._node("ReduceMean", x, self._second, keepdims=0)
        return self._node("Gather", x, self._constant("number_0", np.array(0, np.int64)), axis=1)

    def _embeddings(self, ids: str, places: str) -> str:
        """Words, places and the one kind of token; the table of words in float16, with an error below 0.05 %."""
        words = self._constant("words", self._weights["embeddings.word_embeddings.weight"].astype(np.float16))
        found = self._node("Cast", self._node("Gather", words, ids), to=_types().FLOAT)
        return self._normalised(self._node("Add", found, places), "embeddings.LayerNorm")

    def _layer(self, x: str, name: str) -> str:
        kernels = {
            part: np.ascontiguousarray(self._weights[f"{name}{part}.weight"].T)
            for part in (
                "attention.self.query",
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "intermediate.dense",
                "output.dense",
            )
        }
        # What the biases of values add is the same for every token, for the weights of attention add up to one.
        carried = self._weights[f"{name}attention.self.value.bias"] @ kernels["attention.output.dense"]
        attended = self._attention(x, name, kernels)
        bias = self._constant(f"{name}carried", self._weights[f"{name}attention.output.dense.bias"] + carried)
        # The biases of the layer's last product come early, with the normalisation, whose rows are added to that product; the
        # first product reads these rows too, and its own biases take off what they bring.
        ahead = self._weights[f"{name}output.dense.bias"]
        x = self._residual(self._node("Add", attended, bias), x, f"{name}attention.output", ahead)
        inner = self._products.smoothed(x, f"{name}intermediate.dense", kernels["intermediate.dense"])
        given = self._weights[f"{name}intermediate.dense.bias"] - ahead @ kernels["intermediate.dense"]
        # By the tanh formula (Hendrycks and Gimpel, 2016): within 0.0005 of GELU, in two thirds of the time.
        gelu = self._node("FastGelu", inner, self._constant(f"{name}inner", given), domain=CONTRIBUTED)
        return self._residual(
            self._products.of_gelu(gelu, f"{name}output.dense", kernels["output.dense"]), x, f"{name}output"
        )

    def _attention(self, x: str, name: str, kernels: dict[str, Floats]) -> str:
        """Attention up to its last product. What that product's input is divided by, the values' weights are already.

        The biases of keys are left out: they add the same to all scores of a query, which its softmax takes off again.
        """
        parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
        last = f"{name}attention.output.dense"
        factors = smoothing(self._peaks[last], kernels["attention.output.dense"])
        inputs = np.concatenate((kernels[parts[0]], kernels[parts[1]], kernels[parts[2]] / factors), axis=1)
        joined = self._products.smoothed(x, f"{name}{parts[0]}", inputs)
        width, heads = self._config.hidden_size, self._config.num_attention_heads
        thirds = self._constant("thirds", np.array([width] * 3, np.int64))
        split = [f"{name}{part}" for part in ("q", "k", "v")]
        self._node("Split", joined, thirds, axis=2, outputs=split)
        query = self._node("Add", split[0], self._held(f"{name}{parts[0]}.bias"))
        texts = zip(*(self._apart(one) for one in (query, *split[1:])), strict=True)
        mixed = [self._node("Attention", *one, q_num_heads=heads, kv_num_heads=heads) for one in texts]
        return self._products.plain(self._joint(mixed, 1), last, kernels["attention.output.dense"] * factors[:, None])

    def _residual(self, x: str, before: str, name: str, ahead: Floats | float = 0.0) -> str:
        """The sum of x and what was before it, normalised, with something added to each row."""
        return self._normalised(self._node("Add", x, before), f"{name}.LayerNorm", ahead)

    def _normalised(self, x: str, name: str, ahead: Floats | float = 0.0) -> str:
        scale = self._held(f"{name}.weight")
        bias = self._constant(f"{name}.bias", self._weights[f"{name}.bias"] + ahead)
        return self._node("LayerNormalization", x, scale, bias, axis=-1, epsilon=self._config.layer_norm_eps)

    def _held(self, name: str) -> str:
        return self._constant(name, self._weights[name])


def _types() -> Any:  # noqa: ANN401 (onnx')
    from onnx import TensorProto  # noqa: PLC0415 (only a build has it)

    return TensorProto
