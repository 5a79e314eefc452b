"""Drain waits for the consumers of the tables' changes, and for the scores that are owed."""

import pytest
from stemtide.as_of import as_of_text
from stemtide.drops import Drop
from stemtide.scoring.assessment import Assessment, Basis
from stemtide.store.records import Records
from stemtide.store.scoring import ScoreTables

from tests.integration.cli.conftest import Deployment
from tests.streams import call as dated_call

AS_OF = 1_773_480_000_000
FIGURES = {"measure": "events", "before": 40, "now": 4, "change": -0.9}


def put_drop(deployment: Deployment, as_of_ms: int = AS_OF) -> None:
    drop = Drop(account="acme", rule="events_down", as_of_ms=as_of_ms, figures=FIGURES)
    assert Records(deployment.cloud.accounts).put_drop(drop)


def put_score(deployment: Deployment, as_of_ms: int) -> None:
    Records(deployment.cloud.accounts).write_score(
        "acme",
        Assessment(basis=Basis.NOT_ENOUGH_DATA, completeness=0.0),
        as_of_ms=as_of_ms,
        scored_at=as_of_ms,
        trigger="usage_drop",
        vector=b"",
    )


def stuck(deployment: Deployment) -> list[str]:
    found: list[str] = deployment.run("drain", "--timeout", "0", expect=1)["stuck"]
    return found


def test_a_consumer_of_a_tables_changes_that_stands_still_is_named(deployment: Deployment) -> None:
    deployment.put(dated_call("m-1", timestamp=None))
    deployment.deliver("aggregate", "archive")

    [waiting] = stuck(deployment)
    deployment.work_off()
    drained = deployment.run("drain")

    assert waiting.startswith("detect to work off the usage table's changes, the last acme 20")
    assert drained["drained"] is True


def test_a_drop_without_a_score_is_owed_one(deployment: Deployment) -> None:
    put_drop(deployment)
    deployment.work_off()

    assert stuck(deployment) == ["scores after 1 drops of use, e.g. of acme"]


def test_a_score_of_an_older_instant_does_not_settle_a_drop_and_one_of_its_own_does(
    deployment: Deployment,
) -> None:
    put_drop(deployment)
    put_score(deployment, AS_OF - 1)
    deployment.work_off()
    older = stuck(deployment)

    put_score(deployment, AS_OF)
    deployment.work_off()

    assert older == ["scores after 1 drops of use, e.g. of acme"]
    assert deployment.run("drain")["drained"] is True


def test_a_drop_of_an_account_that_is_no_customer_is_settled_when_that_is_noted(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_drop(deployment)
    deployment.work_off()
    tables = ScoreTables(usage=deployment.cloud.usage, accounts=deployment.cloud.accounts, config=None)

    tables.note_skipped("acme", day=as_of_text(AS_OF)[:10], rule="events_down")
    deployment.work_off()

    assert deployment.run("drain")["drained"] is True
