"""An account's usage at the end of a closed day, with as few reads as it takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from hashlib import sha256
from typing import Any, Final

from stemtide.as_of import day_index
from stemtide.config_schema import Events
from stemtide.features.history import AccountHistory, Counter, Day, Older, history_of
from stemtide.features.kept_days import pack_kept, unpack_kept
from stemtide.features.packed_usage import pack_usage, unpack_usage
from stemtide.features.usage_at import DAYS, LONG, Distinct, UsageAt, usage_at
from stemtide.limits import LONG_DAYS
from stemtide.store.usage import DAY_S, first_day_seen, read_days
from stemtide.store.usage_blocks import Block, UsageBlocks

WHOLE_EVERY: Final = 28
"""Days after which all days are read again, whatever is kept: nothing that was missed lasts longer."""
LAYOUT: Final = 2
"""Of what is kept; rises with every change of how it is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReader:
    """Reads `days(account, first, last)` with usage and the `first_day(account)` with any (days since
    1970-01-01), and from `blocks` what was kept of them; None: nothing is kept, all days are read."""

    days: Callable[[str, int, int], list[Day]]
    first_day: Callable[[str], int | None]
    blocks: UsageBlocks | None
    events: Events

    @classmethod
    def of_table(cls, table: Any, *, blocks: UsageBlocks | None, events: Events) -> "UsageReader":
        """On the usage table (boto3 Table resource, of which only the client is used)."""
        return cls(
            days=partial(_days_in, table),
            first_day=partial(_first_day_in, table),
            blocks=blocks,
            events=events,
        )

    def read(self, account: str, day: int) -> UsageAt:
        """The usage at the end of a closed day.

        Raises:
            UnavailableError: no answer.
        """
        if self.blocks is None:
            return usage_at(self._whole(account, day)[1], day)
        return self.read_with(self.blocks.read(account), account, day)

    def read_with(self, block: Block | None, account: str, day: int, *, had_usage: bool = False) -> UsageAt:
        """The same by what is kept, as it was read a moment ago (None: nothing is).

        Args:
            had_usage: whether the account is known to have had any: no name that somebody made up.

        Raises:
            UnavailableError: no answer.
        """
        if block is None:
            if not had_usage and self.first_day(account) is None:  # any name may be asked for
                return usage_at(self._history(account, [], None), day)
            block = Block(voids=0) if self.blocks is None else self.blocks.begin(account)
        if block.digest != self._digest():
            block = Block(voids=block.voids)
        found = self._ready(account, day, block)
        return found if found is not None else self._made(account, day, block)

    def _ready(self, account: str, day: int, block: Block) -> UsageAt | None:
        return unpack_usage(account, block.usage) if block.day == day and block.usage is not None else None

    def _made(self, account: str, day: int, block: Block) -> UsageAt:
        """Made of what is kept and the days since, else of all days; kept if it is of the newest day that is
        over."""
        rolled = self._rolled(account, day, block)
        days, history = self._whole(account, day) if rolled is None else rolled
        usage = usage_at(history, day)
        is_over = day < int(time.time()) // DAY_S
        if self.blocks is not None and is_over and (block.day is None or block.day < day):
            self.blocks.write(
                account,
                replace(
                    block,
                    day=day,
                    whole=day if rolled is None else block.whole,
                    digest=self._digest(),
                    usage=pack_usage(usage),
                    kept=pack_kept(days, history, day),
                ),
            )
        return usage

    def _rolled(self, account: str, day: int, block: Block) -> tuple[list[Day], AccountHistory] | None:
        if block.day is None or block.whole is None or block.kept is None:
            return None
        if not block.day < day < min(block.whole + WHOLE_EVERY, block.day + DAYS):
            return None
        kept = unpack_kept(block.kept)
        if kept is None:
            return None
        days = [*kept.days, *self.days(account, block.day + 1, day)]
        return days, self._history(account, days, kept.first_day, kept.older)

    def _whole(self, account: str, day: int) -> tuple[list[Day], AccountHistory]:
        """A second, one-item query tells since when an account is known that was quiet at first."""
        first = day - LONG_DAYS + 1
        days = self.days(account, first, day)
        if days and days[0].day == first:
            return days, self._history(account, days, first)
        return days, self._history(account, days, self.first_day(account))

    def _history(
        self, account: str, days: list[Day], first_day: int | None, older: Older | None = None
    ) -> AccountHistory:
        return history_of(account, days, events=self.events, first_day=first_day, older=older)

    def _digest(self) -> str:
        """What is kept of a day, and what events mean: a change of either makes everything anew."""
        made_of = (LAYOUT, DAYS, LONG, *(one.name for one in (*Counter, *Distinct)), self.events)
        return sha256(repr(made_of).encode()).hexdigest()[:16]


def _days_in(table: Any, account: str, first: int, last: int) -> list[Day]:
    found = read_days(table, account, _date(first), _date(last))
    return [Day(day_index(one.date), one.by_event, one.users, one.commenters) for one in found]


def _first_day_in(table: Any, account: str) -> int | None:
    seen = first_day_seen(table, account)
    return None if seen is None else day_index(seen)


def _date(day: int) -> date:
    return date.fromordinal(max(1, date(1970, 1, 1).toordinal() + day))
