"""Text to unit vector, with ONNX Runtime: the one room of serving that knows the model."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, repeat
from pathlib import Path

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from qa_service.domain import Floats, ModelCard
from qa_service.tokens import TokenIds

Encode = Callable[[Sequence[str]], Floats]

_CHUNK = 32
# A text's products are too small for more threads to gain anything.
_MOST_SEATS = 4
# Two runs at once are seldom the last: for so long, no text gets the other processors too.
_CROWDED_SECONDS = 0.1


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

    A text's vector depends on nothing but the text, to the last bit: no text is padded, and in the graph that takes several
    in a run, each row of activations is rounded by itself. Runs on several threads at once are safe and are how the
    processors are filled. A single text that comes while nothing else runs is computed on several processors.
    """

    def __init__(
        self,
        model: Path,
        tokenizer: Path,
        card: ModelCard,
        together: Path | None = None,
        seats: Sequence[int] | None = None,
    ) -> None:
        """Open an exported model.

        Args:
            model: the graph that takes one text.
            tokenizer: its file.
            card: what is known of the model.
            together: the graph that takes several texts, over the same weights; None where the model has none.
            seats: the processors that may compute a single text together; None for all that this process may use. With
                fewer than two, a text is computed by its caller alone.
        """
        # Where single texts run side by side, each on several threads, they hinder each other; they would have to go
        # through the other graph, so without it there is but one thread.
        self._seats = tuple(processors() if seats is None else seats)[:_MOST_SEATS] if together else ()
        self._alone = _session(model, self._seats)
        self._together = _session(together, ()) if together else None
        self._places = self._together.get_inputs()[-1].shape[0] if self._together else 1
        self._moved = threading.local()
        self._lock = threading.Lock()
        self._running = 0
        self._crowded_until = 0.0
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(card.max_tokens)
        self._token_ids = TokenIds(self._tokenizer)
        self.card = card

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
        tokens = [self._token_ids(prompt + text) for text in texts]
        parts = [self._embed(tokens[i : i + self._places]) for i in range(0, len(tokens), self._places)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _embed(self, tokens: list[list[int]]) -> Floats:
        """The vectors of as many texts as share a run, or fewer."""
        with self._lock:
            now = time.monotonic()
            if self._running:
                self._crowded_until = now + _CROWDED_SECONDS
            crowded = now < self._crowded_until
            self._running += 1
        try:
            if self._together is None or (len(tokens) == 1 and not (crowded and len(self._seats) > 1)):
                self._sit_apart()
                ids = np.array(tokens, dtype=np.int64)
                return np.asarray(self._alone.run(None, {"input_ids": ids})[0])
            self._sit_back()
            # A place that is not taken costs one token.
            lengths = [len(ids) for ids in tokens] + [1] * (self._places - len(tokens))
            all_ids = [*chain.from_iterable(tokens), *repeat(0, self._places - len(tokens))]
            given = {
                "ids": np.array(all_ids, dtype=np.int64),
                "positions": np.fromiter(chain.from_iterable(map(range, lengths)), dtype=np.int64, count=len(all_ids)),
                "lengths": np.array(lengths, dtype=np.int64),
            }
            return np.asarray(self._together.run(None, given)[0][: len(tokens)])
        finally:
            with self._lock:
                self._running -= 1

    def _sit_apart(self) -> None:
        """Move off the processors of the session's own threads; on one with a thread that waits for it, each would stop both."""
        if len(self._seats) > 1 and os.sched_getaffinity(0) <= set(self._seats[1:]):
            self._moved.home = os.sched_getaffinity(0)
            _move(self._seats[:1])

    def _sit_back(self) -> None:
        """Back to where the thread was kept by whoever started it."""
        if home := getattr(self._moved, "home", None):
            self._moved.home = None
            _move(home)


def _move(seats: Iterable[int]) -> None:
    with contextlib.suppress(OSError):  # they were taken from us meanwhile
        os.sched_setaffinity(0, seats)


def _session(model: Path, seats: Sequence[int]) -> ort.InferenceSession:
    """A session that computes in its caller's thread and in one of its own on each seat but the first."""
    threads = max(1, len(seats))
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    if threads > 1:
        # The library counts processors from 1.
        options.add_session_config_entry("session.intra_op_thread_affinities", ";".join(str(x + 1) for x in seats[1:]))
    options.inter_op_num_threads = 1
    # Threads that share a text wait for each other in loops while it is computed, and sleep as soon as it is done.
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if threads > 1 else "0")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
