"""In which quarters of an hour events happened, over all accounts: whether usage is whole.

By event time, not by arrival: a producer that is three hours behind sends all the time.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stemtide.as_of import as_of_text, end_of_day_ms, last_closed_day
from stemtide.calls import DAY_MS, MINUTE_MS
from stemtide.usual_lag import KNOWN_MS, WEEK_MS, WEEKS, day_before, is_stale, usual_lag, weeks_before

QUARTER_MS: Final = 15 * MINUTE_MS
QUARTERS: Final = DAY_MS // QUARTER_MS
"""Of a day."""
WHOLE_DAYS: Final = 7
"""Closed days that must be whole where use is said to have fallen: those of the week that is compared."""
REACH_MS: Final = WHOLE_DAYS * DAY_MS + WEEKS * WEEK_MS + KNOWN_MS
"""How far back from an instant all is told that is asked of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDays:
    """The quarters of an hour (since 1970-01-01, ascending) with events, as far back as was asked for."""

    quarters: tuple[int, ...] = ()

    def newest_ms(self, as_of_ms: int) -> int | None:
        """The newest event by an instant, None without any.

        As far as quarters tell: the last millisecond of the newest, or the instant within it.
        """
        place = bisect_right(self.quarters, as_of_ms // QUARTER_MS)
        return min((self.quarters[place - 1] + 1) * QUARTER_MS - 1, as_of_ms) if place else None

    def lag_ms(self, as_of_ms: int) -> int | None:
        """How long before an instant the newest event was."""
        newest_ms = self.newest_ms(as_of_ms)
        return None if newest_ms is None else as_of_ms - newest_ms

    def usual_ms(self, as_of_ms: int, /) -> int | None:
        """The lag that is usual at the hour of an instant."""
        return usual_lag(self.lag_ms, as_of_ms)

    def missed_ms(self, as_of_ms: int) -> int:
        """How much of the silence up to an instant had events in earlier weeks, in quarters of an hour.

        As `usual_lag` counts: of four weeks that are known the second least, else the day before.
        """
        newest_ms = self.newest_ms(as_of_ms)
        if newest_ms is None:
            return 0
        lag_ms = as_of_ms - newest_ms
        spans = [(at_ms - lag_ms, at_ms) for at_ms in weeks_before(as_of_ms)]
        known = sorted(self._heard(*span) for span in spans if self._began_by(span[0]))
        if known:
            return known[min(1, len(known) - 1)] * QUARTER_MS
        return self._heard(day_before(as_of_ms) - lag_ms, day_before(as_of_ms)) * QUARTER_MS

    def _heard(self, after_ms: int, until_ms: int) -> int:
        first, last = (bisect_right(self.quarters, at_ms // QUARTER_MS) for at_ms in (after_ms, until_ms))
        return last - first

    def _began_by(self, as_of_ms: int) -> bool:
        return bool(self.quarters) and self.quarters[0] <= as_of_ms // QUARTER_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """How old the newest event was at an instant: epoch ms (None: there is none), and what may be, in ms."""

    as_of_ms: int
    newest_ms: int | None
    limit_ms: int
    usual_ms: int | None

    @property
    def stale(self) -> bool:
        """Silent for longer than the limit, and for longer than that beyond what is usual."""
        if self.newest_ms is None:
            return True
        lag_ms = self.as_of_ms - self.newest_ms
        return is_stale(lag_ms, limit_ms=self.limit_ms, usual_ms=self.usual_ms)

    def words(self) -> str:
        """For people: `latest event: 05:59 UTC, lag: 2 min`."""
        if self.newest_ms is None:
            return "no event is on record"
        at, lag = as_of_text(self.newest_ms), (self.as_of_ms - self.newest_ms + MINUTE_MS // 2) // MINUTE_MS
        same_day = self.newest_ms // DAY_MS == self.as_of_ms // DAY_MS
        shown = at[11:16] if same_day else f"{at[:10]} {at[11:16]}"
        usual = (self.usual_ms or 0) // MINUTE_MS
        beyond = f", usual at this hour: {usual:,} min" if usual else ""
        return f"latest event: {shown} UTC, lag: {lag:,} min{beyond}"


def staleness(days: EventDays, as_of_ms: int, *, limit_ms: int) -> Staleness:
    """How old the newest event was at an instant."""
    return Staleness(
        as_of_ms=as_of_ms,
        newest_ms=days.newest_ms(as_of_ms),
        limit_ms=limit_ms,
        usual_ms=days.usual_ms(as_of_ms),
    )


def closed_days(as_of_ms: int) -> range:
    """The closed days whose use is compared at an instant (since 1970-01-01), the newest first."""
    last = last_closed_day(as_of_ms)
    return range(last, last - WHOLE_DAYS, -1)


def lacking(days: EventDays, as_of_ms: int, *, limit_ms: int) -> Staleness | None:
    """How the stream stood at an instant by which events are missing; None: none are, or nobody can tell yet.

    It must be stale, and have been silent where events came in earlier weeks, for the limit together: of a
    product with twenty events a day chance decides when the last one comes, and it would hardly be judged.
    """
    found = staleness(days, as_of_ms, limit_ms=limit_ms)
    missed = found.usual_ms is not None and days.missed_ms(as_of_ms) >= limit_ms
    return found if found.stale and missed else None


def hole(days: EventDays, day: int, *, limit_ms: int) -> Staleness | None:
    """How a closed day ended that lacks events; None: it is whole, or nobody can tell yet."""
    return lacking(days, end_of_day_ms(day), limit_ms=limit_ms)


def holes(days: EventDays, as_of_ms: int, *, limit_ms: int) -> list[Staleness]:
    """The ends of those of the last closed days that lack events, the newest first."""
    found = (hole(days, day, limit_ms=limit_ms) for day in closed_days(as_of_ms))
    return [one for one in found if one is not None]


def words_of(found: Staleness) -> str:
    """Why nobody is judged by the use of a day."""
    return f"the stream was stale at {as_of_text(found.as_of_ms)}: {found.words()}"


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
    missing = holes(days, as_of_ms, limit_ms=limit_ms)
    if missing:
        return words_of(missing[0])
    now = staleness(days, as_of_ms, limit_ms=limit_ms)
    never = now.newest_ms is None
    return words_of(now) if never or lacking(days, as_of_ms, limit_ms=limit_ms) is not None else None


def quarters_of(times: Iterable[int]) -> set[int]:
    """The quarters of an hour (since 1970-01-01) of event times (epoch ms)."""
    return {at_ms // QUARTER_MS for at_ms in times}
