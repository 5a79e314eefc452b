"""Cutover days on which the stream had counted calls of both sides: the archive tells them apart."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from stemtide.calls import day_of_index
from stemtide.state import State, decode
from stemtide.store.backfill_items import BackfillItems

from stemtide_cli.backfill_writing import Patience
from stemtide_cli.errors import CliError

ONE_BY_ONE: Final = 5
"""Accounts that are recomputed each by itself; of more, everything that arrived on their days."""
AccountDay = tuple[str, str]
Recompute = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Has waiting days recomputed, from their backfilled part and what the archive has besides."""

    items: BackfillItems
    patience: Patience
    recompute: Recompute
    say: Callable[[str], None]

    def settle(self, waiting: Collection[AccountDay]) -> list[AccountDay]:
        """Run the recompute for account-days; those that still wait after it."""
        found = {key: state for key in sorted(waiting) if (state := self._waits(key)) is not None}
        try:
            for given in _runs(found):
                became = self.recompute(given)
                if became["state"] != "succeeded":
                    self.say(f"the recompute {became['run']} ended as {became['state']}: {became['cause']}")
        except CliError as error:
            self.say(f"the recompute did not run: {error.message}")
        return [key for key in found if self._waits(key) is not None]

    def _waits(self, key: AccountDay) -> State | None:
        """The day's state if it does not know of the cutover yet."""
        account, day = key
        stored = self.patience(partial(self.items.of_day, account, day)).get(day)
        state = None if stored is None else decode(stored.blob)
        return None if state is None or state.covered_ms is not None else state


def _runs(waiting: dict[AccountDay, State]) -> list[dict[str, Any]]:
    """What to ask of the recompute: arrival days, and an account or None for all of them."""
    arrived: dict[str | None, list[str]] = {}
    few = len({account for account, _ in waiting}) <= ONE_BY_ONE
    for (account, day), state in waiting.items():
        days = [day_of_index(at) for at in state.arrivals] or [day]
        arrived.setdefault(account if few else None, []).extend(days)
    return [{"from": min(days), "to": max(days), "account": name} for name, days in arrived.items()]
