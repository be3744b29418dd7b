"""The floor under the encoder: the 8-bit matrix products of the model and nothing else, in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort

WIDTH, INNER, LAYERS = 384, 1536, 6
# Queries, keys and values together; the output of the attention; the two halves of the feed-forward net.
SHAPES = ((WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (WIDTH, INNER), (INNER, WIDTH))


def write(path: Path) -> None:
    """Write a graph of all products of all layers, uint8 by int8 to int32, each with weights of its own."""
    from onnx import TensorProto, helper, numpy_helper, save  # noqa: PLC0415 (only the full environment has it)

    draw = np.random.default_rng(0)
    nodes, weights, outputs = [], [], []
    for layer in range(LAYERS):
        for rows, columns in SHAPES:
            name = f"layer_{layer}_{rows}_{columns}"
            values = draw.integers(-127, 128, (rows, columns), dtype=np.int8)
            weights.append(numpy_helper.from_array(values, f"{name}_weights"))
            nodes.append(helper.make_node("MatMulInteger", [f"x_{rows}", f"{name}_weights"], [name]))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.INT32, ["tokens", columns]))
    inputs = [helper.make_tensor_value_info(f"x_{n}", TensorProto.UINT8, ["tokens", n]) for n in (WIDTH, INNER)]
    graph = helper.make_graph(nodes, "products", inputs, outputs, weights)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9), path)


class Products:
    """Runs the products for a number of tokens, in one thread, from and into memory that is there already."""

    def __init__(self, path: Path) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [(output.name, output.shape[1]) for output in self._session.get_outputs()]
        self._draw = np.random.default_rng(1)

    def bind(self, tokens: int) -> Bound:
        """The products for that many tokens, ready to run."""
        binding = self._session.io_binding()
        for width in (WIDTH, INNER):
            values = self._draw.integers(0, 256, (tokens, width), dtype=np.uint8)
            binding.bind_ortvalue_input(f"x_{width}", ort.OrtValue.ortvalue_from_numpy(values))
        for name, columns in self._names:
            held = ort.OrtValue.ortvalue_from_shape_and_type([tokens, columns], np.int32)
            binding.bind_ortvalue_output(name, held)
        return Bound(self._session, binding)


class Bound:
    """The products of one number of tokens."""

    def __init__(self, session: ort.InferenceSession, binding: ort.IOBinding) -> None:
        self._session, self._binding = session, binding

    def run(self) -> None:
        """Compute all of them once."""
        self._session.run_with_iobinding(self._binding)

    def outputs(self) -> list[np.ndarray]:
        """What was computed, in the order of layers and shapes."""
        return [value.numpy() for value in self._binding.get_outputs()]
