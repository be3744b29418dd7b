"""How an ONNX graph is stored: its weights in a file of their own, which a session maps and processes share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qa_service.artifact.manifest import ENCODER, ENCODER_WEIGHTS

if TYPE_CHECKING:
    import onnx

# Smaller constants stay in the graph; shape arithmetic needs them when it is loaded.
_INLINE_BYTES = 1_024


def save(model: onnx.ModelProto, folder: Path) -> None:
    """Write the graph and its weights into a folder, over what is there."""
    import onnx  # noqa: PLC0415 (only a build has it)

    weights = folder / ENCODER_WEIGHTS
    weights.unlink(missing_ok=True)  # the library would append
    onnx.save(
        model,
        folder / ENCODER,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=ENCODER_WEIGHTS,
        size_threshold=_INLINE_BYTES,
    )
    weights.touch()
    weights.chmod(0o644)  # the library's 0600 would shut out a server that runs as another user
