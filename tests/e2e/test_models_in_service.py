"""Champion and challenger, a champion that is damaged, a model in shadow: on the deployed stack."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stemtide.scoring.manifest import TABLES, Calibration

from infra.local.home import Home
from models.export import export
from tests.e2e import activity
from tests.e2e.conftest import stemtide
from tests.e2e.stack import Stack
from tests.scoring_models import CONFIG, candidate, rows, trained

pytestmark = pytest.mark.e2e

ACCOUNTS = ("models-a", "models-b", "models-c")
CALM, GRIM = Calibration(slope=0.1, intercept=-9.0), Calibration(slope=0.1, intercept=9.0)
"""Whatever the trees say, nobody leaves, or everybody does."""
VERSIONS = {"before": CALM, "calm": CALM, "grim": GRIM}


def instant(millisecond: int) -> str:
    """The beginning of today, UTC: yesterday is over, and each further millisecond is a newer night."""
    return f"{datetime.now(UTC):%Y-%m-%d}T00:00:00.{millisecond:03}Z"


@pytest.fixture(scope="module")
def artefacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, booster = tmp_path_factory.mktemp("artefacts"), trained(rows(300), rounds=4)
    for version, calibration in VERSIONS.items():
        made = candidate(folder / "churn" / version, booster, version=version, calibration=calibration)
        export(made, CONFIG)
    return folder


class Bus:
    """A consumer of every fact: a rule of the customer's own, and its queue."""

    def __init__(self, stack: Stack) -> None:
        self.sqs, events = stack.client("sqs"), stack.client("events")
        self.url = self.sqs.create_queue(QueueName="models-watch")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        bus, pattern = stack.facts["event_bus"], json.dumps({"source": ["stemtide"]})
        events.put_rule(Name="models-watch", EventBusName=bus, EventPattern=pattern)
        target = {"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}
        events.put_targets(Rule="models-watch", EventBusName=bus, Targets=[target])
        self.events, self.bus = events, bus

    def remove(self) -> None:
        self.events.remove_targets(Rule="models-watch", EventBusName=self.bus, Ids=["queue"])
        self.events.delete_rule(Name="models-watch", EventBusName=self.bus)
        self.sqs.delete_queue(QueueUrl=self.url)

    def told(self) -> list[tuple[str, str, str]]:
        """What came since the last look of this journey's accounts: event, account, tier."""
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
                event = json.loads(message["Body"])
                found.append(
                    (event["detail-type"], event["detail"]["account"], event["detail"].get("tier", ""))
                )
        return sorted(one for one in found if one[1] in ACCOUNTS)


@pytest.fixture(scope="module")
def bus(stack: Stack) -> Iterator[Bus]:
    watching = Bus(stack)
    yield watching
    watching.remove()


@pytest.fixture(scope="module")
def customers(home: Home, stack: Stack) -> None:
    for account in ACCOUNTS:
        activity.post(stack, activity.history(account, before=5, now=5, since=20))
    activity.post(stack, [activity.until_midnight()])
    stemtide(home, "drain")


def scores(stack: Stack, account: str, **query: str) -> dict[str, str]:
    """The version of each of an account's scores by instant."""
    text = "&".join(f"{name}={value}" for name, value in query.items())
    reply = stack.call("GET", f"/v1/accounts/{account}/scores?{text}", role="viewer")
    assert reply.status == 200, reply
    return {score["as_of"]: score["model_version"] for score in reply.body["scores"]}


def sweep(home: Home, millisecond: int) -> dict[str, Any]:
    """A night that this journey's accounts are part of."""
    found = dict(stemtide(home, "sweep", "--as-of", instant(millisecond)))
    stemtide(home, "drain")
    return found


@pytest.mark.usefixtures("customers")
def test_champion_and_challenger_the_damaged_and_those_in_shadow(
    home: Home, stack: Stack, artefacts: Path, bus: Bus
) -> None:
    promote = ("promote", "churn")
    given = ("--from", str(artefacts))

    # A serves, B challenges: both score the same night, the record is A's.
    for version in ("before", "calm"):
        stemtide(home, *promote, version, *given)
    stemtide(home, *promote, "grim", "--challenger", *given)
    listed = stemtide(home, "models", "churn", *given)["models"]
    assert {one["version"]: one["state"] for one in listed[0]["versions"] if one["version"] in VERSIONS} == {
        "calm": "champion",
        "grim": "challenger",
        "before": "previous",
    }
    bus.told()
    first = sweep(home, 1)
    assert (first["model_version"], first["failed"], first["refused_model"]) == ("calm", 0, None)
    for account in ACCOUNTS:
        assert scores(stack, account)[instant(1)] == "calm"
        assert scores(stack, account, role="challenger") == {instant(1): "grim"}
        record = activity.record(stack, account)
        assert (record["model_version"], record["churn_risk_tier"], record["shadow"]) == ("calm", "low", [])
    assert {tier for _, _, tier in bus.told()} <= {"low"}
    compared = stemtide(home, "compare", "churn")
    assert {one["account"] for one in compared["would_move_up"]} >= set(ACCOUNTS)

    # A's object is damaged: the last good version goes on, and somebody hears of it.
    s3, bucket = stack.client("s3"), stack.facts["buckets"]["models"]
    whole = s3.get_object(Bucket=bucket, Key=f"churn/calm/{TABLES}")["Body"].read()
    s3.put_object(Bucket=bucket, Key=f"churn/calm/{TABLES}", Body=whole[:-1] + bytes([whole[-1] ^ 1]))
    second = sweep(home, 2)
    assert (second["state"], second["model_version"], second["failed"]) == ("succeeded", "before", 0)
    assert "calm is refused, before goes on: explain.npz: its sha256" in str(second["refused_model"])
    assert activity.record(stack, ACCOUNTS[0])["model_version"] == "before"
    [alarm] = stack.client("cloudwatch").describe_alarms(AlarmNames=["stemtide-model-refused"])[
        "MetricAlarms"
    ]
    assert alarm["StateValue"] == "ALARM"
    s3.put_object(Bucket=bucket, Key=f"churn/calm/{TABLES}", Body=whole)

    # B serves in shadow: scores are written, nothing is told, and the report has what would have been.
    bus.told()
    stemtide(home, *promote, "grim", "--shadow")
    third = sweep(home, 3)
    assert (third["model_version"], third["refused_model"]) == ("grim", None)
    for account in ACCOUNTS:
        record = activity.record(stack, account)
        assert (record["churn_risk_tier"], record["shadow"]) == ("critical", ["model"])
    assert bus.told() == []
    report: Any = stemtide(home, "shadow", "report")
    withheld = {one["account"]: (one["tier"], one["because"]) for one in report["tier_changes"]}
    assert {account: withheld.get(account) for account in ACCOUNTS} == dict.fromkeys(
        ACCOUNTS, ("critical", "model")
    )
    assert {one["account"] for one in report["would_have_alerted"]} >= set(ACCOUNTS)
    assert set(report["at_risk"]) >= set(ACCOUNTS)

    # Back to A, live as it was: its changes of tier are told again.
    stemtide(home, "rollback", "churn")
    fourth = sweep(home, 4)
    assert fourth["model_version"] == "calm"
    assert bus.told() == [("RiskTierChanged", account, "low") for account in ACCOUNTS]
