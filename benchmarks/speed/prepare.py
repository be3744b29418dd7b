"""Sets the table: the FAQ as a file, the index of this project, txtai's index. A process of its own, gone before the loads.

`python -m benchmarks.speed.prepare FOLDER [INDEX]` fills the folder; an index that is there already is not built again.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from pathlib import Path

from benchmarks.speed.contenders import is_txtai_here
from qa_service import loaders
from qa_service.build import BuildRequest, build
from qa_service.domain import Entry
from qa_service.export import load, packaged_model

ROOT = Path(__file__).parent.parent.parent
FAQ = "faq.json"
INDEX = "index"
TXTAI_INDEX = "txtai"
TXTAI_CONFIG = "txtai.yml"
MODEL = "model"


def entries_of_seed() -> list[Entry]:
    """The entries of the seed FAQ."""
    return [entry for document in loaders.load([ROOT / "data"]) for entry in document.entries]


def write_txtai(folder: Path, entries: list[Entry], model: Path) -> None:
    """Index the FAQ with txtai, and write the configuration with which its API serves that index."""
    embeddings = importlib.import_module("txtai").Embeddings(path=str(model), content=True)
    embeddings.index([(entry.id, f"{entry.question}\n{entry.answer}", None) for entry in entries])
    embeddings.save(str(folder / TXTAI_INDEX))
    # JSON is YAML, and quotes paths safely.
    config = {
        "path": str(folder / TXTAI_INDEX),
        "writable": False,
        "embeddings": {"path": str(model), "content": True},
    }
    (folder / TXTAI_CONFIG).write_text(json.dumps(config), "utf-8")


def main() -> None:
    """Fill the folder."""
    folder = Path(sys.argv[1])
    entries, model = entries_of_seed(), packaged_model()
    held = [{"id": e.id, "question": e.question, "answer": e.answer} for e in entries]
    (folder / FAQ).write_text(json.dumps(held), "utf-8")
    (folder / MODEL).symlink_to(model)
    if len(sys.argv) > 2:  # noqa: PLR2004 (the optional argument)
        shutil.copytree(sys.argv[2], folder / INDEX)
    else:
        build(BuildRequest([ROOT / "data"], folder / INDEX, ROOT / "data" / loaders.LABELS_NAME), load)
    if is_txtai_here():
        write_txtai(folder, entries, folder / MODEL)


if __name__ == "__main__":
    main()
