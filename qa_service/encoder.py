"""Text to unit vector, with ONNX Runtime: the one room of serving that knows the model."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from qa_service.domain import Floats, ModelCard

Encode = Callable[[Sequence[str]], Floats]

_CHUNK = 32


def processors() -> tuple[int, ...]:
    """The numbers of the processors that this process may use; a container or `taskset` may allow fewer than there are."""
    return tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()


def usable_processors() -> int:
    """How many processors this process may use."""
    return len(processors()) or os.cpu_count() or 1


def encode_all(
    encode: Encode, texts: Sequence[str], progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Floats:
    """Embed many texts on all processors, in their order; shape (len(texts), dimension).

    `progress` is told how many texts are done, and of how many.
    """
    chunks = [texts[i : i + _CHUNK] for i in range(0, len(texts), _CHUNK)]
    parts = [encode([])]
    with ThreadPoolExecutor(usable_processors()) as pool:
        for part in pool.map(encode, chunks):
            parts.append(part)
            progress(min((len(parts) - 1) * _CHUNK, len(texts)), len(texts))
    return np.concatenate(parts)


class OnnxEncoder:
    """Embeds texts with the exported model.

    Each text runs alone and without padding. Dynamic int8 quantisation scales the activations of a whole run, so a text
    that shared its run with others would get another vector each time; alone, its vector depends on nothing but itself.
    Runs on several threads at once are safe and are how the processors are filled.
    """

    def __init__(self, model: Path, tokenizer: Path, card: ModelCard) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        self._session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(card.max_tokens)
        self.card = card

    def _embed(self, text: str) -> Floats:
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        vector: Floats = self._session.run(None, {"input_ids": ids})[0][0]
        return vector

    def encode_queries(self, texts: Sequence[str]) -> Floats:
        """Embed questions; shape (len(texts), dimension), float32, unit length."""
        return self._encode(texts, self.card.query_prompt)

    def encode_documents(self, texts: Sequence[str]) -> Floats:
        """Embed answers with their questions; shape (len(texts), dimension), float32, unit length."""
        return self._encode(texts, self.card.document_prompt)

    def beyond_window(self, text: str, prompt: str = "") -> str:
        """What of a text, after its prompt, lies beyond the tokens that the model reads; empty where it fits."""
        encoded = self._tokenizer.encode(prompt + text)
        if not encoded.overflowing:
            return ""
        return text[max(0, max(end for _, end in encoded.offsets) - len(prompt)) :].strip()

    def _encode(self, texts: Sequence[str], prompt: str) -> Floats:
        if not texts:
            return np.empty((0, self.card.dimension), dtype=np.float32)
        return np.stack([self._embed(prompt + text) for text in texts])
