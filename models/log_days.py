"""A log's events per account and UTC day, as arrays: what happened how often, and who was there."""

# ruff: noqa: S608 - DuckDB reads a local file; every value in the queries is a number or the log's own query

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
from stemtide.config_schema import Config
from stemtide.features.occurrences import Ints
from stemtide.limits import OTHER_EVENT
from stemtide.users import user_hash
from stemtide_cli import sql
from stemtide_cli.log import Log


@dataclass(frozen=True, slots=True)
class Days:
    """Rows (account code, day, event code, count), by account and day."""

    account: Ints
    day: Ints
    event: Ints
    count: Ints

    def of(self, code: int) -> "Days":
        """The rows of one account."""
        at = slice(*self.account.searchsorted((code, code + 1)))
        return Days(self.account[at], self.day[at], self.event[at], self.count[at])


@dataclass(frozen=True, slots=True)
class Presences:
    """Rows (account code, day, hash of a user, whether it commented), by account and day, distinct."""

    account: Ints
    day: Ints
    user: npt.NDArray[np.uint64]
    commented: npt.NDArray[np.bool_]

    def of(self, code: int) -> "Presences":
        """The rows of one account."""
        at = slice(*self.account.searchsorted((code, code + 1)))
        return Presences(self.account[at], self.day[at], self.user[at], self.commented[at])

    def of_comments(self) -> "Presences":
        """The rows of those who commented."""
        at = self.commented
        return Presences(self.account[at], self.day[at], self.user[at], self.commented[at])


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The log in a DuckDB's temporary tables `counts` and `present`, with numbers for names."""

    connection: duckdb.DuckDBPyConnection
    accounts: list[str]
    events: list[str]
    users: npt.NDArray[np.uint64]

    def days(self, first: int, end: int) -> Days:
        """What happened in the accounts with codes from `first` to before `end`."""
        found = self._arrays("account, day, event, n", "counts", first, end)
        return Days(*(found[name].astype(np.int64) for name in ("account", "day", "event", "n")))

    def presences(self, first: int, end: int) -> Presences:
        """Who was there in these accounts."""
        found = self._arrays("account, day, person, commented", "present", first, end)
        account, day, person = (found[name].astype(np.int64) for name in ("account", "day", "person"))
        return Presences(account, day, self.users[person], found["commented"].astype(np.bool_))

    def _arrays(self, names: str, table: str, first: int, end: int) -> dict[str, npt.NDArray[np.int64]]:
        query = (
            f"SELECT {names} FROM {table} WHERE account >= {first} AND account < {end} ORDER BY account, day"
        )
        return self.connection.execute(query).fetchnumpy()


def load_tables(
    connection: duckdb.DuckDBPyConnection, log: Log, *, config: Config, until_ms: int | None
) -> Tables:
    """Read the log twice: for its counts and for its users.

    Args:
        connection: holds the tables, and spills what does not fit into memory.
        log: an opened log of events.
        config: what a comment is, and how many event types are counted by name per account and day.
        until_ms: events after this instant (epoch ms) are left out.
    """
    bound = "" if until_ms is None else f" AND instant < {(until_ms + 1) * 1000}"
    calls = (
        f"SELECT account, {sql.day_of('instant')} AS day, instant, _row, coalesce(person, account) AS person,"
        f" event, coalesce(weight, 1) AS weight FROM ({log.query})"
        f" WHERE skip IS NULL AND instant IS NOT NULL{bound}"
    )
    connection.execute(
        "CREATE TEMP TABLE by_type AS SELECT account, day, event, CAST(sum(weight) AS BIGINT) AS n,"
        f" min((instant, _row)) AS first FROM ({calls}) GROUP BY account, day, event"
    )
    sent = connection.execute("SELECT DISTINCT event FROM by_type").fetchall()
    comments = sql.among("event", filter(config.events.commenting(), (name for (name,) in sent)))
    connection.execute(
        f"CREATE TEMP TABLE persons AS SELECT account, day, person, bool_or({comments}) AS commented"
        f" FROM ({calls}) GROUP BY account, day, person"
    )
    other, cap = sql.text(OTHER_EVENT), config.ingest.max_event_types
    connection.execute(
        "CREATE TEMP TABLE capped AS SELECT account, day,"
        f" CASE WHEN place > {cap} THEN {other} ELSE event END AS event, CAST(sum(n) AS BIGINT) AS n FROM"
        " (SELECT *, row_number() OVER (PARTITION BY account, day ORDER BY first) AS place FROM by_type)"
        " GROUP BY ALL"
    )
    accounts = _numbered(connection, "accounts", "SELECT DISTINCT account AS name FROM by_type")
    events = _numbered(connection, "events", "SELECT DISTINCT event AS name FROM capped")
    users = _numbered(connection, "users", "SELECT DISTINCT person AS name FROM persons")
    connection.execute(
        "CREATE TEMP TABLE counts AS SELECT a.code AS account, day, e.code AS event, n FROM capped c"
        " JOIN accounts a ON a.name = c.account JOIN events e ON e.name = c.event"
    )
    connection.execute(
        "CREATE TEMP TABLE present AS SELECT a.code AS account, day, u.code AS person, commented"
        " FROM persons p JOIN accounts a ON a.name = p.account JOIN users u ON u.name = p.person"
    )
    for table in ("by_type", "capped", "persons"):
        connection.execute(f"DROP TABLE {table}")
    hashes = np.frombuffer(b"".join(map(user_hash, users)), dtype=">u8").astype(np.uint64)
    return Tables(connection=connection, accounts=accounts, events=events, users=hashes)


def _numbered(connection: duckdb.DuckDBPyConnection, table: str, names: str) -> list[str]:
    """Keep names with numbers from 0, in their own order, and return them."""
    numbered = f"SELECT name, row_number() OVER (ORDER BY name) - 1 AS code FROM ({names})"
    connection.execute(f"CREATE TEMP TABLE {table} AS {numbered}")
    found = connection.execute(f"SELECT name FROM {table} ORDER BY code")
    return [str(name) for (name,) in found.fetchall()]
