"""The detector's ports where nothing is lacking and nothing can fail."""

from collections.abc import Callable, Sequence
from typing import Any

from stemtide.detecting import DetectPorts
from stemtide.detection import DayUse
from stemtide.drops import Drop

from tests.stream_memory import one_by_one


def ports_of(
    *,
    days: Callable[[str, int, int], list[DayUse]],
    drops: Callable[[str], Sequence[Drop]],
    put: Callable[[Drop], bool],
) -> DetectPorts:
    """The ports over days of use and drops on record; what cannot be read fails the test."""

    def set_aside(what: Any, error: Exception) -> None:
        raise AssertionError(what) from error

    return DetectPorts(
        days=days,
        drops=drops,
        touch=lambda account, day: None,
        put=put,
        set_aside=set_aside,
        aside_once=lambda account, what, error: set_aside(what, error),
        why_not=lambda as_of_ms: None,
        side_by_side=one_by_one,
    )
