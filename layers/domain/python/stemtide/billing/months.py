"""Calendar months, UTC, of which the last may be cut off where knowledge ends."""

from collections.abc import Iterator
from dataclasses import dataclass

from stemtide.as_of import parse_as_of
from stemtide.calls import DAY_MS, day_of
from stemtide.subscriptions import add_months


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From an instant to before another, epoch ms."""

    start_ms: int
    end_ms: int


def month_of(at_ms: int) -> str:
    """The month (YYYY-MM) of an instant."""
    return day_of(at_ms)[:7]


def months(first: str, last: str, *, as_of_ms: int) -> Iterator[Period]:
    """The months from one to another (YYYY-MM, inclusive) as far as they are over at an instant, which is the
    last one of a month that is not."""
    start_ms, last_ms = _start_ms(first), _start_ms(last)
    while start_ms <= min(last_ms, as_of_ms):
        end_ms = add_months(start_ms, 1)
        yield Period(start_ms=start_ms, end_ms=min(end_ms, as_of_ms + 1))
        start_ms = end_ms


def _start_ms(month: str) -> int:
    return parse_as_of(f"{month}-01") + 1 - DAY_MS
