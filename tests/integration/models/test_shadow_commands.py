"""`compare` and `shadow report` on what nights have left in the accounts table."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws
from stemtide import tables
from stemtide.as_of import as_of_text, end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.facts import Fact
from stemtide.features.registry import registry
from stemtide.features.vectors import Vector
from stemtide.profile import UNKNOWN
from stemtide.scoring.assessment import Assessment, Basis, Trigger, tier_of
from stemtide.shadow import Withheld
from stemtide.store import clients
from stemtide.store.challenger_scores import ChallengerScores
from stemtide.store.records import Records
from stemtide.store.withheld import WithheldRows
from stemtide_cli.instants import now_ms
from stemtide_cli.main import main

from tests.domain_tables import create


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    with mock_aws():
        dynamodb = clients.dynamodb(region_name="us-east-1")
        create(dynamodb.meta.client, tables.ACCOUNTS)
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="models")
        yield dynamodb.Table("accounts")


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    file = tmp_path / "stack.json"
    content = {"region": "us-east-1", "event_stream": "e", "event_bus": "b", "buckets": {"models": "models"}}
    file.write_text(json.dumps(content | {"tables": {"accounts": "accounts"}}))
    return file


def run(stack: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--stack", str(stack)])


def answer(stack: Path, *arguments: str) -> dict[str, Any]:
    found = run(stack, *arguments, "--json")
    assert found.exit_code == 0, found.output
    parsed: dict[str, Any] = json.loads(found.stdout)
    return parsed


def assessed(score: int, version: str, *shadow: str) -> Assessment:
    return Assessment(
        basis=Basis.MODEL,
        completeness=1.0,
        score=score,
        tier=tier_of(score),
        probability=score / 100,
        horizon_days=30,
        model_version=version,
        shadow=shadow,
    )


def write(table: Any, account: str, day: int, score: int, *shadow: str) -> None:
    Records(table).write_score(
        account,
        assessed(score, "v1", *shadow),
        as_of_ms=end_of_day_ms(day),
        scored_at=end_of_day_ms(day) + 1,
        trigger="schedule",
        vector=b"",
    )


def challenge(table: Any, account: str, day: int, score: int, version: str = "v2") -> None:
    known = registry()
    vector = Vector(
        account=account,
        as_of_ms=end_of_day_ms(day),
        values=np.zeros(len(known.features)),
        features=known.features,
        profile=UNKNOWN,
        last_active_day=None,
        first_day=None,
        completeness=1.0,
    )
    ChallengerScores(table).write(vector, assessed(score, version), Trigger.SCHEDULE)


def today() -> int:
    return now_ms() // DAY_MS


def test_compare_tells_agreement_and_after_the_horizon_who_told_better_who_left(
    table: Any, stack: Path
) -> None:
    day = today() - 60
    for number in range(20):
        account, left = f"acct-{number:02}", number % 4 == 0
        started = Fact(
            id="s",
            kind="started",
            at_ms=(day - 90) * DAY_MS,
            known_ms=(day - 90) * DAY_MS,
            data={"plan": "x"},
        )
        ended = Fact(
            id="e", kind="ended", at_ms=(day + 9) * DAY_MS, known_ms=(day + 9) * DAY_MS, data={"plan": "x"}
        )
        Records(table).put_facts(account, [started, *([ended] if left else [])])
        write(table, account, day, (number * 37) % 60)
        challenge(table, account, day, 80 if left else number % 24)
        challenge(table, account, day, 1, version="v0")
        write(table, account, today() - 1, 10)
        challenge(table, account, today() - 1, 30)

    found = answer(stack, "compare", "churn", "--challenger", "v2", "--from", as_of_text(day * DAY_MS)[:10])

    assert (found["pairs"], found["accounts"], found["nights"]) == (40, 20, 2)
    assert len(found["would_move_up"]) == 20
    outcomes = found["outcomes"]
    assert (outcomes["known"], outcomes["left"], outcomes["waiting"]) == (20, 5, 20)
    assert outcomes["challenger"]["auc_roc"] == 1.0
    assert outcomes["champion"]["auc_roc"] < 0.9
    assert outcomes["difference"]["ci"][1] > 0
    shown = run(stack, "compare", "churn", "--challenger", "v2", "--from", as_of_text(day * DAY_MS)[:10])
    assert "AUC, challenger: 1.000" in shown.stdout


def test_compare_without_a_challenger_or_without_common_nights_says_what_to_do(
    table: Any, stack: Path
) -> None:
    nobody = run(stack, "compare", "churn")
    nothing = run(stack, "compare", "churn", "--challenger", "v2")

    assert (nobody.exit_code, nothing.exit_code) == (1, 1)
    assert "nobody challenges" in nobody.stderr
    assert "no score of the same instant" in nothing.stderr


def test_the_shadow_report_is_of_the_days_asked_for_and_knows_what_was_before(
    table: Any, stack: Path
) -> None:
    day = today() - 5
    for account, scores in {"calm": (10, 12, 11), "rising": (40, 70, 72), "was-high": (90, 91, 92)}.items():
        for place, score in enumerate(scores):
            write(table, account, day + place, score, "churn_alerts")
    as_of = as_of_text(end_of_day_ms(day + 1))
    WithheldRows(table).put(
        Withheld(
            id="t",
            account="rising",
            as_of=as_of,
            event="RiskTierChanged",
            capabilities=(),
            reason="shadow",
            because="capability",
            detail={
                "account": "rising",
                "as_of": as_of,
                "tier": "high",
                "previous": "medium",
                "score": 70,
                "previous_score": 40,
                "model_version": "v1",
                "trigger": "schedule",
            },
        )
    )

    dates = [as_of_text((day + ahead) * DAY_MS)[:10] for ahead in range(3)]
    found = answer(stack, "shadow", "report", "--from", dates[1], "--to", dates[2])
    before = answer(stack, "shadow", "report", "--from", dates[0], "--to", dates[0])

    [reported] = found["days"]
    assert (reported["date"], reported["tier_changes"]["high"], reported["accounts"]) == (dates[1], 1, 1)
    assert [(one["account"], one["score"]) for one in found["would_have_alerted"]] == [("rising", 70)]
    assert (found["accounts_in_shadow"], found["at_risk"]) == (3, ["rising", "was-high"])
    assert [one["account"] for one in before["would_have_alerted"]] == ["was-high"]
    shown = run(stack, "shadow", "report", "--from", dates[0], "--to", dates[2])
    assert "an alert at 65 would have been sent 2 times, about 2 accounts" in " ".join(shown.stdout.split())


def test_days_the_wrong_way_round_are_refused(table: Any, stack: Path) -> None:
    found = run(stack, "shadow", "report", "--from", "2026-03-02", "--to", "2026-03-01")

    assert found.exit_code == 1
    assert "--from lies after --to" in found.stderr
