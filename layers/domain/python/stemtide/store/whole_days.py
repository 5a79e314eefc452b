"""Whether the last closed days are whole, remembered for a moment: everybody's drops and logins ask."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from stemtide.calls import MINUTE_MS
from stemtide.config_sweep import Freshness, Severity
from stemtide.event_days import WHOLE_DAYS, Staleness, closed_days, hole, words_of
from stemtide.store.event_days import read_event_days
from stemtide.turns import Turns

WHOLE_SECONDS: Final = 60
"""For so long a day that was whole is."""
HOLE_SECONDS: Final = 5
"""And one that lacked events does: those of a log that is replayed may be on their way."""
REMEMBERED: Final = 1_000


@dataclass(slots=True, kw_only=True)
class WholeDays:
    """Answers from the event days (`table`: boto3 Table resource of the ingest table; `config`: what the gate
    asks of a day's end; `monotonic`: seconds that never go back). Threads may share it."""

    table: Any
    config: Freshness
    monotonic: Callable[[], float] = time.monotonic
    _found: dict[int, tuple[float, Staleness | None]] = field(default_factory=dict)
    _turns: Turns = field(default_factory=Turns)

    def why_not(self, as_of_ms: int, *, days: int = WHOLE_DAYS) -> str | None:
        """Why use must not be judged as of an instant: which of its last closed days lacks events, in words.

        Args:
            days: how many of them must be whole.

        Raises:
            UnavailableError: no answer.
        """
        with self._turns.take() as ask:
            asked, now = closed_days(as_of_ms)[:days], self.monotonic()
            if not all(self._is_known(day, now) for day in asked):
                ask(partial(self._ask, as_of_ms, asked, now))
            found = [one for day in asked if (one := self._found[day][1]) is not None]
        return words_of(found[0]) if found else None

    def last_is_whole(self, as_of_ms: int) -> bool:
        """Whether the last closed day is, of whose end scores are; always, where the night would not wait
        for it either (a warning).

        Raises:
            UnavailableError: no answer.
        """
        if self.config.severity is not Severity.CRITICAL:
            return True
        return self.why_not(as_of_ms, days=1) is None

    def _is_known(self, day: int, now: float) -> bool:
        if day not in self._found:
            return False
        at, found = self._found[day]
        return now - at < (WHOLE_SECONDS if found is None else HOLE_SECONDS)

    def _ask(self, as_of_ms: int, asked: range, now: float) -> None:
        days, limit_ms = read_event_days(self.table, as_of_ms), self.config.max_stale_minutes * MINUTE_MS
        if len(self._found) > REMEMBERED:
            self._found.clear()
        for day in asked:
            self._found[day] = (now, hole(days, day, limit_ms=limit_ms))
