"""`stemtide labels` on a stack that moto imitates."""

import json

import boto3
import pytest
from stemtide import tables
from stemtide.calls import DAY_MS
from stemtide.plays.play import Outcome
from stemtide.store import clients
from stemtide.store.plays import PlayTable

from tests.domain_tables import create
from tests.integration.cli.conftest import Deployment
from tests.played import NOW, label_of, over, retention, win_back

DAYS = ("--from", "2026-01-01", "--to", "2026-03-31")


@pytest.fixture
def plays(deployment: Deployment) -> PlayTable:
    """The stack's episodes table with two plays that were treated, and one that was held out."""
    create(boto3.client("dynamodb"), tables.EPISODES)
    content = json.loads(deployment.file.read_text())
    content["tables"]["episodes"] = "episodes"
    deployment.file.write_text(json.dumps(content))
    table = PlayTable(clients.dynamodb().Table("episodes"))
    offer = {"percent": 20, "months": 3, "redeemed": True, "cost": 29_400, "currency": "EUR"}
    back, lost, held = win_back("back"), win_back("lost"), win_back("held", held_out=True)
    over(table, back, label_of(back, Outcome.REACTIVATED, NOW + DAY_MS, treatments=1, **offer))
    over(table, lost, label_of(lost, Outcome.LOST, lost.until_ms, treatments=3))
    over(table, held, label_of(held, Outcome.LOST, held.until_ms))
    return table


def test_labels_are_listed_by_the_day_they_became_known(deployment: Deployment, plays: PlayTable) -> None:
    found = deployment.run("labels", *DAYS)
    january = deployment.run("labels", "--from", "2026-01-01", "--to", "2026-01-31")
    of_lost = deployment.run("labels", *DAYS, "--account", "lost")
    shown = deployment.invoke("labels", *DAYS).output

    assert [row["account"] for row in found["labels"][:1]] == ["back"]
    assert {row["account"] for row in found["labels"]} == {"back", "lost", "held"}
    assert "rates" not in found
    assert [row["account"] for row in january["labels"]] == ["back"]
    assert [row["outcome"] for row in of_lost["labels"]] == ["lost"]
    assert "20 %, taken" in shown
    assert "294.00 EUR" in shown
    assert "held out" in shown


def test_rates_compare_with_those_held_out_and_say_when_they_are_too_few(
    deployment: Deployment, plays: PlayTable
) -> None:
    kept = retention("kept")
    over(plays, kept, label_of(kept, Outcome.SAVED, kept.until_ms, treatments=1))

    of_high, unpaid = deployment.run("labels", *DAYS, "--rates")["rates"]
    shown = deployment.invoke("labels", *DAYS, "--rates").output

    assert (of_high["journey"], of_high["tier"], of_high["held_out"]["rate"]) == ("retention", "high", None)
    assert (unpaid["policy"], unpaid["verdict"]) == ("unpaid", "too_few")
    assert (unpaid["treated"]["n"], unpaid["treated"]["good"], unpaid["held_out"]["n"]) == (2, 1, 1)
    assert unpaid["difference"] == 0.5
    assert unpaid["cost_per_good"] == {"EUR": 29_400}
    assert "1 of 2: 50.0% [9.5, 90.5]" in shown
    assert "too few to tell: 10 points take" in shown


def test_a_year_counts_for_rates_where_nobody_says_from_when(
    deployment: Deployment, plays: PlayTable
) -> None:
    until = ("--to", "2026-12-31")

    assert len(deployment.run("labels", *until, "--rates")["labels"]) == 3
    assert deployment.run("labels", *until)["labels"] == []
    assert "nothing became known of a play" in deployment.invoke("labels", *until).output
