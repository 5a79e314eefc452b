"""The 17 features of the reference walkthrough by its own SQL, on accounts that are used every day.

There a day without use has no row, here it is a day of nothing: on daily use both say the same. Its queries
are taken over as they are, but for the names of tables, CURRENT_DATE and the rounding.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.as_of import end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.config_schema import Events, Group
from stemtide.facts import Fact, fact_of, standing_at
from stemtide.features.configured_features import Shape
from stemtide.features.history import Day, history_of
from stemtide.features.kernel import Row, compute
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import registry
from stemtide.users import NOBODY, union, user_hash

TODAY = date(2026, 3, 14)
CLOSED = (TODAY - date(1970, 1, 2)).days
CATEGORIES = ("board", "gantt", "automation", "report", "api")
TYPES = (
    *("task_created", "task_completed", "comment_added", "file_uploaded", "invite_sent", "page_viewed"),
    *("session_start", "board_viewed", "gantt_opened", "automation_run", "report_viewed", "api_request"),
)
EVENTS = Events(
    core_actions=("task_created", "task_completed", "comment_added", "file_uploaded"),
    logins=("session_start",),
    invites=("invite_sent",),
    comments=("comment_added",),
    features=(
        *(Group(name=name, events=(f"{name}_*",)) for name in CATEGORIES),
        Group(name="team_invites", events=("invite_sent",)),
    ),
)
USAGE = """
WITH daily_usage AS (
    SELECT workspace_id, DATE(e.timestamp) AS activity_date, COUNT(DISTINCT e.user_id) AS active_users,
        COUNT(CASE WHEN e.event_type IN ('task_created', 'task_completed',
              'comment_added', 'file_uploaded') THEN 1 END) AS core_actions
    FROM events e WHERE e.timestamp >= today() - INTERVAL '90' DAY
    GROUP BY workspace_id, DATE(e.timestamp)
),
rolling_features AS (
    SELECT workspace_id, activity_date,
        AVG(active_users) OVER (PARTITION BY workspace_id
            ORDER BY activity_date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS avg_dau_7d,
        AVG(active_users) OVER (PARTITION BY workspace_id
            ORDER BY activity_date ROWS BETWEEN 13 PRECEDING AND CURRENT ROW) AS avg_dau_14d,
        AVG(core_actions) OVER (PARTITION BY workspace_id
            ORDER BY activity_date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW) AS avg_core_actions_7d,
        AVG(active_users) OVER (PARTITION BY workspace_id
            ORDER BY activity_date ROWS BETWEEN 29 PRECEDING AND CURRENT ROW) AS avg_dau_30d,
        AVG(core_actions) OVER (PARTITION BY workspace_id
            ORDER BY activity_date ROWS BETWEEN 29 PRECEDING AND CURRENT ROW) AS avg_core_actions_30d
    FROM daily_usage
)
SELECT avg_dau_7d, avg_dau_14d, avg_dau_30d,
    avg_dau_7d / NULLIF(avg_dau_30d, 0) AS usage_trend_ratio_7d_30d,
    avg_core_actions_7d / NULLIF(avg_core_actions_30d, 0) AS action_trend_ratio
FROM rolling_features WHERE activity_date = today() - INTERVAL '1' DAY
"""
ADOPTION = """
WITH feature_usage AS (
    SELECT CASE
            WHEN e.event_type LIKE 'board_%'      THEN 'kanban_boards'
            WHEN e.event_type LIKE 'gantt_%'      THEN 'gantt_charts'
            WHEN e.event_type LIKE 'automation_%' THEN 'automations'
            WHEN e.event_type LIKE 'report_%'     THEN 'reports'
            WHEN e.event_type LIKE 'api_%'        THEN 'api_access'
            WHEN e.event_type = 'invite_sent'     THEN 'team_invites'
        END AS feature_category
    FROM events e WHERE e.timestamp >= today() - INTERVAL '30' DAY
      AND e.event_type NOT IN ('page_viewed', 'session_start', 'session_end')
)
SELECT COUNT(DISTINCT feature_category) AS features_adopted FROM feature_usage
WHERE feature_category IS NOT NULL
"""
SIGNALS = """
SELECT
    COUNT(DISTINCT CASE WHEN e.event_type = 'comment_added' THEN e.user_id END) AS users_commenting,
    COUNT(CASE WHEN e.event_type = 'invite_sent' THEN 1 END) AS invites_sent_30d,
    COUNT(DISTINCT e.user_id) * 1.0 / NULLIF(any_value(w.seat_count), 0) AS seat_utilization
FROM workspaces w JOIN events e ON e.timestamp >= today() - INTERVAL '30' DAY
"""
SUPPORT = """
SELECT COUNT(DISTINCT t.ticket_id) AS support_tickets_30d,
    AVG(t.satisfaction_rating) AS avg_csat,
    COUNT(CASE WHEN t.priority IN ('high', 'urgent') THEN 1 END) AS urgent_tickets_30d
FROM support_tickets t WHERE t.created_at >= today() - INTERVAL '30' DAY
"""
BILLING = """
SELECT mrr, CASE WHEN mrr < LAG(mrr) OVER (ORDER BY period_start) THEN 1 ELSE 0 END AS downgraded_last_period
FROM subscriptions ORDER BY period_start DESC LIMIT 1
"""
OTHERS = """
SELECT date_diff('day', max(e.timestamp)::DATE, today()) - 1 AS days_since_last_login,
    (SELECT date_diff('day', created_at, today()) - 1 FROM workspaces) AS account_age_days,
    (SELECT score FROM nps ORDER BY answered_at DESC LIMIT 1) AS nps_score
FROM events e WHERE e.event_type = 'session_start'
"""
SEVENTEEN = {
    "avg_dau_7d", "avg_dau_14d", "avg_dau_30d", "usage_trend_ratio_7d_30d", "action_trend_ratio",
    "features_adopted", "seat_utilization", "invites_sent_30d", "users_commenting", "support_tickets_30d",
    "urgent_tickets_30d", "avg_csat", "days_since_last_login", "mrr", "account_age_days",
    "downgraded_last_period", "nps_score",
}  # fmt: skip
Row5 = tuple[datetime, str, str]


@contextmanager
def warehouse(rows: list[Row5], facts: dict[str, list[tuple[Any, ...]]]) -> Iterator[Any]:
    """The walkthrough's tables, of one workspace."""
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"CREATE MACRO today() AS DATE '{TODAY}'")
        connection.execute("CREATE TABLE events (timestamp TIMESTAMP, user_id VARCHAR, event_type VARCHAR)")
        connection.execute("ALTER TABLE events ADD COLUMN workspace_id VARCHAR DEFAULT 'w'")
        connection.execute("CREATE TABLE workspaces (seat_count INTEGER, created_at DATE)")
        connection.execute(
            "CREATE TABLE support_tickets (ticket_id VARCHAR, priority VARCHAR, satisfaction_rating DOUBLE,"
            " created_at TIMESTAMP)"
        )
        connection.execute("CREATE TABLE subscriptions (period_start TIMESTAMP, mrr DOUBLE)")
        connection.execute("CREATE TABLE nps (answered_at TIMESTAMP, score INTEGER)")
        columns = [list(column) for column in zip(*rows, strict=True)]
        connection.execute(
            "INSERT INTO events (timestamp, user_id, event_type) SELECT unnest(?), unnest(?), unnest(?)",
            columns,
        )
        for table, found in facts.items():
            for one in found:
                marks = ", ".join("?" for _ in one)
                connection.execute(f"INSERT INTO {table} VALUES ({marks})", list(one))
        yield connection


def theirs(connection: Any) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for query in (USAGE, ADOPTION, SIGNALS, SUPPORT, BILLING, OTHERS):
        answer = connection.execute(query)
        names = [column[0] for column in answer.description]
        found |= dict(zip(names, answer.fetchone(), strict=True))
    return found


def at(ago: int, hours: float = 9.0) -> datetime:
    return datetime.combine(TODAY, datetime.min.time()) - timedelta(days=ago) + timedelta(hours=hours)


def ms(instant: datetime) -> int:
    return int(instant.replace(tzinfo=UTC).timestamp() * 1000)


def fact(number: int, instant: datetime, kind: str, content: dict[str, Any], event: str = "") -> Fact:
    call = {"type": kind, "messageId": f"f-{number}", "event": event}
    call |= {"traits": content} if kind == "group" else {"properties": content}
    made = fact_of(call, known_ms=ms(instant), at_ms=ms(instant))
    assert made is not None
    return made


def ours(rows: list[Row5], facts: list[Fact]) -> dict[str, float]:
    days: dict[int, tuple[dict[str, int], set[str], set[str]]] = {}
    for instant, user, name in sorted(rows):
        counts, people, writing = days.setdefault(ms(instant) // DAY_MS, ({}, set(), set()))
        counts[name] = counts.get(name, 0) + 1
        people.add(user)
        if name == "comment_added":
            writing.add(user)
    listed = [
        Day(day, counts, union(NOBODY, map(user_hash, people)), union(NOBODY, map(user_hash, writing)))
        for day, (counts, people, writing) in days.items()
    ]
    history = history_of("w", listed, events=EVENTS)
    standing = standing_at(facts, end_of_day_ms(CLOSED))
    basis = Basis(shape=Shape.of(EVENTS))
    [values] = compute([Row(history, standing, CLOSED)], basis=basis).tolist()
    return dict(zip(registry(basis.shape).names, values, strict=True))


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), days=st.integers(31, 100), users=st.integers(1, 12))
def test_the_walkthroughs_features_are_what_its_sql_says(seed: int, days: int, users: int) -> None:
    source = Random(seed)
    rows = [
        (at(ago, source.uniform(0, 23.9)), f"u{source.randrange(users)}", source.choice(TYPES))
        for ago in range(1, days + 1)
        for _ in range(source.randrange(1, 12))
    ]
    rows.append((at(source.randrange(1, 20)), "u0", "session_start"))
    tickets = [
        (
            f"t{n}",
            source.choice(["low", "normal", "high", "urgent"]),
            float(source.randrange(1, 6)),
            at(30 - n, 5.0),
        )
        for n in range(source.randrange(1, 6))
    ]
    prices = [source.choice([9900, 19900, 4900, 0]) for _ in range(3)]
    terms = [(at(30 * (2 - n) + 10, 1.0), price) for n, price in enumerate(prices)]
    created, seats, score = TODAY - timedelta(days=days + 200), source.randrange(1, 30), source.randrange(11)
    facts = [
        fact(0, at(days), "group", {"seats": seats, "created_at": f"{created}T00:00:00Z", "currency": "USD"}),
        *(
            fact(10 + n, when, "track", {"ticket_id": t, "priority": p, "csat": c}, "Support Ticket Created")
            for n, (t, p, c, when) in enumerate(tickets)
        ),
        *(
            fact(
                50 + n,
                when,
                "track",
                {"plan": f"p{n}", "mrr": price, "term_start": f"{when.isoformat()}Z", "term_months": 1},
                "Subscription Started" if n == 0 else "Subscription Changed",
            )
            for n, (when, price) in enumerate(terms)
        ),
        fact(90, at(4), "track", {"score": score}, "NPS Submitted"),
    ]
    stored = {
        "workspaces": [(seats, created)],
        "support_tickets": tickets,
        "subscriptions": [(when, price / 100) for when, price in terms],
        "nps": [(at(4), score)],
    }
    with warehouse(rows, stored) as connection:
        expected = theirs(connection)

    found = ours(rows, facts)

    assert expected.keys() >= SEVENTEEN
    assert {name: found[name] for name in SEVENTEEN} == {
        name: pytest.approx(expected[name], rel=1e-12) for name in SEVENTEEN
    }
