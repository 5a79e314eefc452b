"""`stemtide billing`: what waits is listed with its reason and goes on when somebody wants it to."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console
from stemtide.as_of import as_of_text
from stemtide.billing.events import State
from stemtide.profile import Profile
from stemtide.store.billing_events import BillingEvents
from stemtide.store.records import Records
from stemtide_cli import checks_billing
from stemtide_cli.main import main
from stemtide_cli.stack import Stack
from stemtide_cli.status_billing import billing_of, show_billing

from tests.billing_cloud import Cloud
from tests.integration.billing_intake.test_events_become_facts import catalog, customer, deliver, subscribe


@pytest.fixture
def stack(cloud: Cloud) -> Stack:
    """The stack as the commands know it."""
    return Stack(
        region="us-east-1",
        event_stream="events",
        event_bus="bus",
        buckets={},
        tables={name: name for name in cloud.table},
    )


@pytest.fixture
def run(cloud: Cloud, tmp_path: Path) -> Any:
    """Runs a command on the stack; its result."""
    file = tmp_path / "stack.json"
    content = {
        "region": "us-east-1",
        "event_stream": "events",
        "event_bus": "bus",
        "buckets": {},
        "tables": {name: name for name in cloud.table},
    }
    file.write_text(json.dumps(content))

    def command(*arguments: str, expect: int = 0) -> Any:
        result = CliRunner().invoke(main, ["billing", *arguments, "--stack", str(file), "--json"])
        assert result.exit_code == expect, result.output
        return json.loads(result.stdout) if expect == 0 else result.stderr

    return command


def test_what_is_nobodys_is_listed_and_tried_again(cloud: Cloud, run: Any) -> None:
    who = customer(cloud)
    subscribe(cloud, who, catalog(cloud)["starter"])
    deliver(cloud, cloud.events())

    listed = run("list")["events"]
    assert {row["state"] for row in listed} == {"unmapped"}
    assert {row["customer"] for row in listed} == {who}
    assert all(who in row["reason"] for row in listed)
    assert run("list", "--state", "failed")["events"] == []

    Records(cloud.table["accounts"]).write_profile(
        "acme", Profile(stripe_customer_id=who), facts=0, as_of_ms=0
    )
    one = listed[0]["id"]
    assert run("retry", one)["again"] == [one]
    cloud.work()
    assert one not in [row["id"] for row in run("list")["events"]]
    assert len(run("retry", "--state", "unmapped")["again"]) == len(listed) - 1
    cloud.work()
    assert run("list")["events"] == []
    assert cloud.facts() != []


def test_the_status_counts_what_waits_and_says_how_far_the_reconcile_came(cloud: Cloud, stack: Stack) -> None:
    none_yet = billing_of(stack)
    subscribe(cloud, customer(cloud), catalog(cloud)["starter"])
    deliver(cloud, cloud.events())
    began_ms = cloud.clock[0] * 1000
    cloud.reconcile()

    found = billing_of(stack)

    assert none_yet == {
        "pending": 0,
        "unmapped": 0,
        "failed": 0,
        "waiting_since": None,
        "last_reconcile": None,
        "subscriptions_compared": None,
    }
    assert found is not None
    waiting = list(BillingEvents(cloud.table["billing"]).open(State.UNMAPPED))
    assert (found["pending"], found["unmapped"], found["failed"]) == (0, len(waiting), 0)
    assert found["waiting_since"] == as_of_text(min(one.claim.arrived_ms for one in waiting))
    assert found["last_reconcile"] == found["subscriptions_compared"] == as_of_text(began_ms)


def test_the_status_says_where_to_look(
    cloud: Cloud, stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    subscribe(cloud, customer(cloud), catalog(cloud)["starter"])
    deliver(cloud, cloud.events())

    show_billing(Console(width=200), billing_of(stack))
    show_billing(Console(width=200), None)

    shown = capsys.readouterr().out
    assert "are of nobody's customer" in shown
    assert "`stemtide billing list`" in shown
    assert "last reconcile: none yet" in shown
    assert "billing: this stack has no table for it" in shown


def test_an_event_that_never_came_is_named_and_nothing_else_is_guessed(cloud: Cloud, run: Any) -> None:
    assert "no event evt_9 has come in" in run("retry", "evt_9", expect=1)
    for wrong in (("retry",), ("retry", "evt_1", "--state", "failed")):
        run(*wrong, expect=2)


def test_the_preflight_counts_events_that_are_nobodys(cloud: Cloud, stack: Stack, run: Any) -> None:
    [quiet] = checks_billing.events(stack)
    subscribe(cloud, customer(cloud), catalog(cloud)["starter"])
    deliver(cloud, cloud.events())
    unmapped = len(run("list", "--state", "unmapped")["events"])

    [found] = checks_billing.events(stack)

    assert quiet.state == "ok"
    assert unmapped > 0
    assert (found.state, found.says) == (
        "warn",
        f"0 wait, {unmapped} are of nobody's customer, 0 are of no use",
    )
    assert "billing list" in str(found.do)
