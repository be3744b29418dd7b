"""Small plots as inline SVG: no script, no font, no resource from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

# What a page that shows plots puts into its style sheet. Without it, shapes are drawn in the colour of the text.
STYLE = """
svg.plot { display: block; width: 100%; max-width: 30rem; height: auto; font: 12px system-ui, sans-serif; }
.plot text { fill: var(--ink); } .plot .axis { stroke: var(--ink); } .plot .grid { stroke: var(--rule); }
.plot .good { --c: var(--good); } .plot .bad { --c: var(--bad); } .plot .other { --c: var(--other); }
.plot .pale { --c: var(--pale); }
.plot .bar { fill: var(--c); } .plot .line { stroke: var(--c); } .plot .dot { fill: var(--c); stroke: var(--paper); }
.plot .mark { stroke: var(--ink); }
"""
_WIDTH, _HEIGHT = 360, 264
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 346, 30, 222
_MOST_TICKS = 6
_LEAST_BAR = 2.0


def ticks(top: float, most: int = _MOST_TICKS) -> list[float]:
    """Round numbers from 0 to at least `top`, at most `most` of them, in steps of 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(top / (most - 1)))
    step = next(m * power for m in (1, 2, 5, 10, 20) if math.ceil(round(top / (m * power), 9)) < most)
    return [round(step * i, 9) for i in range(math.ceil(round(top / step, 9)) + 1)]


class Plot:
    """A plot whose x axis is [0, 1] and whose y axis goes from 0 to a round number at or above `y_top`.

    Args:
        ident: the id of the element, unique in its page.
        title: what is shown.
        description: what the plot says, for those who can't see it.
        x_label: below the x axis.
        y_label: above the y axis.
        y_top: the largest y.
    """

    def __init__(  # noqa: PLR0913 (each is a text of the plot)
        self, ident: str, title: str, description: str, x_label: str, y_label: str, y_top: float = 1.0
    ) -> None:
        self._ident, self._title, self._description = map(escape, (ident, title, description))
        self._y_ticks = ticks(max(y_top, 1e-9))
        self._shapes = self._axes(escape(x_label), escape(y_label))

    def _x(self, x: float) -> str:
        return f"{_LEFT + (_RIGHT - _LEFT) * x:.1f}"

    def _y(self, y: float) -> str:
        return f"{_BOTTOM - (_BOTTOM - _TOP) * y / self._y_ticks[-1]:.1f}"

    def _axes(self, x_label: str, y_label: str) -> list[str]:
        shapes = []
        for tick in self._y_ticks:
            y = self._y(tick)
            shapes.append(self._segment("grid", str(_LEFT), y, str(_RIGHT), y, ' stroke-opacity=".3"'))
            shapes.append(f'<text x="{_LEFT - 6}" y="{y}" dy="4" text-anchor="end" fill="currentColor">{tick:g}</text>')
        for tick in ticks(1.0):
            x, y = self._x(tick), f'y="{_BOTTOM + 16}"'
            shapes.append(f'<text x="{x}" {y} text-anchor="middle" fill="currentColor">{tick:g}</text>')
        shapes.append(self._segment("axis", str(_LEFT), str(_BOTTOM), str(_RIGHT), str(_BOTTOM)))
        shapes.append(f'<text x="4" y="14" fill="currentColor">{y_label}</text>')
        middle = (_LEFT + _RIGHT) // 2
        shapes.append(f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle" fill="currentColor">{x_label}</text>')
        return shapes

    @staticmethod
    def _segment(kind: str, x1: str, y1: str, x2: str, y2: str, more: str = "") -> str:  # noqa: PLR0913 (two points)
        return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="currentColor"{more}/>'

    def line(self, xs: Sequence[float], ys: Sequence[float], kind: str) -> None:
        """Join points by a line."""
        points = " ".join(f"{self._x(x)},{self._y(y)}" for x, y in zip(xs, ys, strict=True))
        self._shapes.append(
            f'<polyline class="line {escape(kind)}" points="{points}" fill="none" stroke="currentColor" '
            'stroke-width="2" stroke-linejoin="round"/>'
        )

    def diagonal(self) -> None:
        """Draw the dashed line y = x."""
        self._shapes.append(self._dashes(self._x(0.0), self._y(0.0), self._x(1.0), self._y(1.0)))

    def mark(self, x: float, label: str) -> None:
        """Draw a dashed line from the x axis to the top, with a label on the side that has room for it."""
        place = self._x(x)
        self._shapes.append(self._dashes(place, str(_BOTTOM), place, str(_TOP)))
        left = x > 0.5  # noqa: PLR2004 (the middle)
        side = 'dx="-5" text-anchor="end"' if left else 'dx="5"'
        self._shapes.append(f'<text x="{place}" y="{_TOP + 14}" {side} fill="currentColor">{escape(label)}</text>')

    def _dashes(self, x1: str, y1: str, x2: str, y2: str) -> str:
        return self._segment("mark", x1, y1, x2, y2, ' stroke-dasharray="5 4"')

    def bars(
        self, edges: Sequence[tuple[float, float]], heights: Sequence[float], kind: str, notes: Sequence[str]
    ) -> None:
        """Draw a bar between each pair of edges, with a note for the pointer; the lowest above 0 stays visible."""
        for (low, high), height, note in zip(edges, heights, notes, strict=True):
            x, y = float(self._x(low)) + 0.5, min(float(self._y(height)), _BOTTOM - _LEAST_BAR * (height > 0))
            size = f'width="{float(self._x(high)) - x - 0.5:.1f}" height="{_BOTTOM - y:.1f}"'
            self._shapes.append(
                f'<rect class="bar {escape(kind)}" x="{x:.1f}" y="{y:.1f}" {size} fill="currentColor">'
                f"<title>{escape(note)}</title></rect>"
            )

    def dots(self, xs: Sequence[float], ys: Sequence[float], kind: str, radii: Sequence[float]) -> None:
        """Draw points, each with its radius in pixels."""
        for x, y, radius in zip(xs, ys, radii, strict=True):
            place = f'cx="{self._x(x)}" cy="{self._y(y)}"'
            self._shapes.append(f'<circle class="dot {escape(kind)}" {place} r="{radius:.1f}" fill="currentColor"/>')

    def svg(self) -> str:
        """The element, with its title and description for assistive technology."""
        return (
            f'<svg class="plot" id="{self._ident}" role="img" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
            f'height="{_HEIGHT}" font-size="12" aria-labelledby="{self._ident}-title {self._ident}-desc">'
            f'<title id="{self._ident}-title">{self._title}</title>'
            f'<desc id="{self._ident}-desc">{self._description}</desc>{"".join(self._shapes)}</svg>'
        )
