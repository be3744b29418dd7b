"""Matrix products of 8-bit numbers, as nodes of a graph. They are written at the build only.

Each row of activations (a token) has a scale of its own, so a product's row depends on nothing beside it; each column of weights
has one too. A channel that towers above the rest is scaled down before it is rounded, and the weights that read it are scaled up
(Xiao et al., "SmoothQuant", ICML 2023, equation 4). ONNX Runtime's own dynamic quantisation has one scale for all rows, and its
blockwise product computes 3 times longer than the products themselves take; benchmarks/speed/LOG.md has the figures.

Processors without dot-product instructions multiply the bytes of two neighbouring channels and add both products in 16 bits,
where they may be cut off. Weights are rounded so that they never are: every processor gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qa_service.domain import Floats
from qa_service.graphs import CONTRIBUTED, Graph

Bytes = NDArray[np.int8]

# An activation is a byte, at most 255, and 255 * 128 is the most that 16 bits hold of the kind. Weights of two neighbours that
# add up to 127 before they are rounded come to at most 128.
_LEVELS = 127
_ZERO = 128
# GELU never falls below -0.16998, so a few levels below zero are enough for its rows.
_GELU_LOWEST = 0.17
_GELU_ZERO = 32
_GELU_LEVELS = 255 - _GELU_ZERO
_MIGRATED = 0.6


def smoothing(peaks: Floats, weights: Floats) -> Floats:
    """What each input channel of a product is divided by, and its weights multiplied: powers of two, so nothing is rounded.

    Args:
        peaks: the largest absolute activation of each channel, shape (channels,).
        weights: shape (channels, outputs).
    """
    peaks, largest = np.maximum(peaks, 1e-5), np.maximum(np.abs(weights).max(axis=1), 1e-5)
    factors = peaks**_MIGRATED / largest ** (1.0 - _MIGRATED)
    powers: Floats = np.exp2(np.round(np.log2(factors / factors.mean()))).astype(np.float32)
    return powers


def rounded(weights: Floats) -> tuple[Bytes, Floats]:
    """Weights, shape (inputs, outputs), as integers, and the scale of each output.

    Of two neighbouring inputs (the first and second, the third and fourth, and so on), those of one sign add up to at most 128,
    and none is beyond 127.
    """
    outputs = weights.shape[1]
    pairs = np.pad(weights, ((0, len(weights) % 2), (0, 0))).reshape(-1, 2, outputs)
    above, below = (np.maximum(signed, 0.0).sum(axis=1).max(axis=0) for signed in (pairs, -pairs))
    scales = np.maximum(np.maximum(above, below), 1e-12).astype(np.float32) / np.float32(_LEVELS)
    return np.clip(np.round(weights / scales), -_LEVELS, _LEVELS).astype(np.int8), scales


class Products:
    """Adds products to a graph. Rows of activations have shape (1, rows, channels)."""

    def __init__(self, graph: Graph, rows: str, peaks: Mapping[str, Floats]) -> None:
        """Prepare a graph for them.

        Args:
            graph: what they are added to.
            rows: the name of a tensor that holds the shape (1, rows, 1).
            peaks: the largest absolute input of each channel of each product that `smoothed` is asked for, by its name.
        """
        self._graph = graph
        self._peaks = peaks
        self._last = graph.constant("axis_2", np.array([2], np.int64))
        self._one = graph.constant("one", np.array(1.0, np.float32))
        self._zero = graph.constant("zero", np.array(_ZERO, np.uint8))
        self._gelu_zero = graph.constant("gelu_zero", np.array(_GELU_ZERO, np.uint8))
        self._level = graph.constant("level", np.array(1.0 / _LEVELS, np.float32))
        self._zeros, self._gelu_zeros = (graph.node("Expand", z, rows) for z in (self._zero, self._gelu_zero))

    def smoothed(self, x: str, name: str, kernel: Floats) -> str:
        """The same as `plain`, of channels that are evened out first."""
        factors = smoothing(self._peaks[name], kernel)
        smooth = self._graph.node("Mul", x, self._graph.constant(f"{name}.factors", 1.0 / factors))
        return self.plain(smooth, name, kernel * factors[:, None])

    def plain(self, x: str, name: str, kernel: Floats) -> str:
        """The product of x and kernel, each row of x rounded to 255 levels around zero."""
        peak = self._graph.node("ReduceMax", self._graph.node("Abs", x), self._last, keepdims=1)
        scale = self._graph.node("Mul", peak, self._level)
        return self._at(scale, x, name, kernel, (self._zero, self._zeros))

    def of_gelu(self, x: str, name: str, kernel: Floats) -> str:
        """The same for rows that reach from -0.17 up: at 32 levels below zero and 223 above."""
        level = self._graph.constant("gelu_level", np.array(1.0 / _GELU_LEVELS, np.float32))
        least = self._graph.constant("gelu_least", np.array(_GELU_LOWEST / _GELU_ZERO, np.float32))
        peak = self._graph.node("ReduceMax", x, self._last, keepdims=1)
        scale = self._graph.node("Max", self._graph.node("Mul", peak, level), least)
        return self._at(scale, x, name, kernel, (self._gelu_zero, self._gelu_zeros))

    def _at(self, scale: str, x: str, name: str, kernel: Floats, zero: tuple[str, str]) -> str:
        """The product of x, each row rounded at its scale and zero (once, and for each row), and the rounded kernel."""
        levels = self._graph.node("QuantizeLinear", x, scale, zero[1], axis=2, block_size=len(kernel))
        integers, scales = rounded(kernel)
        product = self._graph.node(
            "MatMulIntegerToFloat",
            levels,
            self._graph.constant(f"{name}.integers", integers),
            self._one,
            self._graph.constant(f"{name}.scales", scales),
            zero[0],
            domain=CONTRIBUTED,
        )
        return self._graph.node("Mul", product, scale)
