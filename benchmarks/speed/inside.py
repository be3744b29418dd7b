"""What is measured in a process that holds the encoder itself. A process of its own: the harness stays small.

`python -m benchmarks.speed.inside JOB` reads a job, as `run.py` writes it, and prints its figures as JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from benchmarks.speed import encoder as alone
from benchmarks.speed import floor, overhead
from benchmarks.speed.questions import Pool, Supply, of_project

ROOT = Path(__file__).parent.parent.parent
LENGTHS = (8, 16, 25, 32, 64, 128)
BATCH = 256
_WARM = 20
_TEXTS = 32


def count_tokens(tokenizer: Tokenizer, pool: Pool, stretches: list[tuple[int, int]]) -> dict[str, float]:
    """How many questions were asked in all stretches of the pool, and their average of tokens."""
    total, asked = 0, 0
    for start, count in stretches:
        encoded = tokenizer.encode_batch([pool.question(start + i) for i in range(count)])
        total += sum(len(one.ids) for one in encoded)
        asked += count
    return {"asked": asked, "average_tokens": total / asked}


def measure(job: dict[str, Any]) -> dict[str, Any]:
    """All figures of a job."""
    folder, rounds, repeats = Path(job["folder"]), int(job["rounds"]), int(job["repeats"])
    pool = of_project(ROOT)
    supply = Supply(pool, job["next_number"])
    encoder, tokenizer = alone.open_encoder(folder / "index", ())
    as_served, _ = alone.open_encoder(folder / "index", None)  # where a question that comes alone has all processors
    warm = supply.take(_WARM)
    encoder.encode_queries(warm)
    blocks = [supply.take(2 * repeats) for _ in range(rounds)]
    questions = supply.take(_TEXTS * max(LENGTHS))
    texts = {tokens: alone.texts_of_length(tokenizer, questions, tokens, _TEXTS) for tokens in LENGTHS}
    floor.write(folder / "floor.onnx")
    found = {
        "overhead": overhead.measure(as_served, job["port"], blocks, supply.take(_WARM)),
        "lengths": alone.lengths(encoder, texts, floor.Products(folder / "floor.onnx"), rounds, repeats),
        "batch": alone.batches(encoder, [supply.take(BATCH) for _ in range(job["batches"])]),
    }
    found["overhead"]["average_tokens"] = statistics.mean(
        alone.tokens_of(tokenizer, question) for block in blocks for question in block
    )
    stretches = [(start, count) for start, count in job["stretches"]]
    return {"encoder": found, "questions": count_tokens(tokenizer, pool, stretches)}


def main() -> None:
    """Read the job, measure, print."""
    job = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    print(json.dumps(measure(job)))


if __name__ == "__main__":
    main()
