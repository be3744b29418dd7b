"""Find the official answer to a question asked in one's own words, or say that there is none."""

import os

__version__ = "0.1.0"

# ONNX Runtime reports its use to its makers, and keeps a device id in the home folder, unless this is set before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
