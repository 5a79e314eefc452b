"""A counted log as account-days, part by part: what is read at a time stays small."""

# ruff: noqa: S608 - every value in the queries is a number

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
from stemtide.backfill import Counted
from stemtide.calls import DAY_MS
from stemtide.users import user_hash

PART_ROWS: Final = 50_000
"""Counts (account, day, event) and users of a part, about: some 5,000 account-days."""
DAY_SPAN: Final = 1 << 23
DAY_ZERO: Final = 1 << 22
"""An account-day is one number, so that their order is one: the account's number times the span, and the
day since the epoch moved so that years before 1970 are no negative ones."""
Ints = npt.NDArray[np.int64]
TABLES: Final = (
    "accounts AS SELECT row_number() OVER (ORDER BY account) - 1 AS code, account, max(day) AS last_day,"
    " count(DISTINCT day) AS days, CAST(sum(calls) AS BIGINT) AS calls FROM counts GROUP BY account",
    "events AS SELECT event, row_number() OVER (ORDER BY event) - 1 AS code"
    " FROM (SELECT DISTINCT event FROM counts)",
    "persons AS SELECT person, user_hash(person) AS hash FROM (SELECT DISTINCT person FROM present)",
    f"days AS SELECT a.code * {DAY_SPAN} + c.day + {DAY_ZERO} AS spot, e.code AS event,"
    " CAST(sum(c.calls) AS BIGINT) AS calls, CAST(sum(c.events) AS BIGINT) AS events,"
    " min(c.place) AS place, min(c.first) AS first, max(c.last) AS last"
    " FROM counts c JOIN accounts a USING (account) JOIN events e USING (event)"
    " GROUP BY 1, 2 ORDER BY spot, place",
    f"presences AS SELECT a.code * {DAY_SPAN} + p.day + {DAY_ZERO} AS spot, u.hash,"
    " bool_or(p.comments) AS comments"
    " FROM present p JOIN accounts a USING (account) JOIN persons u USING (person)"
    " GROUP BY 1, 2 ORDER BY 1, 2",
    "parts AS SELECT part, min(spot) AS first FROM"
    f" (SELECT spot, CAST((sum(rows) OVER (ORDER BY spot) - rows) // {PART_ROWS} AS BIGINT) AS part FROM"
    " (SELECT spot, count(*) AS rows FROM (SELECT spot FROM days UNION ALL SELECT spot FROM presences)"
    " GROUP BY spot))"
    " GROUP BY part",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Account-days from `first` to before `end`, and how much of all lies before that end (0 to 1)."""

    number: int
    first: int
    end: int
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of the log: its name, its last day (since the epoch), its days and calls."""

    name: str
    last_day: int
    days: int
    calls: int


def put_in_order(connection: duckdb.DuckDBPyConnection) -> None:
    """Make of what the sources have the tables that `Days` reads, once all of them are in. Idempotent."""
    connection.create_function("user_hash", _number_of, ["VARCHAR"], "UBIGINT")
    for table in TABLES:
        connection.execute(f"CREATE OR REPLACE TABLE {table}")


def _number_of(user: str) -> int:
    return int.from_bytes(user_hash(user), "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Reads the ordered tables."""

    connection: duckdb.DuckDBPyConnection

    def accounts(self, part: Part | None = None) -> list[Account]:
        """The accounts (that have days in a part), by name."""
        within = "" if part is None else f" WHERE code BETWEEN {_code(part.first)} AND {_code(part.end - 1)}"
        found = self.connection.execute(
            f"SELECT account, last_day, days, calls FROM accounts{within} ORDER BY code"
        ).fetchall()
        return [
            Account(name=name, last_day=last, days=days, calls=calls) for name, last, days, calls in found
        ]

    def parts(self) -> list[Part]:
        """The account-days cut into parts of about `PART_ROWS` rows; a day is never cut."""
        found = self.connection.execute(
            "SELECT part, first, coalesce(lead(first) OVER (ORDER BY part), (SELECT max(spot) + 1 FROM days))"
            " FROM parts ORDER BY part"
        ).fetchall()
        return [
            Part(number=number, first=first, end=end, share=place / len(found))
            for place, (number, first, end) in enumerate(found, 1)
        ]

    def before(self, ends: Mapping[str, int]) -> tuple[int, int]:
        """How many days, and calls in them, begin before their accounts' instants (epoch ms)."""
        accounts = self.accounts()
        later = {
            code: code * DAY_SPAN + -(-end // DAY_MS) + DAY_ZERO
            for code, account in enumerate(accounts)
            if (end := ends[account.name]) <= account.last_day * DAY_MS
        }
        ((after, called),) = self.connection.execute(
            "SELECT count(DISTINCT spot), coalesce(CAST(sum(calls) AS BIGINT), 0) FROM days JOIN"
            " (SELECT unnest(CAST(? AS BIGINT[])) AS code, unnest(CAST(? AS BIGINT[])) AS first) AS ends"
            f" ON days.spot // {DAY_SPAN} = ends.code WHERE spot >= ends.first",
            [list(later), list(later.values())],
        ).fetchall()
        days, calls = sum(one.days for one in accounts), sum(one.calls for one in accounts)
        return days - after, calls - called

    def read(self, part: Part) -> Iterator[tuple[str, int, Counted]]:
        """(account, day, what was counted) of a part, by account and day."""
        names = [account.name for account in self.accounts(part)]
        within = f"spot >= {part.first} AND spot < {part.end}"
        events = self._events(within)
        found = self._arrays(
            f"SELECT spot, event, calls, events, first, last FROM days WHERE {within} ORDER BY spot, place"
        )
        users = self._arrays(f"SELECT spot, hash, comments FROM presences WHERE {within} ORDER BY spot, hash")
        packed = users["hash"].astype(">u8").tobytes()
        comments = np.flatnonzero(users["comments"])
        commenting = users["hash"][comments].astype(">u8").tobytes()
        users_at = _runs(users["spot"])
        starts, ends = _runs(found["spot"])
        named = [events[code] for code in found["event"].tolist()]
        amounts = found["events"].tolist()
        columns = zip(
            found["spot"][starts].tolist(),
            starts.tolist(),
            ends.tolist(),
            np.add.reduceat(found["calls"], starts).tolist(),
            np.minimum.reduceat(found["first"], starts).tolist(),
            np.maximum.reduceat(found["last"], starts).tolist(),
            *((8 * edges).tolist() for edges in users_at),
            *((8 * comments.searchsorted(edges)).tolist() for edges in users_at),
            strict=True,
        )
        for spot, start, end, calls, first_us, last_us, *user in columns:
            counted = Counted(
                types=zip(named[start:end], amounts[start:end], strict=True),
                calls=calls,
                first_ms=first_us // 1000,
                last_ms=last_us // 1000,
                users=packed[user[0] : user[1]],
                commenters=commenting[user[2] : user[3]],
            )
            yield names[_code(spot) - _code(part.first)], spot % DAY_SPAN - DAY_ZERO, counted

    def _events(self, within: str) -> dict[int, str]:
        query = f"SELECT code, event FROM events WHERE code IN (SELECT event FROM days WHERE {within})"
        return dict(self.connection.execute(query).fetchall())

    def _arrays(self, query: str) -> dict[str, Ints]:
        found: dict[str, Ints] = self.connection.execute(query).fetchnumpy()
        return found


def _code(spot: int) -> int:
    """The number of an account-day's account."""
    return spot // DAY_SPAN


def _runs(spots: Ints) -> tuple[Ints, Ints]:
    """Where each account-day begins and ends in rows ordered by it."""
    starts = (
        np.concatenate(([0], np.flatnonzero(np.diff(spots)) + 1)) if len(spots) else np.zeros(0, np.int64)
    )
    return starts, np.append(starts[1:], len(spots)) if len(spots) else starts
