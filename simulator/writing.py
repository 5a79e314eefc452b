"""A customer base as a log folder: `events.parquet`, `subscriptions.csv`, `accounts.csv`, `truth.json`."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from simulator.base import Account, Plan, accounts
from simulator.calendar import day_at
from simulator.customer import CURRENCY
from simulator.plans import PLANS
from simulator.rows import EVENTS, NO_ROWS, joined

EVENTS_FILE: Final = "events.parquet"
SUBSCRIPTIONS_FILE: Final = "subscriptions.csv"
ACCOUNTS_FILE: Final = "accounts.csv"
TRUTH_FILE: Final = "truth.json"
TOGETHER: Final = 100
"""Accounts handed to DuckDB at a time."""
SUBSCRIPTION_COLUMNS: Final = (
    "account_id",
    "product",
    "start_date",
    "mrr",
    "quantity",
    "units",
    "bill_period_months",
    "discount",
)
ACCOUNT_COLUMNS: Final = (
    "account_id",
    "name",
    "csm",
    "time_zone",
    "currency",
    "employees",
    "created_at",
    "limit_api_calls",
    "stripe_customer_id",
)
ORDERED: Final = """
COPY (
  SELECT make_timestamp(r.instant) AS timestamp, a.id AS account_id,
    CASE WHEN r.person >= 0 THEN a.id || '-u' || lpad(CAST(r.person + 1 AS VARCHAR), 2, '0') END AS user_id,
    e.name AS event, r.weight AS count, d.priority, d.ticket_id, d.text, d.csat, d.score, d.value
  FROM rows r JOIN account_names a ON a.number = r.account JOIN event_names e ON e.number = r.event
    LEFT JOIN details d ON d.account = r.account AND d.number = r.detail
  ORDER BY r.instant, r.account, r.number
) TO {path} (FORMAT parquet, COMPRESSION zstd)
"""
DETAILS: Final = """
INSERT INTO details SELECT account, number, nullif(priority, ''), nullif(ticket_id, ''), nullif(text, ''),
  CASE WHEN NOT isnan(csat) THEN csat END, CASE WHEN NOT isnan(score) THEN score END,
  CASE WHEN NOT isnan(value) THEN value END FROM found
"""

Progress = Callable[[int], None]
"""Told how many accounts are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a folder holds: rows, the events they stand for, customers when the log ends, and who left."""

    accounts: int
    rows: int
    events: int
    customers: int
    left: int


def simulate(plan: Plan, folder: Path, *, progress: Progress = lambda _: None) -> Written:
    """Write a customer base; the same plan always gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Account] = []
    with duckdb.connect(config={"threads": "1", "autoinstall_known_extensions": "false"}) as connection:
        _create(connection)
        waiting: list[Account] = []
        for each in accounts(plan):
            waiting.append(each)
            if len(waiting) == TOGETHER:
                found += _insert(connection, waiting)
                waiting = []
            progress(each.number + 1)
        found += _insert(connection, waiting)
        rows, events = connection.execute("SELECT count(*), coalesce(sum(weight), 0) FROM rows").fetchall()[0]
        target = str(folder / EVENTS_FILE).replace("'", "''")
        connection.execute(ORDERED.format(path=f"'{target}'"))
    _table(folder / SUBSCRIPTIONS_FILE, SUBSCRIPTION_COLUMNS, _subscriptions(found))
    _table(folder / ACCOUNTS_FILE, ACCOUNT_COLUMNS, map(_traits, found))
    _truth(folder / TRUTH_FILE, plan, found)
    left = sum(each.contract.ended is not None for each in found)
    return Written(
        accounts=len(found), rows=int(rows), events=int(events), customers=len(found) - left, left=left
    )


def _create(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "CREATE TABLE rows (account INT, number INT, instant BIGINT, person INT, event INT, weight INT,"
        " detail INT)"
    )
    connection.execute("CREATE TABLE account_names (number INT, id VARCHAR)")
    connection.execute(
        "CREATE TABLE details (account INT, number INT, priority VARCHAR, ticket_id VARCHAR, text VARCHAR,"
        " csat INT, score INT, value DOUBLE)"
    )
    connection.execute("CREATE TABLE event_names (number INT, name VARCHAR)")
    connection.executemany("INSERT INTO event_names VALUES (?, ?)", [list(e) for e in enumerate(EVENTS)])


def _insert(connection: duckdb.DuckDBPyConnection, some: Sequence[Account]) -> list[Account]:
    """Hand the rows over; what is kept of the accounts has none."""
    if not some:
        return []
    together = joined([each.rows for each in some])
    lengths = [len(each.rows) for each in some]
    detail = np.concatenate([each.rows.detail for each in some])
    columns = {
        "account": np.repeat(np.array([each.number for each in some], dtype=np.int32), lengths),
        "number": np.concatenate([np.arange(n, dtype=np.int32) for n in lengths]),
        "instant": together.at,
        "person": together.user,
        "event": together.event,
        "weight": together.count,
        "detail": detail,
    }
    connection.register("columns", columns)
    connection.execute("INSERT INTO rows SELECT * FROM columns")
    connection.unregister("columns")
    connection.register("names", _names(some))
    connection.execute("INSERT INTO account_names SELECT * FROM names")
    connection.unregister("names")
    connection.register("found", _details(some))
    connection.execute(DETAILS)
    connection.unregister("found")
    return [replace(each, rows=NO_ROWS) for each in some]


def _names(some: Sequence[Account]) -> dict[str, np.ndarray]:
    return {
        "number": np.array([each.number for each in some], dtype=np.int32),
        "id": np.array([each.customer.account for each in some], dtype=object),
    }


def _details(some: Sequence[Account]) -> dict[str, np.ndarray]:
    """Columns without nulls, whose types DuckDB need not guess: '' and NaN stand for absent."""
    pairs = [(each.number, i, detail) for each in some for i, detail in enumerate(each.rows.details)]
    columns = {
        "account": np.array([account for account, *_ in pairs], dtype=np.int32),
        "number": np.array([number for _, number, _ in pairs], dtype=np.int32),
    }
    for name in ("priority", "ticket_id", "text"):
        columns[name] = np.array([getattr(detail, name) or "" for *_, detail in pairs], dtype=object)
    for name in ("csat", "score", "value"):
        values = [getattr(detail, name) for *_, detail in pairs]
        columns[name] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return columns


def _subscriptions(found: Iterable[Account]) -> Iterator[tuple[Any, ...]]:
    for each in found:
        for term in each.contract.terms:
            yield (
                each.customer.account,
                PLANS[term.plan].name,
                day_at(term.start),
                term.mrr,
                term.seats,
                "users",
                term.months,
                term.discount,
            )


def _traits(each: Account) -> tuple[Any, ...]:
    who = each.customer
    limit = "" if who.api_limit is None else who.api_limit
    created = day_at(who.start)
    customer = f"cus_{who.account}"
    return who.account, who.name, who.csm, who.time_zone, CURRENCY, who.employees, created, limit, customer


def _table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _truth(path: Path, plan: Plan, found: Iterable[Account]) -> None:
    """What a model must find out: for tests and eyes only."""
    causes = {
        each.customer.account: {
            "cause": each.story.cause,
            "since": None if each.story.onset is None else str(day_at(each.begin + each.story.onset)),
            "joined": str(day_at(each.customer.start)),
            "left": None if each.contract.ended is None else str(day_at(each.contract.ended)),
        }
        for each in found
    }
    head = {"seed": plan.seed, "days": plan.days, "end": str(plan.end)}
    path.write_text(json.dumps({**head, "accounts": causes}, indent=1) + "\n", encoding="utf-8")
