"""400 random bit flips, cuts and zeroed tails of a real index's files, while the version before goes on serving."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path

from qa_service.api.live import LiveIndex
from qa_service.artifact import publish
from qa_service.artifact.manifest import FILES, MANIFEST
from qa_service.artifact.read import read
from qa_service.domain import Query
from qa_service.observe import Metrics, logger
from qa_service.retriever import Retriever
from tests import fakes

DAMAGES = 400
_QUESTION = Query("If our profile extension is granted, are we still certified?")


def damage(draw: random.Random, path: Path, whole: bytes) -> str:
    """Flip a bit, cut the file or zero its tail; says which."""
    kind = draw.choice(("bit flip", "truncation", "zeroed tail"))
    place = draw.randrange(len(whole))
    if kind == "bit flip":
        changed = bytearray(whole)
        changed[place] ^= 1 << draw.randrange(8)
        path.write_bytes(changed)
    elif kind == "truncation":
        path.write_bytes(whole[:place])
    else:
        path.write_bytes(whole[:place] + bytes(len(whole) - place))
    return kind if path.read_bytes() != whole else ""


def run(index: Path) -> tuple[list[str], bool]:
    """Damage a copy of the version that `index` serves, over and over, below a live index that holds another."""
    draw = random.Random(20261124)  # noqa: S311 (not for secrets)
    refused: Counter[str] = Counter()
    bad: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        held = fakes.build_index(folder).version
        root = folder / "index"
        live = LiveIndex(root, lambda f: Retriever(read(f)), Metrics(), logger("critical"))
        live.refresh()
        version = publish.current(index)
        shutil.copytree(index / version, root / version)
        publish.point_to(root, version)
        while refused.total() < DAMAGES and not bad:
            file = draw.choice((*FILES, MANIFEST))
            path = root / version / file
            whole = path.read_bytes()
            kind = damage(draw, path, whole)
            if not kind:
                continue
            live.refresh()
            serving = live.retriever().version == held and live.retriever().ask([Query("what is beta")])[0].answers
            if not serving or live.refused is None or f"{version}/{file}" not in live.refused:
                bad.append(f"{kind} of {file}: {live.refused}")
            refused[kind] += 1
            path.write_bytes(whole)
        live.refresh()
        recovered = live.retriever().version == version and live.retriever().ask([_QUESTION])[0].answers
    line = (
        f"{refused.total()} damages ({', '.join(f'{n} {k}s' for k, n in sorted(refused.items()))}): "
        f"{refused.total() - len(bad)} refused by the file's name while the version before served; "
        f"once repaired, the new version {'was taken over' if recovered else 'was NOT taken over'}."
    )
    print(line, bad[:3], flush=True)
    return [line], not bad and bool(recovered)
