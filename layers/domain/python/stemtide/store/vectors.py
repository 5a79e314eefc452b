"""Feature vectors of accounts, read from the tables."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from stemtide.as_of import end_of_day_ms, last_closed_day
from stemtide.facts import Fact, fold_facts, standing_at
from stemtide.features.profile_columns import Basis
from stemtide.features.usage_at import UsageAt
from stemtide.features.vectors import Known, Vector, vectors_of
from stemtide.store.usage_reader import UsageReader


class Facts(Protocol):
    """Where the facts of an account are read, as `store.records.Records` reads them."""

    def facts(self, account: str) -> Iterable[Fact]:
        """What was said of the account, as known at any time."""


def read_vector(usage: UsageReader, records: Facts, account: str, as_of_ms: int, basis: Basis) -> Vector:
    """The account's vector as of an instant; an account without usage and facts has one of unknown values.

    Args:
        usage: where the usage is.
        records: where the facts are.
        account: account id.
        as_of_ms: epoch milliseconds; usage counts up to the last day that is over then.
        basis: what the configuration and the model in use add.
    """
    return vectors_of([read_known(usage, records, account, as_of_ms)], as_of_ms, basis=basis)[0]


def read_known(usage: UsageReader, records: Facts, account: str, as_of_ms: int) -> Known:
    """What the tables know of the account as of an instant; see `vectors_of` for many accounts at once."""
    facts = list(records.facts(account))
    return known_by(facts, usage.read(account, last_closed_day(as_of_ms)), as_of_ms)


def known_by(facts: Sequence[Fact], usage: UsageAt, as_of_ms: int) -> Known:
    """What facts and the usage at the end of the last closed day say of an account as of an instant."""
    end_ms = end_of_day_ms(last_closed_day(as_of_ms))
    closed = standing_at(facts, end_ms)
    current = closed.profile if as_of_ms == end_ms else fold_facts(facts, as_of_ms)
    return Known(usage=usage, closed=closed, current=current)
