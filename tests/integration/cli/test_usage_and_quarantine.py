"""Usage from the tables, and the way of a call out of the quarantine."""

import json
from datetime import date
from typing import Any

import pytest
from stemtide.store.usage import read_days

from tests.integration.cli.conftest import Deployment
from tests.streams import call


def test_usage_is_read_from_the_tables_where_no_token_is_stored(deployment: Deployment) -> None:
    deployment.put(
        call("m-1", timestamp="2026-03-14T11:59:00Z", _stemtide={"origin": "replay", "late_ok": True})
    )
    deployment.deliver()

    found = deployment.run("usage", "acme", "--from", "2026-03-01", "--to", "2026-03-31")

    [day] = found["days"]
    assert (day["date"], day["events"], day["active_users"]) == ("2026-03-14", 1, 1)
    assert day["by_event"] == {"Report Viewed": 1}
    assert {"core_actions", "api_calls"} <= set(day)


def test_an_account_that_never_sent_anything_is_named(deployment: Deployment) -> None:
    result = deployment.run("usage", "nobody", expect=1)

    assert "'nobody'" in result["error"]


def test_a_range_that_ends_before_it_begins_is_wrong_usage(deployment: Deployment) -> None:
    result = deployment.invoke("usage", "acme", "--from", "2026-03-02", "--to", "2026-03-01")

    assert result.exit_code == 2


def test_a_late_call_is_released_counted_once_and_marked(deployment: Deployment) -> None:
    deployment.put(call("m-1", timestamp="1999-03-14T11:59:00Z"))
    deployment.deliver()
    [row] = deployment.run("quarantine", "list")["quarantined"]

    released = deployment.run("quarantine", "release", row["id"])
    deployment.deliver()
    again = deployment.run("quarantine", "release", row["id"], expect=1)

    assert row["reason"] == "too_late"
    assert (released["account"], released["message_id"]) == ("acme", "m-1")
    assert "was released at" in again["error"]
    day = date(1999, 3, 14)
    assert [found.events for found in read_days(deployment.cloud.usage, "acme", day, day)] == [1]
    assert deployment.run("status")["quarantine"] == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{not json", "cannot be read"),
        (b'{"properties": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "cannot be read"),
        (json.dumps(call("m-1", event=None)).encode(), "missing_event"),
        (json.dumps({"batch": [call("m-1", batch=[1, 2])]}).encode(), "reserved_key"),
    ],
)
def test_what_would_only_be_quarantined_again_is_not_released(
    deployment: Deployment, content: bytes, reason: str
) -> None:
    deployment.cloud.kinesis.put_record(StreamName="events", PartitionKey="acme", Data=content)
    deployment.deliver()
    [row] = deployment.run("quarantine", "list")["quarantined"]

    refused = deployment.run("quarantine", "release", row["id"], expect=1)

    assert reason in refused["error"]
    assert deployment.run("quarantine", "list")["quarantined"][0]["released_at"] is None


@pytest.mark.parametrize("envelope", [None, 5, "late_ok", {"late_ok": "yes"}])
def test_a_call_with_an_envelope_that_is_none_is_released_without_it(
    deployment: Deployment, envelope: Any
) -> None:
    deployment.put(call("m-1") | {"_stemtide": envelope})
    deployment.deliver()
    [row] = deployment.run("quarantine", "list")["quarantined"]

    deployment.run("quarantine", "release", row["id"])
    deployment.deliver()

    assert row["reason"] == "reserved_key"
    counters = deployment.run("status")["counters"]
    assert (counters["applied"], counters["quarantined"]) == (1, 1)


def test_a_quarantined_call_is_shown_with_its_whole_payload(deployment: Deployment) -> None:
    content = call("m-1", event=None, properties={"text": "x" * 100_000})
    deployment.put(content)
    deployment.deliver()
    [row] = deployment.run("quarantine", "list", "--reason", "missing_event")["quarantined"]

    shown = deployment.run("quarantine", "show", row["id"])

    assert json.loads(shown["payload"]) == content
    assert deployment.run("quarantine", "list", "--reason", "too_late")["quarantined"] == []


@pytest.mark.parametrize("row_id", ["nonsense!", "MjAyNi0wMy0xNC94"])
def test_an_unknown_id_says_where_ids_are_listed(deployment: Deployment, row_id: str) -> None:
    result = deployment.run("quarantine", "show", row_id, expect=1)

    assert "quarantine list" in result["hint"]


def test_a_cursor_that_is_none_says_what_one_is(deployment: Deployment) -> None:
    result = deployment.run("quarantine", "list", "--cursor", "nonsense!", expect=1)

    assert "the page before" in result["hint"]
