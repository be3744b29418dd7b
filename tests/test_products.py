from __future__ import annotations

import math

import numpy as np
import pytest

from qa_service.products import rounded, smoothing


def test_rounded_weights_by_hand() -> None:
    """Each column has the scale of what two neighbours of one sign add up to, over 127; a column of zeros stays zero.

    The first column's are 0.635 and 0.635; the second's lie in different pairs, so its largest counts alone; the third's have
    different signs.
    """
    weights = [[0.635, 1.27, 0.02, 0.0], [0.635, 0.0, -0.0254, 0.0], [0.01, -0.635, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    integers, scales = rounded(np.array(weights, dtype=np.float32))
    assert integers.T.tolist() == [[64, 64, 1, 0], [127, 0, -64, 0], [100, -127, 0, 0], [0, 0, 0, 0]]
    assert np.allclose(scales[:3], [0.01, 0.01, 0.0002], rtol=1e-6)


def test_an_odd_channel_has_no_neighbour() -> None:
    """The last of an odd number of channels counts alone."""
    integers, scales = rounded(np.array([[0.1], [0.2], [0.5]], dtype=np.float32))
    assert integers.T.tolist() == [[25, 51, 127]]
    assert scales[0] == np.float32(0.5) / np.float32(127)


@pytest.mark.parametrize("channels", [1, 2, 31, 384])
@pytest.mark.parametrize("alike", [False, True])
def test_neighbours_never_pass_16_bits(channels: int, alike: bool) -> None:
    """Whatever bytes stand against two neighbouring weights, their products add up to a number of 16 bits."""
    draw = np.random.default_rng(channels)
    weights = np.full((channels, 50), 0.3) if alike else draw.standard_t(2, size=(channels, 50))
    integers, scales = rounded(weights.astype(np.float32))
    pairs = np.pad(integers.astype(np.int64), ((0, channels % 2), (0, 0))).reshape(-1, 2, 50)
    assert 255 * np.maximum(pairs, 0).sum(axis=1).max() <= np.iinfo(np.int16).max
    assert 255 * np.minimum(pairs, 0).sum(axis=1).min() >= np.iinfo(np.int16).min
    assert np.all(np.abs(integers * scales - weights) <= scales * 0.5001)


def test_smoothing_by_hand() -> None:
    """Peaks of 1, 1 and 32 with equal weights: 32 ** .6 is 8; over their mean of 10 / 3 they are 2 ** -2, 2 ** -2, 2 ** 1."""
    got = smoothing(np.array([1.0, 1.0, 32.0], dtype=np.float32), np.ones((3, 4), dtype=np.float32))
    expected = [2.0 ** round(math.log2(x / (10 / 3))) for x in (1.0, 1.0, 8.0)]
    assert got.tolist() == expected == [0.25, 0.25, 2.0]


def test_smoothing_without_a_peak() -> None:
    """A channel that is never active, or is never read, gets a finite factor."""
    got = smoothing(np.array([0.0, 1.0], dtype=np.float32), np.array([[0.0], [0.5]], dtype=np.float32))
    assert np.all(np.isfinite(got))
    assert np.all(got > 0.0)
