"""When a source is stale: one rule for the event stream and for everybody who tells of accounts.

Its *lag* at an instant is how long before it the source was heard of last. Stale is a lag that exceeds the
limit and, by more than the limit, what it was at the same hour of the weeks before: whoever is silent every
night or every weekend is not missed then, and is missed at noon.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from stemtide.calls import DAY_MS

WEEKS: Final = 4
WEEK_MS: Final = 7 * DAY_MS
KNOWN_MS: Final = 28 * DAY_MS
"""A longer lag tells of no rhythm: the source was replaced, or an old log was replayed before it began."""

Lag: TypeAlias = Callable[[int], int | None]
"""The lag at an instant (both ms); None: nothing was heard by then."""


def weeks_before(as_of_ms: int) -> list[int]:
    """The same hour of the weeks before, by which the usual lag is told."""
    return [as_of_ms - week * WEEK_MS for week in range(1, WEEKS + 1)]


def day_before(as_of_ms: int) -> int:
    """The same hour of the day before, which stands in for them where a source is new."""
    return as_of_ms - DAY_MS


def usual_lag(lag: Lag, as_of_ms: int) -> int | None:
    """The lag that is usual at the hour of an instant, in ms; None: nobody knows yet.

    Of the four weeks the second largest, as an outage happens once; the day before counts while there is no
    week. A lag beyond `KNOWN_MS` is not known.
    """
    known = sorted(found for at_ms in weeks_before(as_of_ms) if (found := _known(lag(at_ms))) is not None)
    if known:
        return known[-2] if len(known) > 1 else known[0]
    return _known(lag(day_before(as_of_ms)))


def is_stale(lag_ms: int, *, limit_ms: int, usual_ms: int | None) -> bool:
    """Whether a lag exceeds the limit and, by more than that, what is usual; without that the limit alone."""
    return lag_ms > limit_ms + (usual_ms or 0)


def _known(lag_ms: int | None) -> int | None:
    return None if lag_ms is None or lag_ms > KNOWN_MS else lag_ms
