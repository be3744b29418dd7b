"""What one engineer writes in an afternoon: a FAQ behind sentence-transformers, FAISS and FastAPI, all at their defaults.

`FAQ` names a JSON file of entries and `MODEL` the folder of a model; run it with `uvicorn benchmarks.speed.afternoon:app`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import faiss
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

entries = json.loads(Path(os.environ["FAQ"]).read_text("utf-8"))
model = SentenceTransformer(os.environ["MODEL"])
vectors = model.encode([entry["question"] for entry in entries], normalize_embeddings=True)
index = faiss.IndexFlatIP(vectors.shape[1])
index.add(vectors)

app = FastAPI()


class Ask(BaseModel):
    """A question, and how many entries to return."""

    question: str
    top: int = 3


@app.post("/ask")
def ask(asked: Ask) -> list[dict[str, Any]]:
    """The nearest entries, best first, each with its cosine."""
    vector = model.encode([asked.question], normalize_embeddings=True)
    scores, places = index.search(vector, min(asked.top, len(entries)))
    return [{**entries[place], "score": float(score)} for score, place in zip(scores[0], places[0], strict=True)]
