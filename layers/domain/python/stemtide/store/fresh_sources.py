"""Which sources were fresh, remembered for a moment: everybody's logins ask."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from stemtide.scoring.known_sources import Fresh
from stemtide.turns import Turns

SPAN_MS: Final = 10_000
"""Instants that share an answer."""
REMEMBERED_SECONDS: Final = 10
MOST: Final = 1_000
"""Spans that are remembered."""


@dataclass(slots=True, kw_only=True)
class FreshSources:
    """Answers as `ask` does (`ScoreTables.fresh`), which is asked once for the instants of `SPAN_MS`.

    An answer is that of an instant less than 10 s away and at most 10 s old, where limits are of minutes: a
    source is called stale up to 10 s early or late, or until 10 s after it was heard of again. `monotonic`:
    seconds that never go back. Threads may share it.
    """

    ask: Callable[[Sequence[int]], Mapping[int, Fresh]]
    monotonic: Callable[[], float] = time.monotonic
    _found: dict[int, tuple[float, Fresh]] = field(default_factory=dict)
    _turns: Turns = field(default_factory=Turns)

    def at(self, instants: Sequence[int]) -> dict[int, Fresh]:
        """Which sources were fresh at instants (epoch ms).

        Raises:
            UnavailableError: no answer.
        """
        with self._turns.take() as ask:
            now = self.monotonic()
            missing = {
                at_ms // SPAN_MS: at_ms for at_ms in instants if not self._is_known(at_ms // SPAN_MS, now)
            }
            if missing:
                self._remember(ask(partial(self.ask, sorted(missing.values()))), now)
            return {at_ms: self._found[at_ms // SPAN_MS][1] for at_ms in instants}

    def _is_known(self, span: int, now: float) -> bool:
        return span in self._found and now - self._found[span][0] < REMEMBERED_SECONDS

    def _remember(self, found: Mapping[int, Fresh], now: float) -> None:
        if len(self._found) > MOST:
            self._found = {span: one for span, one in self._found.items() if self._is_known(span, now)}
        self._found |= {at_ms // SPAN_MS: (now, fresh) for at_ms, fresh in found.items()}
