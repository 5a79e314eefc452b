"""When the first and the newest event of each UTC day happened, over all accounts: whether usage is whole.

By event time, not by arrival: a producer that is three hours behind sends all the time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from stemtide.as_of import as_of_text, end_of_day_ms, last_closed_day
from stemtide.calls import DAY_MS

PACE_DAYS: Final = 28
"""The last weeks, in which two silences make one as long usual: four weekends."""
MINUTE_MS: Final = 60_000


class Span(NamedTuple):
    """The first and the newest event of a day, epoch ms."""

    first_ms: int
    last_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDays:
    """What was noted of days with events, by day (since 1970-01-01); days without events are not in it."""

    days: Mapping[int, Span]

    def newest_ms(self, as_of_ms: int) -> int | None:
        """The newest event by an instant as far as days tell: of the instant's own day its newest if that is
        not later, else the instant itself, as events came after it."""
        by_then = [(day, span) for day, span in self.days.items() if span.first_ms <= as_of_ms]
        if not by_then:
            return None
        return min(max(by_then)[1].last_ms, as_of_ms)

    def usual_ms(self, as_of_ms: int, /) -> int:
        """The second longest silence between two days with events that ended in the four weeks before.

        Nights and weekends come several times in four weeks, an outage once: one makes nothing usual.
        """
        since = as_of_ms - PACE_DAYS * DAY_MS
        spans = [self.days[day] for day in sorted(self.days)]
        ended = [b.first_ms - a.last_ms for a, b in pairwise(spans) if since <= b.first_ms <= as_of_ms]
        return sorted(ended)[-2] if len(ended) > 1 else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """How old the newest event was at an instant: epoch ms (None: there is none), and what may be, in ms."""

    as_of_ms: int
    newest_ms: int | None
    limit_ms: int
    usual_ms: int

    @property
    def stale(self) -> bool:
        """Silent for longer than the limit, and longer than is usual."""
        if self.newest_ms is None:
            return True
        return self.as_of_ms - self.newest_ms > max(self.limit_ms, self.usual_ms)

    def words(self) -> str:
        """For people: `latest event: 05:58 UTC, lag: 2 min`."""
        if self.newest_ms is None:
            return "no event is on record"
        at, lag = as_of_text(self.newest_ms), (self.as_of_ms - self.newest_ms + MINUTE_MS // 2) // MINUTE_MS
        same_day = self.newest_ms // DAY_MS == self.as_of_ms // DAY_MS
        shown = at[11:16] if same_day else f"{at[:10]} {at[11:16]}"
        usual = self.usual_ms // MINUTE_MS
        beyond = f", usual: up to {usual:,} min" if self.usual_ms > self.limit_ms else ""
        return f"latest event: {shown} UTC, lag: {lag:,} min{beyond}"


def staleness(days: EventDays, as_of_ms: int, *, limit_ms: int) -> Staleness:
    """How old the newest event was at an instant."""
    return Staleness(
        as_of_ms=as_of_ms,
        newest_ms=days.newest_ms(as_of_ms),
        limit_ms=limit_ms,
        usual_ms=days.usual_ms(as_of_ms),
    )


def why_not_whole(days: EventDays, as_of_ms: int, *, lag_ms: int, limit_ms: int) -> str | None:
    """Why the usage of the days that are over at an instant may lack events, or the stream be dead.

    Args:
        lag_ms: how far the stream's consumers are behind now.
        limit_ms: how long a silence, and how large a lag, says nothing.

    Returns:
        The reason in words, None without one.
    """
    if lag_ms > limit_ms:
        return f"the stream's consumers are {lag_ms // MINUTE_MS:,} min behind"
    closed = end_of_day_ms(last_closed_day(as_of_ms))
    for instant in sorted({closed, as_of_ms}):
        found = staleness(days, instant, limit_ms=limit_ms)
        if found.stale:
            return f"the stream was stale at {as_of_text(instant)}: {found.words()}"
    return None


def spans_of(times: Iterable[tuple[int, Sequence[int]]]) -> dict[int, Span]:
    """The first and newest of event times, by day.

    Args:
        times: day (since 1970-01-01) and event times (epoch ms) of groups, several of which may be of a day.
    """
    found: dict[int, Span] = {}
    for day, at in times:
        first, last = min(at), max(at)
        known = found.get(day)
        found[day] = Span(first, last) if known is None else Span(min(first, known[0]), max(last, known[1]))
    return found
