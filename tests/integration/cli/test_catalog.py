"""`stemtide catalog`: event types, segments and lineage, from what was sent."""

import tomllib
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest
from stemtide.config import bundled_config
from stemtide.store.pace import Threads
from stemtide.store.usage_scan import scan_usage

from tests.integration.cli.backfills import arguments, replay, write_log
from tests.integration.cli.conftest import Deployment
from tests.stream_cloud import start_function
from tests.streams import call

ROOT = Path(__file__).parents[3]
FIRST = date(2026, 1, 5)
LATE_OK = {"origin": "replay", "late_ok": True}
NAMES = ("Report Created", "Deal Won", "API Call", "blorp", "Login Failed")


def sent(number: int, day: int, **changes: Any) -> dict[str, Any]:
    """A call on a day after `FIRST`."""
    at = f"{FIRST + timedelta(days=day)}T11:59:00Z"
    return call(f"m-{number}", timestamp=at, _stemtide=LATE_OK, **changes)


def put(deployment: Deployment, *calls: dict[str, Any]) -> None:
    for one in calls:
        deployment.put(one, key=one["context"]["groupId"])
    deployment.deliver()


def mixed() -> list[dict[str, Any]]:
    """Calls of three accounts on forty days, out of order, some of which stand for several events."""
    random = Random(7)
    calls = [
        sent(
            number,
            random.randrange(40),
            event=random.choice(NAMES),
            userId=f"user-{random.randrange(60)}",
            context={"groupId": random.choice(["acme", "beta", "gamma"])},
            properties={"count": random.choice([1, 1, 5])},
        )
        for number in range(300)
    ]
    calls += [sent(1000 + n, 3, event="Deal Won", userId=f"crowd-{n}") for n in range(40)]
    return calls


def by_event(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["event"]: row for row in found["event_types"]}


def recounted(calls: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    """Events, accounts, users, first and last day by event type, as DuckDB counts the distinct calls."""
    rows = [
        (
            one["messageId"],
            one["event"],
            one["context"]["groupId"],
            one["userId"],
            one["timestamp"][:10],
            one["properties"].get("count", 1),
        )
        for one in calls
    ]
    with duckdb.connect() as base:
        base.execute("CREATE TABLE sent (id TEXT, event TEXT, account TEXT, usr TEXT, day TEXT, n BIGINT)")
        base.executemany("INSERT INTO sent VALUES (?, ?, ?, ?, ?, ?)", rows)
        counted = base.execute(
            "SELECT event, sum(n)::BIGINT, count(DISTINCT account), count(DISTINCT usr), min(day), max(day) "
            "FROM (SELECT DISTINCT * FROM sent) GROUP BY event"
        ).fetchall()
    return {name: tuple(figures) for name, *figures in counted}


def test_the_counts_are_those_of_what_was_sent_whatever_came_twice_or_late(deployment: Deployment) -> None:
    calls = mixed()
    put(deployment, *calls)
    put(deployment, *calls[-30:])  # repeated by their producer
    put(deployment, call("too-late", timestamp="1999-01-01T00:00:00Z", event="Never Counted", userId="late"))

    found = deployment.run("catalog")

    rows = found["event_types"]
    counted = {
        row["event"]: (row["events"], row["accounts"], row["users"], row["first_seen"], row["last_seen"])
        for row in rows
    }
    assert counted == recounted(calls)
    assert [row["events"] for row in rows] == sorted((row["events"] for row in rows), reverse=True)
    assert {row["users_are"] for row in rows} == {"exact"}
    assert found["events"] == sum(row["events"] for row in rows)
    assert (found["accounts"], found["not_counted_by_name"]) == (3, [])


def test_a_range_counts_only_its_days(deployment: Deployment) -> None:
    calls = mixed()
    put(deployment, *calls)
    first, last = FIRST + timedelta(days=3), FIRST + timedelta(days=9)

    found = deployment.run("catalog", "--from", str(first), "--to", str(last))

    within = [one for one in calls if str(first) <= one["timestamp"][:10] <= str(last)]
    counted = recounted(within)
    assert {row["event"]: row["events"] for row in found["event_types"]} == {
        name: figures[0] for name, figures in counted.items()
    }
    assert {row["event"]: row["users"] for row in found["event_types"]} == {
        name: figures[2] for name, figures in counted.items()
    }
    assert found["segments"]["as_of"] == str(last)


def test_calls_are_told_where_they_are_known(deployment: Deployment) -> None:
    put(
        deployment,
        sent(1, 0, event="Report Created", properties={"count": 5}),
        sent(2, 1, event="Deal Won"),
        sent(3, 1, event="Deal Won"),
        sent(4, 2, event="blorp", properties={"count": 5}),
        sent(5, 2, event="blip"),
    )

    rows = by_event(deployment.run("catalog"))

    assert {name: row["calls"] for name, row in rows.items()} == {
        "Report Created": 1,
        "Deal Won": 2,
        "blorp": None,
        "blip": None,
    }


def test_the_table_is_read_the_same_in_any_number_of_segments(deployment: Deployment) -> None:
    put(deployment, *mixed())
    client = deployment.stack.client("dynamodb")

    read = [
        sorted(
            item
            for page in scan_usage(client, "usage", side_by_side=Threads(), segments=segments)
            for item in page
        )
        for segments in (1, 3, 8)
    ]

    assert read[0] == read[1] == read[2]
    assert len(read[0]) == len(deployment.cloud.usage.scan()["Items"])


def test_what_is_not_mapped_is_suggested_as_a_line_to_paste(deployment: Deployment) -> None:
    put(deployment, sent(1, 0, event="Deal Won"), sent(2, 0, event="Report Created"), sent(3, 0, type="page"))

    found = deployment.run("catalog")

    rows = by_event(found)
    assert rows["Report Created"]["counts_as"] == ["core_actions"]
    assert rows["Report Created"]["suggestion"] is None
    assert (rows["page"]["looks_like"], rows["page"]["suggestion"]) == ("page view", None)
    assert rows["Deal Won"]["counts_as"] == []
    assert rows["Deal Won"]["suggestion"]["line"] == 'core_actions = [..., "Deal Won"]'
    assert rows["Deal Won"]["suggestion"]["because"] == "its name says 'won'"
    pasted = tomllib.loads(found["suggested_configuration"])
    assert "Deal Won" in pasted["core_actions"]
    assert "* Created" in pasted["core_actions"]


def test_users_of_what_only_a_backfill_brought_are_unknown(deployment: Deployment, tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", where="timestamp < timestamp '2023-03-03 10:00:00'")
    deployment.run(*arguments(log, "--cutover", "2023-03-03T10:00:00Z"))
    put(
        deployment,
        call("m-1", timestamp="2023-03-05T10:00:00Z", event="event_0", userId="new",
             context={"groupId": "org-1"}, _stemtide=LATE_OK),
    )  # fmt: skip

    found = deployment.run("catalog")

    rows = by_event(found)
    counts = dict(
        duckdb.execute(
            "SELECT event, count(*) FROM read_parquet(?) WHERE account_id IS NOT NULL GROUP BY event",
            [str(log / "events.parquet")],
        ).fetchall()
    )
    counts["event_0"] += 1
    assert {name: row["events"] for name, row in rows.items()} == counts
    assert (rows["event_0"]["users"], rows["event_0"]["users_are"]) == (1, "at_least")
    assert rows["event_0"]["backfilled"] == counts["event_0"] - 1
    assert (rows["event_1"]["users"], rows["event_1"]["users_are"]) == (None, "unknown")
    assert rows["event_1"]["backfilled"] == counts["event_1"]
    assert "only a backfill brought these" in deployment.invoke("catalog").output


def test_the_backfilled_part_of_a_cutovers_own_day_is_told_apart(
    deployment: Deployment, tmp_path: Path
) -> None:
    log = write_log(tmp_path / "log")
    deployment.run(*arguments(log, "--cutover", "2023-03-03T10:00:00Z"))
    replay(deployment, log, "--restart")

    found = deployment.run("catalog")

    before = Counter(
        dict(
            duckdb.execute(
                "SELECT event, count(*) FROM read_parquet(?) WHERE account_id IS NOT NULL "
                "AND timestamp < timestamp '2023-03-03 10:00:00' GROUP BY event",
                [str(log / "events.parquet")],
            ).fetchall()
        )
    )
    assert {name: row["backfilled"] for name, row in by_event(found).items()} == before


@pytest.fixture
def capped(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Deployment]:
    """The stack with a configuration that counts two event types an account and day by name."""
    file = tmp_path / "stemtide.toml"
    file.write_text((ROOT / "stemtide.toml").read_text().replace("types = 200 ", "types = 2 "))
    monkeypatch.setenv("STEMTIDE_CONFIG", str(file))
    bundled_config.cache_clear()
    deployment.cloud.functions["aggregate"] = start_function("aggregate")
    yield deployment
    bundled_config.cache_clear()


def test_event_types_beyond_the_cap_are_listed_as_what_they_are(capped: Deployment) -> None:
    put(capped, *(sent(n, 0, event=f"thing_{n}") for n in range(4)))

    found = capped.run("catalog")

    rows = by_event(found)
    assert (rows["other"]["events"], rows["other"]["looks_like"]) == (2, "beyond the cap")
    assert (rows["other"]["users"], rows["other"]["suggestion"]) == (None, None)
    assert found["not_counted_by_name"] == ["thing_2", "thing_3"]


def used(account: str, days: range, *, first: int, users: int = 2, count: int = 1) -> list[dict[str, Any]]:
    """One call of each user on each of the days; message ids count from `first` on."""
    about = {"context": {"groupId": account}, "properties": {"count": count}}
    return [
        sent(first + 10 * day + user, day, userId=f"u-{user}", **about)
        for day in days
        for user in range(users)
    ]


def synced(account: str, days: range, *, first: int) -> list[dict[str, Any]]:
    """What a CRM says of the account every night."""
    about = {"context": {"groupId": account}, "traits": {"plan": "pro"}, "type": "group"}
    return [sent(first + day, day, userId="crm", **about) for day in days]


def test_accounts_are_told_apart_by_their_activity(deployment: Deployment) -> None:
    put(
        deployment,
        *used("power", range(89, 60, -1), first=0),
        *used("alone", range(89, 60, -1), first=1000, users=1),
        *used("light", range(60, 90, 5), first=2000),
        *used("gone", range(10, 40), first=3000),
        *used("fell", range(30, 60), first=4000, count=9),
        *used("fell", range(60, 90), first=5000),
        *used("fell", range(10, 12), first=6000),
        *used("silent", range(10, 40), first=7000),
        *synced("silent", range(40, 90), first=9000),
    )

    found = deployment.run("catalog", "--no-users")["segments"]

    assert found["as_of"] == str(FIRST + timedelta(days=89))
    assert {one["segment"]: one["account_ids"] for one in found["segments"]} == {
        "power": ["power"],
        "regular": ["alone"],
        "light": ["light"],
        "at_risk": ["fell", "gone", "silent"],
    }
    assert [one["accounts"] for one in found["segments"]] == [1, 1, 1, 3]


def test_a_feature_leads_to_the_events_that_occur(deployment: Deployment) -> None:
    put(deployment, *mixed())
    counted = recounted(mixed())

    found = deployment.run("catalog", "--feature", "avg_core_actions_7d")
    shown = deployment.invoke("catalog", "--feature", "seat_utilization")

    [one] = found["inputs"]
    assert (one["input"], one["signal"], found["windows"]) == ("core_actions", "core_action", [7])
    assert one["event_types"] == [{"event": "Report Created", "events": counted["Report Created"][0]}]
    assert "seats (fact)" in shown.output
    assert "none" in shown.output


def test_an_event_leads_to_the_features_that_it_feeds(deployment: Deployment) -> None:
    put(deployment, *mixed())

    found = deployment.run("catalog", "--event", "Report Created")
    shown = deployment.invoke("catalog", "--event", "Report Created")

    through = {one["feature"]: [way["input"] for way in one["through"]] for one in found["features"]}
    assert through["core_action_share"] == ["events", "core_actions"]
    assert through["avg_events_7d"] == ["events"]
    assert "api_calls_7d" not in through
    assert "nps_score" not in through
    assert "action_trend_ratio" in shown.output


@pytest.mark.parametrize(
    ("asked", "meant"),
    [(("--feature", "avg_core_action_7d"), "avg_core_actions_7d"), (("--event", "deal won"), "Deal Won")],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    deployment: Deployment, asked: tuple[str, str], meant: str
) -> None:
    put(deployment, sent(1, 0, event="Deal Won"))

    found = deployment.run("catalog", *asked, expect=1)

    assert asked[1] in found["error"]
    assert found["hint"] == f"did you mean {meant!r}?"


def test_an_unknown_name_like_no_other_says_where_they_are_listed(deployment: Deployment) -> None:
    assert "docs/features.md" in deployment.run("catalog", "--feature", "zzzz", expect=1)["hint"]
    assert "stemtide catalog" in deployment.run("catalog", "--event", "zzzz", expect=1)["hint"]


def test_an_empty_stack_says_what_to_do_next(deployment: Deployment) -> None:
    found, shown = deployment.run("catalog"), deployment.invoke("catalog")

    assert (found["event_types"], found["events"], found["from"]) == ([], 0, None)
    assert found["segments"]["accounts"] == 0
    assert shown.exit_code == 0
    assert "nothing was counted yet" in shown.output
    assert "stemtide replay" in shown.output


def test_days_without_usage_are_said_to_have_none(deployment: Deployment) -> None:
    put(deployment, sent(1, 0))

    after = deployment.invoke("catalog", "--from", "2026-02-01", "--to", "2026-02-03")
    before = deployment.invoke("catalog", "--to", "2025-01-01")

    assert "no usage in these days" in after.output
    assert "no usage in these days" in before.output


def test_it_is_shown_to_people(deployment: Deployment) -> None:
    put(deployment, *mixed())

    shown = deployment.invoke("catalog").output
    without = deployment.invoke("catalog", "--no-users").output

    for said in ("Deal Won", "core action", 'core_actions = [..., "Deal Won"]', "at risk", "to be pasted"):
        assert said in shown
    assert "--no-users" not in shown
    assert "users were not asked for" in without


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "2026-01-02", "--to", "2026-01-01"), "--to is before --from"),
        (("--feature", "mrr", "--event", "x"), "give one of them"),
    ],
)
def test_what_cannot_be_is_wrong_usage(deployment: Deployment, arguments: tuple[str, ...], said: str) -> None:
    refused = deployment.invoke("catalog", *arguments)

    assert (refused.exit_code, said in refused.output) == (2, True)
