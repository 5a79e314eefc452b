"""Today's records: which are sent, whose volume has fallen, and how long a new score took."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from demo.today import PROPERTIES, call_of, fallen, first_records, has_fallen, percentile, rescored, scored

TODAY = date(2026, 3, 20)
NOW = datetime(2026, 3, 20, 9, 30, tzinfo=UTC)


def days(before: int, after: int, today: int = 0) -> list[dict[str, Any]]:
    """Two weeks of usage with so many calls a day."""
    found = [
        {"date": str(TODAY - timedelta(days=back)), "api_calls": before if back > 7 else after}
        for back in range(14, 0, -1)
    ]
    return [*found, {"date": str(TODAY), "api_calls": today}]


@pytest.mark.parametrize(
    ("before", "after", "fell"),
    [(100, 49, True), (100, 50, False), (100, 100, False), (0, 0, False), (2, 0, False), (3, 0, True)],
)
def test_a_week_of_less_than_half_is_a_fall(before: int, after: int, fell: bool) -> None:
    assert has_fallen(days(before, after), TODAY) is fell


def test_the_open_day_decides_nothing() -> None:
    assert has_fallen(days(100, 10, today=100_000), TODAY)


def test_each_accounts_first_row_of_the_day_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "events.parquet"
    duckdb.sql(
        f"""COPY (SELECT *, NULL AS priority, NULL AS text, NULL AS csat, NULL AS score FROM (VALUES
        (TIMESTAMP '2026-03-19 23:59:59', 'a', 'a-u1', 'Yesterday', 1, NULL),
        (TIMESTAMP '2026-03-20 08:00:00', 'a', NULL, 'API Call', 40, NULL),
        (TIMESTAMP '2026-03-20 07:00:00', 'a', 'a-u2', 'Support Ticket Updated', 1, 't-1'),
        (TIMESTAMP '2026-03-20 00:00:00', 'b', NULL, 'API Call', 7, NULL),
        (TIMESTAMP '2026-03-21 00:00:00', 'c', NULL, 'API Call', 7, NULL)
        ) t(timestamp, account_id, user_id, event, count, ticket_id)) TO '{path}'"""
    )

    found = first_records(path, TODAY)

    assert [call_of(row, now=NOW, run="demo-7")["properties"] for row in found] == [
        {"count": 1, "ticket_id": "t-1"},
        {"count": 7},
    ]
    assert [(row["account"], row["user"], row["event"]) for row in found] == [
        ("a", "a-u2", "Support Ticket Updated"),
        ("b", None, "API Call"),
    ]


def test_a_row_without_a_user_is_sent_as_an_anonymous_one() -> None:
    row = {"account": "b", "user": None, "event": "API Call", **dict.fromkeys(PROPERTIES), "count": 7}
    call = call_of(row, now=NOW, run="demo-7")

    assert call == {
        "type": "track",
        "event": "API Call",
        "messageId": "demo-7-b",
        "timestamp": "2026-03-20T09:30:00.000+00:00",
        "context": {"groupId": "b"},
        "properties": {"count": 7},
        "anonymousId": "b",
    }


@pytest.mark.parametrize(
    ("record", "seconds"),
    [
        ({"trigger": "usage_drop", "scored_at": "2026-03-20T09:30:04.500Z"}, 4.5),
        ({"trigger": "login", "scored_at": "2026-03-20T09:30:02.000Z"}, 2.0),
        ({"trigger": "schedule", "scored_at": "2026-03-20T09:30:04.500Z"}, None),
        ({"trigger": "usage_drop", "scored_at": "2026-03-20T09:29:59.000Z"}, None),
        ({"trigger": None, "scored_at": None}, None),
    ],
)
def test_only_a_later_score_that_the_record_caused_counts(
    record: dict[str, Any], seconds: float | None
) -> None:
    assert rescored(record, NOW) == seconds


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(v) for v in range(1, 21)]

    assert percentile(values, 0.5) == 10
    assert percentile(values, 0.95) == 19
    assert percentile([3.0], 0.95) == 3


class Shown:
    """What the API shows of three accounts: one fell silent, one fell and goes on, one left before."""

    def usage(self, account: str, first: date, last: date) -> list[dict[str, Any]]:
        shown = [day for day in days(100, 10) if first <= date.fromisoformat(day["date"]) <= last]
        return shown if account == "goes-on" else shown[:-1]

    def account(self, account: str) -> dict[str, Any]:
        return {"churn_risk_score": None if account == "left" else 40}


def test_the_silent_are_those_who_fell_and_were_not_active_yesterday() -> None:
    web: Any = Shown()
    accounts = ["goes-on", "left", "silent"]

    assert fallen(web, accounts, TODAY, lambda _: None) == accounts
    assert fallen(web, accounts, TODAY, lambda _: None, silent=True) == ["left", "silent"]


def test_nobody_waits_for_a_score_of_an_account_that_left() -> None:
    web: Any = Shown()

    assert scored(web, ["left", "silent"]) == ["silent"]
