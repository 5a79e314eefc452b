"""A feature's value at two instants in plain words: `API calls, 7 days: 412 then, 120 now`."""

import math
from collections.abc import Callable
from typing import Final

from stemtide.features.feature import Feature
from stemtide.features.sentences import number, percent

_NO_NUMBER: Final = ("less than", "just below")
"""What is said of numbers too small to tell."""


def then_and_now(feature: Feature, then: float | None, now: float | None) -> str:
    """What a feature was and is. Its label tells what is counted and over which days; None is unknown."""
    was, is_ = shown(feature, then), shown(feature, now)
    if was != is_:
        return f"{feature.label}: {was} then, {is_} now"
    rounded = then != now and not any(words in was for words in _NO_NUMBER)
    return f"{feature.label}: {'about ' if rounded else ''}{was} then and now"


def shown(feature: Feature, value: float | None) -> str:
    """A value without its label: `412`, `62 %`, `down 62 %`, `yes`, `unknown`."""
    if value is None or math.isnan(value):
        return "unknown"
    if feature.dtype == "flag":
        return "yes" if value else "no"
    return _BY_UNIT.get(feature.unit, _signed)(value)


def _signed(value: float) -> str:
    if -0.1 < value < 0:
        return "just below 0"
    return f"-{number(-value)}" if value < 0 else number(value)


def _decimal(value: float) -> str:
    """Of a scale that is one wide to either side: a whole number would say nothing."""
    return f"{round(value, 2) + 0.0:g}"


def _change(value: float) -> str:
    if value == 0:
        return "unchanged"
    return f"{'up' if value > 0 else 'down'} {percent(value)}"


_BY_UNIT: Final[dict[str, Callable[[float], str]]] = {
    "share": percent,
    "ratio": percent,
    "relative change": _change,
    "difference of shares": _change,
    "-1 to 1": _decimal,
    "difference": _decimal,
}
"""Of units whose numbers are no counts."""
