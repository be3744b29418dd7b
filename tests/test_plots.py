from __future__ import annotations

import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa_service.plots import Plot, ticks


def drawn(plot: Plot) -> ET.Element:
    """The plot, parsed as strictly as XML is."""
    return ET.fromstring(plot.svg())  # noqa: S314 (made here)


def plot(y_top: float = 1.0) -> Plot:
    return Plot("p", "Title", "What it says", "x", "y", y_top)


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.05, [0, 0.01, 0.02, 0.03, 0.04, 0.05]),
        (7.0, [0, 2, 4, 6, 8]),
        (61.0, [0, 20, 40, 60, 80]),
        (1000.0, [0, 200, 400, 600, 800, 1000]),
    ],
)
def test_ticks_by_hand(top: float, expected: list[float]) -> None:
    """Ticks are round numbers."""
    assert expected == ticks(top)


@given(st.floats(1e-6, 1e9))
def test_ticks_reach_the_top(top: float) -> None:
    """The last tick is at or above the top, no more than one step; there are two to six of them."""
    held = ticks(top)
    assert 2 <= len(held) <= 6
    assert held[-1] >= top * (1 - 1e-6)
    assert held[-2] <= top * (1 + 1e-6)
    assert held == sorted(set(held))


def test_a_plot_is_an_image_with_a_name_and_a_description() -> None:
    """Assistive technology reads title and description, by ids that exist."""
    image = drawn(plot())
    assert image.get("role") == "img"
    assert image.get("aria-labelledby") == "p-title p-desc"
    assert [(e.get("id"), e.text) for e in image[:2]] == [("p-title", "Title"), ("p-desc", "What it says")]


def test_texts_are_escaped() -> None:
    """No text of a plot becomes markup."""
    hostile = '<script>alert("1")</script>&\''
    made = Plot("p", hostile, hostile, hostile, hostile)
    made.bars([(0.0, 1.0)], [1.0], "good", [hostile])
    made.mark(0.2, hostile)
    image = drawn(made)
    assert [e.text for e in image.iter() if e.text and "script" in e.text] == [hostile] * 6
    assert "<script" not in made.svg()


def test_lines_go_through_their_points() -> None:
    """The axes span 42 to 346 and 222 to 30 pixels."""
    made = plot()
    made.line([0.0, 0.5, 1.0], [0.0, 0.5, 1.0], "bad")
    line = drawn(made).find("polyline")
    assert line is not None
    assert line.get("points") == "42.0,222.0 194.0,126.0 346.0,30.0"
    assert line.get("class") == "line bad"


def test_bars_stand_on_the_axis() -> None:
    """A bar is as high as its value, one above 0 at least two pixels, one of 0 none; gaps of a pixel divide them."""
    made = plot(10.0)
    made.bars([(0.0, 0.25), (0.25, 0.5), (0.5, 0.75)], [5.0, 0.01, 0.0], "good", ["a", "b", "c"])
    bars = drawn(made).findall("rect")
    got = [(b.get("x"), b.get("y"), b.get("width"), b.get("height"), b[0].text) for b in bars]
    assert got == [
        ("42.5", "126.0", "75.0", "96.0", "a"),
        ("118.5", "220.0", "75.0", "2.0", "b"),
        ("194.5", "222.0", "75.0", "0.0", "c"),
    ]


def test_dots_marks_and_the_diagonal() -> None:
    """Points have their radius; dashed lines go over the whole plot, and a label stands on the side with room."""
    made = plot()
    made.dots([0.5], [1.0], "good", [3.25])
    made.diagonal()
    made.mark(0.25, "left")
    made.mark(0.75, "right")
    image = drawn(made)
    dot = image.find("circle")
    assert dot is not None
    assert (dot.get("cx"), dot.get("cy"), dot.get("r")) == ("194.0", "30.0", "3.2")
    dashed = [e for e in image.iter("line") if e.get("stroke-dasharray")]
    ends = [(e.get("x1"), e.get("y1"), e.get("x2"), e.get("y2")) for e in dashed]
    assert ends == [
        ("42.0", "222.0", "346.0", "30.0"),
        ("118.0", "222", "118.0", "30"),
        ("270.0", "222", "270.0", "30"),
    ]
    anchors = {e.text: e.get("text-anchor") for e in image.iter("text")}
    assert (anchors["left"], anchors["right"]) == (None, "end")


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_nothing_is_drawn_outside(points: list[tuple[float, float]]) -> None:
    """Every point lies inside the axes."""
    made = plot()
    made.line([x for x, _ in points], [y for _, y in points], "good")
    line = drawn(made).find("polyline")
    assert line is not None
    for pair in str(line.get("points")).split():
        x, y = map(float, pair.split(","))
        assert 42 <= x <= 346
        assert 30 <= y <= 222
        assert math.isfinite(x + y)
