"""Small pieces of SVG for the report: scales, axes, marks. Colours are CSS classes, so that a plot follows light and dark.

Marks carry `data-tip`, the text that the page shows beside the pointer. All text is escaped: names come from files.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

WIDTH, HEIGHT = 420.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 16.0, 14.0, 46.0

Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """From data (`low` to `high`) to pixels (`start` to `end`)."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Pixel of a value, kept within the axis' ends and a little beyond."""
        low, high, value = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        share = (value - low) / (high - low)
        return self.start + min(max(share, -0.02), 1.02) * (self.end - self.start)

    def ticks(self, count: int = 5) -> list[float]:
        """Round values within the axis, about `count`; decades (with 2 and 5 where they are few) of a log axis."""
        return _log_ticks(self.low, self.high) if self.log else nice_ticks(self.low, self.high, count)


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between `low` and `high`."""
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(decades) <= 3 else (1,)
    found = [factor * 10.0**decade for decade in decades for factor in factors]
    return [value for value in found if low * 0.999 <= value <= high * 1.001]


def padded(values: Iterable[float], share: float = 0.06) -> Point:
    """Ends of an axis that shows all `values` with some room; never of zero length."""
    found = list(values)
    low, high = min(found), max(found)
    room = (high - low) * share or max(abs(high) * share, 1e-3)
    return low - room, high + room


def number(value: float) -> str:
    """As on an axis: no superfluous zeros, a real minus sign."""
    text = f"{value:.4g}" if abs(value) < 1e5 else f"{value:.0f}"
    if "e" in text:
        mantissa, _, exponent = text.partition("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "\N{MINUS SIGN}")


@dataclass
class Plot:
    """A drawing area with two scales; marks are added in the order in which they lie on each other."""

    x: Scale
    y: Scale
    width: float = WIDTH
    height: float = HEIGHT
    parts: list[str] = field(default_factory=list)

    def axes(self, x_label: str, y_label: str, x_ticks: Sequence[float] | None = None, rows: int = 5) -> None:
        """Grid lines (about `rows`), tick labels, axis titles."""
        for value in self.y.ticks(rows):
            at = self.y(value)
            self.rule((self.x.start, at), (self.x.end, at), "grid")
            self.text(self.x.start - 7, at + 4, number(value), "tick end")
        for value in self.x.ticks() if x_ticks is None else x_ticks:
            at = self.x(value)
            self.rule((at, self.y.start), (at, self.y.start + 4), "axis")
            self.text(at, self.y.start + 18, number(value), "tick mid")
        self.rule((self.x.start, self.y.start), (self.x.end, self.y.start), "axis")
        self.text((self.x.start + self.x.end) / 2, self.y.start + 38, x_label, "label mid")
        self.y_title(y_label)

    def y_title(self, text: str) -> None:
        """The title of the vertical axis, turned."""
        at = (self.y.start + self.y.end) / 2
        turned = f'transform="rotate(-90 12 {at:.1f})"'
        self.parts.append(f'<text x="12" y="{at:.1f}" {turned} class="label mid">{escape(text)}</text>')

    def rule(self, start: Point, end: Point, css: str) -> None:
        """A straight line between pixels."""
        (x1, y1), (x2, y2) = start, end
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>')

    def text(self, x: float, y: float, text: str, css: str) -> None:
        """Text at a pixel."""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{css}">{escape(text)}</text>')

    def line(self, points: Iterable[Point], css: str, tip: str = "") -> None:
        """A line through data points."""
        path = " L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in points)
        self.parts.append(f'<path d="M{path}" class="{css}"{_tip(tip)}/>')

    def dots(self, points: Iterable[Point], css: str, tip: str = "") -> None:
        """Many round marks as one element, which share a tip: lines of no length with round ends."""
        path = "".join(f"M{self.x(x):.1f} {self.y(y):.1f}h0" for x, y in points)
        self.parts.append(f'<path d="{path}" class="dots {css}"{_tip(tip)}/>')

    def mark(self, shape: str, x: float, y: float, css: str, tip: str = "") -> None:
        """One mark at a data point: dot, diamond or triangle."""
        at = f"translate({self.x(x):.1f} {self.y(y):.1f})"
        self.parts.append(f'<path d="{SHAPES[shape]}" transform="{at}" class="mark {css}"{_tip(tip)}/>')

    def box(self, x: Point, y: Point, css: str, tip: str = "") -> None:
        """A rectangle between pixels."""
        (left, right), (top, bottom) = sorted(x), sorted(y)
        size = f'width="{right - left:.1f}" height="{bottom - top:.1f}"'
        self.parts.append(f'<rect x="{left:.1f}" y="{top:.1f}" {size} class="{css}"{_tip(tip)}/>')

    def render(self, title: str) -> str:
        """The whole SVG; `title` is what a screen reader says."""
        view = f'viewBox="0 0 {self.width:g} {self.height:g}"'
        return f'<svg {view} role="img" aria-label="{escape(title)}">{"".join(self.parts)}</svg>'


SHAPES = {
    "dot": "M-3.4 0a3.4 3.4 0 1 0 6.8 0a3.4 3.4 0 1 0 -6.8 0",
    "diamond": "M0 -4.9L4.9 0L0 4.9L-4.9 0Z",
    "triangle": "M0 -4.8L4.6 3.4L-4.6 3.4Z",
}


def _tip(text: str) -> str:
    return f' data-tip="{escape(text)}"' if text else ""


def plot(x: Point, y: Point, *, x_log: bool = False, y_log: bool = False, height: float = HEIGHT) -> Plot:
    """A plot of the usual size for data in these ranges."""
    across = Scale(*x, LEFT, WIDTH - RIGHT, log=x_log)
    upward = Scale(*y, height - BOTTOM, TOP, log=y_log)
    return Plot(across, upward, height=height)
