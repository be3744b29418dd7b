"""How an ONNX graph is stored: its weights in a file of their own, which a session maps and processes share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qa_service.artifact.manifest import ENCODER_WEIGHTS

if TYPE_CHECKING:
    import onnx

# Smaller constants stay in the graph; shape arithmetic needs them when it is loaded.
_INLINE_BYTES = 1_024


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
