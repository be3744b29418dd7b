"""A publish that can be struck: gets ready, says so, waits for a line, publishes the staged content, and ends.

Run by `faults.py` under strace, which kills or fails it at one system call between the line and the end.
"""

from __future__ import annotations

import sys
from pathlib import Path

from qa_service.artifact.manifest import FILES, Canary, Manifest, record
from qa_service.artifact.publish import locked, prune, publish, staging
from qa_service.domain import ModelCard


def manifest_of(folder: Path, name: str) -> Manifest:
    """A manifest for a folder whose files are stand-ins; publishing never looks inside them."""
    card = ModelCard(name, "0" * 64, "0" * 64, "mean", True, 4, 16, "fp32")
    files = {file: record(folder / file) for file in FILES}
    return Manifest(1, files, card, 1, 2, {}, ("en",), (Canary("x", (1.0, 0.0, 0.0, 0.0)),), {})


def main() -> None:
    """Publish content that depends on the second argument below the folder in the first."""
    root, name, wait = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "wait"
    with locked(root), staging(root) as folder:
        for file in FILES:
            (folder / file).write_bytes(f"{file} of {name}".encode() * 50)
        manifest = manifest_of(folder, name)
        if wait:
            print("ready", flush=True)
            sys.stdin.readline()
        version, _ = publish(root, folder, manifest)
        prune(root, 3)
        print(version, flush=True)


if __name__ == "__main__":
    main()
