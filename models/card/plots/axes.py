"""Scales with round ticks, and the frame of a plot with two of them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from models.card.plots.canvas import WIDTH, Canvas

STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
LEFT: Final = 62.0
RIGHT: Final = 18.0
TOP: Final = 40.0
BOTTOM: Final = 56.0

Show = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places on the sheet."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value; beyond the scale it is its end."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def round_ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Round values that cover a range: the first is at most `low`, the last at least `high`."""
    if not high > low:
        high = low + 1
    raw = (high - low) / about
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * one for one in STEPS if size * one >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(place * step, 12) for place in range(first, last + 1))


def per_cent(ticks: tuple[float, ...]) -> Show:
    """Ticks of shares in per cent, with as many decimals as they need."""
    digits = _digits(tuple(100 * tick for tick in ticks))
    return lambda value: f"{100 * value:.{digits}f}"


def plain(ticks: tuple[float, ...]) -> Show:
    """Ticks as numbers, with as many decimals as they need."""
    digits = _digits(ticks)
    return lambda value: f"{value:.{digits}f}"


def _digits(ticks: tuple[float, ...]) -> int:
    return next((d for d in range(4) if all(abs(t - round(t, d)) < 1e-9 for t in ticks)), 4)


@dataclass(frozen=True, slots=True)
class Frame:
    """A plot with two axes."""

    canvas: Canvas
    x: Scale
    y: Scale

    @classmethod
    def drawn(
        cls,
        *,
        x_ticks: tuple[float, ...],
        y_ticks: tuple[float, ...],
        x_title: str,
        y_title: str,
        x_show: Show | None = None,
        y_show: Show | None = None,
        height: float = 340,
    ) -> "Frame":
        """Grid, ticks and titles; the vertical axis' title stands above it, to be read without turning."""
        canvas = Canvas(height)
        x = Scale(x_ticks[0], x_ticks[-1], LEFT, WIDTH - RIGHT)
        y = Scale(y_ticks[0], y_ticks[-1], height - BOTTOM, TOP)
        x_show, y_show = x_show or plain(x_ticks), y_show or plain(y_ticks)
        for tick in y_ticks:
            canvas.line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "grid")
            canvas.words(LEFT - 8, y(tick) + 5, y_show(tick), anchor="end")
        for tick in x_ticks:
            canvas.line(x(tick), height - BOTTOM, x(tick), height - BOTTOM + 5, "axis")
            canvas.words(x(tick), height - BOTTOM + 21, x_show(tick), anchor="middle")
        canvas.line(LEFT, height - BOTTOM, WIDTH - RIGHT, height - BOTTOM, "axis")
        canvas.words(8, 18, y_title, "title")
        canvas.words(WIDTH - RIGHT, height - 10, x_title, "title", "end")
        return cls(canvas, x, y)
