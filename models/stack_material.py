"""What a deployed stack knows as training material: its day rows and its facts.

It reads like a log's (`models.material`), with one difference: what a log tells of terms it knew when they
began; a stack has the time at which each fact became known.
"""

# ruff: noqa: S608 - the query is made of the history's own names and a number

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby

import duckdb
import msgspec
from stemtide.as_of import end_of_day_ms
from stemtide.config_schema import Config
from stemtide.facts import Fact
from stemtide.features.history import AccountHistory, history_of
from stemtide.history_rows import DayRow
from stemtide.plays.labels import Label
from stemtide.plays.treated import Treated
from stemtide.store.history import AS_ROWS, day_of_row
from stemtide.store.history_parquet import rows_of
from stemtide_cli.log import FINGERPRINT_CHARS

from models.base_terms import heard_until, reporting_lag, tiers_of, told
from models.material import Material
from models.played import plays_of
from models.plays import Plays

ACCOUNTS_AT_A_TIME = 1024
"""After which the progress is told."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Known:
    """All of it: the history's merged rows as a table on the disk (`store.history.merged`), the facts by
    account, the labels of plays, and who was treated by them."""

    connection: duckdb.DuckDBPyConnection
    facts: Mapping[str, list[Fact]]
    config: Config
    labels: Sequence[Label] = ()
    treated: Sequence[Treated] = ()

    def plays_until(self, day: int) -> Plays:
        """What plays had told by the end of a day."""
        how = self.config.training.reactivated
        return plays_of(self.labels, self.treated, as_of_day=day, reactivated=how)

    def rows_until(self, day: int) -> Iterator[DayRow]:
        """The rows up to a day (since 1970-01-01), by account and day."""
        query = f"SELECT * FROM ({AS_ROWS}) WHERE day <= {day} ORDER BY account, day"
        return rows_of(self.connection, query)

    def facts_until(self, day: int) -> dict[str, list[Fact]]:
        """The facts known by the end of a day."""
        end_ms = end_of_day_ms(day)
        found = {
            name: [fact for fact in said if fact.known_ms <= end_ms] for name, said in self.facts.items()
        }
        return {name: said for name, said in found.items() if said}


def material_of(known: Known, *, as_of_day: int, say: Say = lambda _: None) -> Material:
    """The material as of the end of a day, as if nothing had come or become known later.

    Calls of a day that came after `as_of_day` are in its rows all the same: a row does not tell its arrivals.

    Args:
        as_of_day: the latest is the last day that is over.
        say: is told how far it is.
    """
    digest = sha256()
    facts = known.facts_until(as_of_day)
    histories = dict(_histories(known, as_of_day, digest.update, say))
    digest.update(msgspec.json.encode(facts, order="deterministic"))
    plays = known.plays_until(as_of_day)
    if plays.outcomes or plays.treatments:
        digest.update(msgspec.json.encode(plays, order="deterministic"))
    tiers = tiers_of(known.config.plans)
    by_account = {name: found for name, said in facts.items() if (found := told(said, tiers))}
    days = [day for one in histories.values() for day in (int(one.days[0]), int(one.days[-1]))]
    return Material(
        config=known.config,
        fingerprint=digest.hexdigest()[:FINGERPRINT_CHARS],
        histories=histories,
        facts=facts,
        terms={name: found[-1].terms for name, found in by_account.items()},
        told=by_account,
        enrolments={},
        courses={},
        clocks={},
        first_day=min(days, default=as_of_day),
        last_day=max(days, default=as_of_day),
        last_term_start=_observed_until(facts, as_of_day),
        plays=plays,
    )


def _observed_until(facts: Mapping[str, list[Fact]], as_of_day: int) -> int | None:
    """The last day of which it is known what became of terms: that of the latest subscription event, less the
    time within which nearly all are told."""
    heard = max((day for said in facts.values() if (day := heard_until(said)) is not None), default=None)
    if heard is None:
        return None
    heard = min(heard, as_of_day)
    return heard - reporting_lag((fact for said in facts.values() for fact in said), heard=heard)


def by_account(pages: Iterator[list[tuple[str, Fact]]]) -> dict[str, list[Fact]]:
    """Facts in the order in which they became known, whichever order they are read in."""
    found: dict[str, list[Fact]] = defaultdict(list)
    for page in pages:
        for account, fact in page:
            found[account].append(fact)
    return {name: sorted(found[name], key=lambda fact: (fact.known_ms, fact.id)) for name in sorted(found)}


def _histories(
    known: Known, last: int, feed: Callable[[bytes], None], say: Say
) -> Iterator[tuple[str, AccountHistory]]:
    """Account by account, so that only one's rows are objects at a time."""
    grouped = groupby(known.rows_until(last), key=lambda row: row.account)
    for number, (account, rows) in enumerate(grouped, 1):
        days = []
        for row in rows:
            feed(msgspec.json.encode(row._replace(version=0), order="deterministic"))
            days.append(day_of_row(row))
        yield account, history_of(account, days, events=known.config.events)
        if not number % ACCOUNTS_AT_A_TIME:
            say(f"histories of {number:,} accounts made")
