"""When there were events in what a backfill has loaded: noted as the stream's own, if it stands for all."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import duckdb
from stemtide.calls import DAY_MS, day_number
from stemtide.event_days import QUARTERS
from stemtide.store.event_days import KEPT_S, add_quarters

from stemtide_cli.backfill_writing import Patience

NEAR_DAYS: Final = 28
"""Accounts whose last use lies so near a day may have been in use on it."""
FEWEST: Final = 4
"""A day stands for all from a fourth of the accounts on that others had on one day: on a weekend fewer are
in use, and one customer of ten who is loaded alone is no sign that the other nine were silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedDay:
    """A day (since 1970-01-01) of a log: its quarters of an hour with events (0 to 95), its accounts."""

    day: int
    quarters: frozenset[int]
    accounts: int


def loaded_days(connection: duckdb.DuckDBPyConnection, cutovers: Mapping[str, int]) -> list[LoadedDay]:
    """The days of a counted log, as far as they lie before their accounts' cutovers (epoch ms)."""
    found = connection.execute(
        "SELECT day, bit_or(quarters), count(DISTINCT account) FROM heard JOIN"
        " (SELECT unnest(CAST(? AS VARCHAR[])) AS account, unnest(CAST(? AS BIGINT[])) AS cutover)"
        " USING (account) WHERE CAST(day AS BIGINT) * ? < cutover GROUP BY day ORDER BY day",
        [list(cutovers), list(cutovers.values()), DAY_MS],
    ).fetchall()
    return [
        LoadedDay(
            day=day,
            quarters=frozenset(number for number in range(QUARTERS) if bits >> number & 1),
            accounts=accounts,
        )
        for day, bits, accounts in found
    ]


def standing_for_all(days: Iterable[LoadedDay], last_days: Iterable[str | None]) -> list[LoadedDay]:
    """The days whose accounts are not few among those that are known.

    How many accounts are in use on a day nobody counts; of each its last day is known. The most that share
    one, near the day, are a lower bound.

    Args:
        last_days: of each known account the last UTC day with usage (`YYYY-MM-DD`).
    """
    counted = Counter(day_number(last) for last in last_days if last is not None)
    return [
        day
        for day in days
        if day.accounts * FEWEST
        >= max((n for last, n in counted.items() if abs(last - day.day) <= NEAR_DAYS), default=0)
    ]


def note_quarters(days: Sequence[LoadedDay], *, table: Any, patience: Patience, now_ms: int) -> int:
    """Note when there were events, of days that rows are kept of; how many those are.

    Args:
        table: boto3 Table resource of the ingest table.

    Raises:
        CliError: the table takes nothing any more.
    """
    kept = [day for day in days if day.day >= now_ms // DAY_MS - KEPT_S * 1000 // DAY_MS]
    for day in kept:
        step: Callable[[], None] = partial(add_quarters, table, day.day, day.quarters)
        patience(step)
    return len(kept)
