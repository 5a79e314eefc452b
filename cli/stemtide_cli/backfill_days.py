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
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Accounts with numbers from `first` to before `end`, in the order of their names."""

    number: int
    first: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of the log: its name, its first and last day (since the epoch), its days and calls."""

    name: str
    first_day: int
    last_day: int
    days: int
    calls: int


def put_in_order(connection: duckdb.DuckDBPyConnection) -> None:
    """Make of what the sources have the tables that `Days` reads, once all of them are in. Idempotent."""
    connection.create_function("user_hash", _number_of, ["VARCHAR"], "UBIGINT")
    statements = (
        "accounts AS SELECT row_number() OVER (ORDER BY account) - 1 AS code, account,"
        " min(day) AS first_day, max(day) AS last_day, count(DISTINCT day) AS days,"
        " CAST(sum(calls) AS BIGINT) AS calls, count(*) AS rows FROM counts GROUP BY account",
        "events AS SELECT event, row_number() OVER (ORDER BY event) - 1 AS code"
        " FROM (SELECT DISTINCT event FROM counts)",
        "persons AS SELECT person, user_hash(person) AS hash FROM (SELECT DISTINCT person FROM present)",
        "days AS SELECT a.code AS account, c.day, e.code AS event, CAST(sum(c.calls) AS BIGINT) AS calls,"
        " CAST(sum(c.events) AS BIGINT) AS events, min(place) AS place,"
        " min(first) AS first, max(last) AS last"
        " FROM counts c JOIN accounts a USING (account) JOIN events e USING (event)"
        " GROUP BY a.code, c.day, e.code ORDER BY 1, 2, 6",
        "presences AS SELECT DISTINCT a.code AS account, p.day, u.hash"
        " FROM present p JOIN accounts a USING (account) JOIN persons u USING (person) ORDER BY 1, 2, 3",
    )
    for statement in statements:
        connection.execute(f"CREATE OR REPLACE TABLE {statement}")


def _number_of(user: str) -> int:
    return int.from_bytes(user_hash(user), "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Reads the ordered tables."""

    connection: duckdb.DuckDBPyConnection

    def accounts(self, part: Part | None = None) -> list[Account]:
        """The accounts (of a part), by name."""
        within = "" if part is None else f" WHERE code >= {part.first} AND code < {part.end}"
        found = self.connection.execute(
            f"SELECT account, first_day, last_day, days, calls FROM accounts{within} ORDER BY code"
        ).fetchall()
        return [
            Account(name=name, first_day=first, last_day=last, days=days, calls=calls)
            for name, first, last, days, calls in found
        ]

    def parts(self) -> list[Part]:
        """The accounts cut into parts of about `PART_ROWS` rows; an account is never cut."""
        sizes = self.connection.execute(
            "SELECT a.rows + coalesce(p.rows, 0) FROM accounts a LEFT JOIN"
            " (SELECT account, count(*) AS rows FROM presences GROUP BY account) p ON p.account = a.code"
            " ORDER BY a.code"
        ).fetchall()
        parts: list[Part] = []
        first = size = 0
        for code, (rows,) in enumerate(sizes, 1):
            size += int(rows)
            if size >= PART_ROWS or code == len(sizes):
                parts.append(Part(number=len(parts), first=first, end=code))
                first, size = code, 0
        return parts

    def before(self, ends: Mapping[str, int]) -> tuple[int, int]:
        """How many days, and calls in them, begin before their accounts' instants (epoch ms)."""
        rows = [(account, ends[account.name]) for account in self.accounts()]
        earlier = [
            (code, end) for code, (account, end) in enumerate(rows) if end <= account.last_day * DAY_MS
        ]
        self.connection.execute("CREATE OR REPLACE TEMP TABLE ends (account BIGINT, at_ms BIGINT)")
        if earlier:
            self.connection.executemany("INSERT INTO ends VALUES (?, ?)", earlier)
        ((days, calls),) = self.connection.execute(
            "SELECT count(DISTINCT (account, day)), coalesce(CAST(sum(calls) AS BIGINT), 0) FROM days"
            f" JOIN ends USING (account) WHERE CAST(day AS BIGINT) * {DAY_MS} >= at_ms"
        ).fetchall()
        whole = [account for account, _ in rows]
        return sum(one.days for one in whole) - days, sum(one.calls for one in whole) - calls

    def read(self, part: Part) -> Iterator[tuple[str, int, Counted]]:
        """(account, day, what was counted) of a part, by account and day."""
        names = [account.name for account in self.accounts(part)]
        events = [str(name) for (name,) in self._rows("SELECT event FROM events ORDER BY code")]
        within = f"account >= {part.first} AND account < {part.end}"
        found = self._arrays(
            f"SELECT account, day, event, calls, events, first, last FROM days WHERE {within}"
            " ORDER BY account, day, place"
        )
        users = self._arrays(
            f"SELECT account, day, hash FROM presences WHERE {within} ORDER BY account, day, hash"
        )
        packed = users["hash"].astype(">u8").tobytes()
        starts, ends = _runs(found["account"], found["day"])
        user_starts, user_ends = _runs(users["account"], users["day"])
        named = [events[code] for code in found["event"].tolist()]
        amounts = found["events"].tolist()
        columns = zip(
            found["account"][starts].tolist(),
            found["day"][starts].tolist(),
            starts.tolist(),
            ends.tolist(),
            np.add.reduceat(found["calls"], starts).tolist(),
            np.minimum.reduceat(found["first"], starts).tolist(),
            np.maximum.reduceat(found["last"], starts).tolist(),
            user_starts.tolist(),
            user_ends.tolist(),
            strict=True,
        )
        for account, day, start, end, calls, first_us, last_us, user_start, user_end in columns:
            yield (
                names[account - part.first],
                day,
                Counted(
                    types=zip(named[start:end], amounts[start:end], strict=True),
                    calls=calls,
                    first_ms=first_us // 1000,
                    last_ms=last_us // 1000,
                    users=packed[8 * user_start : 8 * user_end],
                ),
            )

    def _rows(self, query: str) -> list[tuple[str, ...]]:
        return self.connection.execute(query).fetchall()

    def _arrays(self, query: str) -> dict[str, Ints]:
        found: dict[str, Ints] = self.connection.execute(query).fetchnumpy()
        return found


def _runs(account: Ints, day: Ints) -> tuple[Ints, Ints]:
    """Where each account-day begins and ends in rows ordered by both."""
    if not len(account):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    changes = np.flatnonzero((np.diff(account) != 0) | (np.diff(day) != 0)) + 1
    starts = np.concatenate(([0], changes))
    return starts, np.append(starts[1:], len(account))
