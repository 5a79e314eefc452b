"""`stemtide recompute` and `stemtide archive replay`: what they start, say and end with."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.cli.conftest import Deployment
from tests.integration.cli.recomputes import state_machine
from tests.integration.stream.recomputing import calls, empty_usage
from tests.stream_cloud import start_function
from tests.streams import call as dated_call

TODAY = datetime.now(UTC).date()


def repeated(deployment: Deployment) -> None:
    """Sixty calls, and the first of them again when nobody remembers it."""
    for number in [*range(60), 0]:
        if number == 0:
            deployment.deliver()
            deployment.cloud.functions["aggregate"] = start_function("aggregate")
        deployment.put(dated_call(f"m-{number}", timestamp=None))
    deployment.deliver()


def test_a_recompute_looks_at_yesterday_and_today_and_says_what_it_corrected(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    repeated(deployment)

    assert deployment.run("status")["last_recompute"] is None
    with state_machine(deployment, monkeypatch) as given:
        result = deployment.run("recompute")
        shown = deployment.invoke("recompute")

    days = {"from": (TODAY - timedelta(days=1)).isoformat(), "to": TODAY.isoformat()}
    assert given == [days | {"account": None}] * 2
    counts = {"checked": 1, "corrected": 1, "calls_removed": 1, "calls_added": 0, "lagging": 0}
    assert counts.items() <= result.items()
    assert calls(deployment.cloud) == {TODAY.isoformat(): 60}
    assert "1 items checked, 0 corrected" in shown.output
    assert shown.exit_code == 0
    last = deployment.run("status")["last_recompute"]
    assert days.items() | {"state": "succeeded", "checked": 1, "corrected": 0}.items() <= last.items()
    assert "last recompute: arrived" in deployment.invoke("status").output


def test_items_that_lag_end_it_with_1_and_what_to_do(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment.put(dated_call("m-1", timestamp=None))
    deployment.deliver()
    deployment.put(dated_call("m-2", timestamp=None))
    deployment.deliver("aggregate")

    with state_machine(deployment, monkeypatch):
        result = deployment.run("recompute", expect=1)
        shown = deployment.invoke("recompute")

    assert (result["state"], result["lagging"]) == ("failed", 1)
    assert "the archive lags behind the item" in result["cause"]
    assert "stemtide drain" in shown.output
    assert calls(deployment.cloud) == {TODAY.isoformat(): 2}


def test_the_archive_is_replayed_into_an_empty_table_and_the_hash_is_the_same(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    repeated(deployment)
    with state_machine(deployment, monkeypatch) as given:
        deployment.run("recompute")
        before = deployment.run("archive", "replay", "--hash-only")
        empty_usage(deployment.cloud)
        none = deployment.run("archive", "replay", "--hash-only")
        after = deployment.run("archive", "replay")
        one = deployment.run("archive", "replay", "--account", "acme", "--from", "2026-01-01")

    assert (before["items"], before["calls"]) == (1, 60)
    assert none["items"] == 0
    assert none["hash"] != before["hash"] == after["hash"] == one["hash"]
    assert (after["calls_added"], after["corrected"]) == (60, 1)
    assert given[1:] == [
        {"from": None, "to": None, "account": None, "quiet": True},
        {"from": "2026-01-01", "to": None, "account": "acme", "quiet": True},
    ]


@pytest.mark.parametrize("command", [("recompute",), ("archive", "replay")])
def test_a_range_that_ends_before_it_begins_is_wrong_usage(
    deployment: Deployment, command: tuple[str, ...]
) -> None:
    result = deployment.invoke(*command, "--from", "2026-03-02", "--to", "2026-03-01")

    assert result.exit_code == 2


def test_a_stack_without_the_state_machine_says_what_to_do(deployment: Deployment) -> None:
    result: dict[str, Any] = deployment.run("recompute", expect=1)

    assert result["error"] == "the stack has no recompute"
    assert "make up" in result["hint"]
