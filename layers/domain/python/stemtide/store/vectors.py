"""Feature vectors of accounts, read from the tables."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Protocol

from stemtide.as_of import day_index, end_of_day_ms, last_closed_day
from stemtide.config_schema import Config, Events
from stemtide.facts import Fact, fold_facts, standing_at
from stemtide.features.history import AccountHistory, Day, history_of
from stemtide.features.profile_columns import Basis
from stemtide.features.vectors import Known, Vector, known_of, vectors_of
from stemtide.limits import LONG_DAYS
from stemtide.store.usage import first_day_seen, read_days


class Facts(Protocol):
    """Where the facts of an account are read, as `store.records.Records` reads them."""

    def facts(self, account: str) -> Iterable[Fact]:
        """What was said of the account, as known at any time."""


def read_vector(usage_table: Any, records: Facts, account: str, as_of_ms: int, config: Config) -> Vector:
    """The account's vector as of an instant; an account without usage and facts has one of unknown values.

    Args:
        usage_table: boto3 Table resource of the usage table.
        records: where the facts are.
        account: account id.
        as_of_ms: epoch milliseconds; usage counts up to the last day that is over then.
        config: what the events mean and what the plans include.
    """
    known = read_known(usage_table, records, account, as_of_ms, config.events)
    return vectors_of([known], as_of_ms, basis=Basis.of(config))[0]


def read_known(usage_table: Any, records: Facts, account: str, as_of_ms: int, events: Events) -> Known:
    """What the tables know of the account as of an instant; see `vectors_of` for many accounts at once."""
    day = last_closed_day(as_of_ms)
    facts = list(records.facts(account))
    closed = standing_at(facts, end_of_day_ms(day))
    current = closed.profile if as_of_ms == end_of_day_ms(day) else fold_facts(facts, as_of_ms)
    history = _read_history(usage_table, account, day, events)
    return known_of(history, closed, current, as_of_ms)


def _read_history(usage_table: Any, account: str, day: int, events: Events) -> AccountHistory:
    """The last closed days; a second, one-item query tells since when a quiet account is known."""
    first = day - LONG_DAYS + 1
    found = read_days(usage_table, account, _date(first), _date(day))
    days = [Day(day_index(usage.date), usage.by_event, usage.users, usage.commenters) for usage in found]
    seen = _date(first) if days and days[0].day == first else first_day_seen(usage_table, account)
    return history_of(account, days, events=events, first_day=None if seen is None else day_index(seen))


def _date(day: int) -> date:
    return date.fromordinal(max(1, date(1970, 1, 1).toordinal() + day))
