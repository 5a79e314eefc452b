"""Today's first records: whose volume has fallen, and how soon those accounts are scored anew."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb

from demo.web import Web

WEEK_DAYS: Final = 7
FALL: Final = 0.5
PROPERTIES: Final = ("count", "priority", "ticket_id", "text", "csat", "score")
LEAST_BEFORE: Final = 20
"""As the shipped rule `api_calls_down` says: more than half, of at least so many calls a week."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """One account that was scored because its volume fell."""

    account: str
    seconds: float


def first_records(events: Path, today: date) -> list[dict[str, Any]]:
    """The first row of each account on that day of a simulated base: account, user, event, properties."""
    columns = ("user_id", "event", *PROPERTIES)
    firsts = ", ".join(f"first({column} ORDER BY timestamp)" for column in columns)
    rows = duckdb.execute(
        f"SELECT account_id, {firsts} FROM read_parquet(?) WHERE CAST(timestamp AS DATE) = ?"  # noqa: S608
        " GROUP BY account_id ORDER BY account_id",
        [str(events), today],
    ).fetchall()
    return [dict(zip(("account", "user", "event", *PROPERTIES), row, strict=True)) for row in rows]


def call_of(row: Mapping[str, Any], *, now: datetime, run: str) -> dict[str, Any]:
    """A row as the Segment call of this moment."""
    who = {"userId": row["user"]} if row["user"] is not None else {"anonymousId": row["account"]}
    return {
        "type": "track",
        "event": row["event"],
        "messageId": f"{run}-{row['account']}",
        "timestamp": now.isoformat(timespec="milliseconds"),
        "context": {"groupId": row["account"]},
        "properties": {name: row[name] for name in PROPERTIES if row.get(name) is not None},
        **who,
    }


def has_fallen(days: Iterable[Mapping[str, Any]], today: date) -> bool:
    """Whether the API volume of the last seven closed days is less than half that of the seven before.

    Args:
        days: as the usage route shows them.
    """
    middle = str(today - timedelta(days=WEEK_DAYS))
    low, high = str(today - timedelta(days=2 * WEEK_DAYS)), str(today)
    inside = [day for day in days if low <= day["date"] < high]
    before = sum(day["api_calls"] for day in inside if day["date"] < middle)
    after = sum(day["api_calls"] for day in inside if day["date"] >= middle)
    return bool(before >= LEAST_BEFORE and after < (1 - FALL) * before)


def fallen(
    web: Web, accounts: Iterable[str], today: date, say: Callable[[str], None], *, silent: bool = False
) -> list[str]:
    """Those whose API volume has fallen, by the usage that the API shows.

    Args:
        silent: only those who were not active at all yesterday.
    """
    yesterday, found = str(today - timedelta(days=1)), []
    for account in accounts:
        say(f"usage of {account}")
        days = web.usage(account, today - timedelta(days=2 * WEEK_DAYS), today - timedelta(days=1))
        if has_fallen(days, today) and not (silent and any(day["date"] == yesterday for day in days)):
            found.append(account)
    return found


def post_each(
    web: Web, rows: Sequence[Mapping[str, Any]], *, run: str, say: Callable[[str], None]
) -> dict[str, datetime]:
    """Send the records one by one; returns the instant just before each was sent."""
    sent = {}
    for row in rows:
        say(f"{row['account']}: {row['event']}")
        now = datetime.now(UTC)
        sent[row["account"]] = now
        web.post_events(call_of(row, now=now, run=run))
    return sent


def rescored(record: Mapping[str, Any], sent: datetime) -> float | None:
    """Seconds from the record's arrival to the look it caused; None while there is none.

    Its first record may be a login, too, which is followed by a score as of an instant a little later: the
    record shows the later of the two. At that look the account may be found to be no customer any more: its
    record then has no score.
    """
    if record.get("trigger") not in ("usage_drop", "login") or not record.get("scored_at"):
        return None
    seconds = (datetime.fromisoformat(record["scored_at"]) - sent).total_seconds()
    return seconds if seconds >= 0 else None


def scored(web: Web, accounts: Iterable[str]) -> list[str]:
    """Those with a score: after a sweep all customers, whoever left has none."""
    return [one for one in accounts if web.account(one).get("churn_risk_score") is not None]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value with at least that share of all at or below it (nearest rank)."""
    ordered = sorted(values)
    rank = math.ceil(len(ordered) * share - 1e-9)
    return ordered[min(max(rank, 1), len(ordered)) - 1]
