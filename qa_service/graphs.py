"""How an ONNX graph is written and stored: its weights in a file of their own, which a session maps and processes share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa_service.artifact.manifest import ENCODER_WEIGHTS

if TYPE_CHECKING:
    import onnx

# Smaller constants stay in the graph; shape arithmetic needs them when it is loaded.
_INLINE_BYTES = 1_024
# Which nodes there are, and how the file is laid out.
_OPSET = 23
_IR_VERSION = 11
CONTRIBUTED = "com.microsoft"  # the domain of ONNX Runtime's own nodes


class Graph:
    """A graph that is written node by node."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def constant(self, name: str, value: NDArray[Any]) -> str:
        """The name of a constant, which is added where the graph has none of that name."""
        from onnx import numpy_helper  # noqa: PLC0415 (only a build has it)

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.asarray(value, order="C"), name)
        return name

    def node(self, kind: str, *inputs: str, domain: str = "", outputs: Sequence[str] = (), **attributes: object) -> str:
        """Add a node; the name of its first output, which is new where `outputs` name none."""
        from onnx import helper  # noqa: PLC0415 (only a build has it)

        named = list(outputs) or [f"{kind}_{len(self._nodes)}"]
        self._nodes.append(helper.make_node(kind, list(inputs), named, domain=domain, **attributes))
        return named[0]

    def model(
        self, name: str, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """The whole graph as it stands."""
        from onnx import helper  # noqa: PLC0415 (only a build has it)

        graph = helper.make_graph(self._nodes, name, inputs, outputs, list(self._constants.values()))
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(CONTRIBUTED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)


def save(models: Mapping[str, onnx.ModelProto], folder: Path) -> None:
    """Write graphs and their weights into a folder, over what is there.

    Args:
        models: by the name of their file. The large weights of all must be those of the first, in its order: they share
            one file.
        folder: where they go.

    Raises:
        ValueError: the weights are not the same.
    """
    import onnx  # noqa: PLC0415 (only a build has it)

    weights, written = folder / ENCODER_WEIGHTS, b""
    for name, model in models.items():
        weights.unlink(missing_ok=True)  # the library would append
        onnx.save(
            model,
            folder / name,
            save_as_external_data=True,
            all_tensors_to_one_file=True,
            location=ENCODER_WEIGHTS,
            size_threshold=_INLINE_BYTES,
        )
        weights.touch()
        held = weights.read_bytes()
        if written not in (b"", held):
            raise ValueError(f"the weights of {name} are not those of the graph before it")
        written = held
    weights.chmod(0o644)  # the library's 0600 would shut out a server that runs as another user
