"""2,000 simulated customers: a night killed half-way and resumed, and what a tripped gate keeps back."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from stemtide.store.models import ModelStore
from stemtide.store.sweeps import read_batches

from infra.local import emulator_process
from infra.local.home import ROOT, Home
from models.export import export
from tests.e2e import activity
from tests.e2e.conftest import run_local, stemtide
from tests.e2e.stack import Stack
from tests.scoring_models import CONFIG, candidate, files_of, rows, trained

pytestmark = pytest.mark.e2e

ACCOUNTS, DAYS = 2000, 14
BATCHES = 4


def yesterday() -> str:
    return (datetime.now(UTC) - timedelta(days=1)).date().isoformat()


NIGHT = f"{yesterday()}T23:59:59.999Z"


@pytest.fixture(scope="module")
def night_home() -> Iterator[Home]:
    """A local cloud of this journey's own: its customers are no other journey's."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        home = Home(folder=ROOT / "build" / "e2e-nights", port=free.getsockname()[1])
    run_local(home, "down")
    run_local(home, "up")
    yield home
    run_local(home, "down")


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """Two models that differ."""
    found = {}
    for name, rounds in (("v1", 2), ("v2", 5)):
        folder = tmp_path_factory.mktemp("m") / name
        export(candidate(folder, trained(rows(300), rounds=rounds), version=name), CONFIG)
        found[name] = files_of(folder)
    return found


@pytest.fixture(scope="module")
def night(
    night_home: Home, versions: dict[str, dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> "Night":
    """The customers' past loaded, v1 serving, and what comes to the bus kept in a queue."""
    folder = tmp_path_factory.mktemp("base")
    size = ("--accounts", str(ACCOUNTS), "--days", str(DAYS), "--end", yesterday())
    stemtide(night_home, "simulate", "--out", str(folder), *size)
    stemtide(night_home, "backfill", "--mapping", "simulated", "--data", str(folder))
    found = Night(night_home)
    for name, files in versions.items():
        found.models().put("churn", name, files)
    found.models().promote("churn", "v1", now_ms=int(time.time() * 1000))
    found.listen()
    return found


class Night:
    """The deployed stack, and what a person sees of its nights."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.queue = ""

    @property
    def stack(self) -> Stack:
        return Stack.load(self.home.stack_file)

    def table(self, role: str) -> Any:
        facts = self.stack.facts
        resource = boto3.resource(
            "dynamodb",
            endpoint_url=facts["endpoint_url"],
            region_name=facts["region"],
            aws_access_key_id="000000000000",
            aws_secret_access_key="test",
        )
        return resource.Table(facts["tables"][role])

    def models(self) -> ModelStore:
        return ModelStore(self.stack.client("s3"), self.stack.facts["buckets"]["models"])

    def listen(self) -> None:
        """Keep every change of tier that comes to the bus."""
        sqs, events, bus = (
            self.stack.client("sqs"),
            self.stack.client("events"),
            self.stack.facts["event_bus"],
        )
        self.queue = sqs.create_queue(QueueName="overheard")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        pattern = json.dumps({"detail-type": ["RiskTierChanged"]})
        events.put_rule(Name="overheard", EventBusName=bus, EventPattern=pattern, State="ENABLED")
        events.put_targets(Rule="overheard", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

    def overheard(self) -> int:
        """Changes of tier since the last look, when everything in flight has arrived."""
        stemtide(self.home, "drain")
        sqs, count = self.stack.client("sqs"), 0
        while found := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            count += len(found)
            for one in found:
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])
        return count

    def items(self, prefix: str) -> list[dict[str, Any]]:
        """The rows of the accounts table whose sort key begins so."""
        table, found, page = self.table("accounts"), [], {}
        while True:
            answer = table.scan(
                FilterExpression="begins_with(#item, :prefix)",
                ExpressionAttributeNames={"#item": "item"},
                ExpressionAttributeValues={":prefix": prefix},
                ConsistentRead=True,
                **page,
            )
            found += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return found
            page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def scores(self) -> dict[str, Any]:
        """By account what its record's score is, of which instant and by whom."""
        names = ("score", "tier", "as_of", "model_version", "scored_at")
        return {row["account"]: tuple(row.get(name) for name in names) for row in self.items("record")}

    def fire(self, scheduled: datetime) -> str:
        """The schedule's firing: the execution."""
        given = json.dumps({"job": "sweep", "scheduled_at": scheduled.isoformat(timespec="seconds")})
        arn = self.stack.facts["state_machines"]["sweep"]
        return str(
            self.stack.client("stepfunctions").start_execution(stateMachineArn=arn, input=given)[
                "executionArn"
            ]
        )

    def result(self, execution: str) -> dict[str, Any]:
        """What an execution answers when it has come to its end."""
        states = self.stack.client("stepfunctions")
        while (found := states.describe_execution(executionArn=execution))["status"] == "RUNNING":
            time.sleep(0.3)
        assert found["status"] == "SUCCEEDED", found
        return dict(json.loads(found["output"]))

    def sweep(self, *arguments: str, expect: int = 0) -> dict[str, Any]:
        return dict(stemtide(self.home, "sweep", *arguments, expect=expect))


def check(run: dict[str, Any], name: str) -> dict[str, Any]:
    [gate] = [stage for stage in run["stages"] if stage["name"] == "quality_gate"]
    [found] = [one for one in gate["checks"] if one["name"] == name]
    return dict(found)


def later(number: int) -> str:
    """An instant of today: its closed days are those of the night before."""
    return f"{datetime.now(UTC).date()}T00:00:{number:02}Z"


def test_a_stale_stream_keeps_the_night_from_being_scored_and_the_bus_silent(night: Night) -> None:
    activity.post(night.stack, [activity.call("e2e-evening", activity.noon(1), 0)])
    stemtide(night.home, "drain")
    before = night.scores()

    run = night.sweep("--as-of", yesterday(), expect=1)

    assert (run["state"], run["scored"]) == ("aborted", 0)
    assert check(run, "event_data_freshness")["outcome"] == "failed"
    assert check(run, "event_data_freshness")["words"] == "latest event: 12:00 UTC, lag: 720 min"
    assert "event_data_freshness" in run["cause"]
    assert night.scores() == before
    assert night.items("score#") == []
    assert night.overheard() == 0
    activity.post(night.stack, [activity.until_midnight()])
    stemtide(night.home, "drain")


def test_a_night_killed_half_way_scores_every_customer_once_by_the_version_it_began_with(
    night: Night, record_property: Any
) -> None:
    fired = datetime.now(UTC)
    run = night.fire(fired).rpartition(":")[2]
    table = night.table("ingest")
    assert emulator_process.wait_for(lambda: len(read_batches(table, run, "score")) >= 1, timeout_s=300)
    emulator = emulator_process.running_pid(night.home)
    assert emulator is not None
    os.kill(emulator, signal.SIGKILL)
    run_local(night.home, "up")
    half = sum(version == "v1" for _, _, _, version, _ in night.scores().values())
    night.models().promote("churn", "v2", now_ms=int(time.time() * 1000))

    ended = night.result(night.fire(fired + timedelta(minutes=20)))

    assert 0 < half < ACCOUNTS
    assert (ended["nights"], ended["model_version"], ended["failed"]) == ([NIGHT], "v1", 0)
    assert ended["scored"] + ended["unchanged"] + ended["not_customers"] == ended["accounts"] > ACCOUNTS
    assert (ended["scored"] > 0, ended["unchanged"] >= half) == (True, True)
    customers = ended["scored"] + ended["unchanged"]
    scored = [row for row in night.scores().values() if row[3] is not None]
    assert len(scored) == customers > 0.8 * ACCOUNTS
    assert {(as_of, version) for _, _, as_of, version, _ in scored} == {(NIGHT, "v1")}
    kept = [row["account"] for row in night.items(f"score#{NIGHT}")]
    assert len(kept) == len(set(kept)) == customers
    assert night.overheard() > 0
    status = dict(stemtide(night.home, "status"))["last_sweep"]
    for stage in status["stages"]:
        record_property(stage["name"], stage["seconds"])
        assert stage["seconds"] > 0 or stage["name"] in ("quality_gate", "flag_at_risk")
    assert [stage["name"] for stage in status["stages"]] == [
        "extract_features",
        "quality_gate",
        "score_accounts",
        "flag_at_risk",
    ]


@pytest.mark.parametrize(("customers", "usual"), [(9000, "few"), (500, "many")])
def test_too_few_or_too_many_customers_keep_a_night_from_being_scored(
    night: Night, customers: int, usual: str
) -> None:
    """The night before had another number of them."""
    table, key = night.table("ingest"), {"pk": "sweep-night", "sk": NIGHT}
    true = table.get_item(Key=key)["Item"]
    table.put_item(Item={**true, "customers": customers})
    before = night.scores()

    run = night.sweep("--as-of", later(1), expect=1)

    table.put_item(Item=true)
    assert (run["state"], check(run, "account_count")["outcome"]) == ("aborted", "failed"), usual
    assert night.scores() == before
    assert night.overheard() == 0


def test_accounts_that_cannot_be_read_keep_a_night_from_being_scored_when_they_are_many(night: Night) -> None:
    usage, day = night.table("usage"), yesterday()
    found = usage.scan(
        FilterExpression="#day = :day AND attribute_exists(s)",
        ExpressionAttributeNames={"#day": "day"},
        ExpressionAttributeValues={":day": day},
    )["Items"][:40]
    assert len(found) == 40
    for item in found:
        usage.put_item(Item={**item, "s": b"\xff", "late": True})  # and what scoring keeps of it is void
    stemtide(night.home, "drain")
    before = night.scores()

    run = night.sweep("--as-of", later(2), expect=1)

    for item in found:
        usage.put_item(Item={**item, "late": True})
    stemtide(night.home, "drain")
    assert (run["state"], check(run, "extraction_failures")["outcome"]) == ("aborted", "failed")
    assert check(run, "extraction_failures")["figures"]["failed"] == 40
    assert night.scores() == before
    assert night.overheard() == 0


def test_missing_key_columns_mark_the_run_and_its_scores(night: Night) -> None:
    began = activity.noon(60)
    never_used = [f"e2e-never-used-{number}" for number in range(150)]
    calls = []
    for account in never_used:
        told = activity.call(account, began, 0, event="Subscription Started")
        calls.append({**told, "properties": {"plan": "business", "mrr": 9900}})
    activity.post(night.stack, calls)
    stemtide(night.home, "drain")

    run = night.sweep("--as-of", later(3))

    found = check(run, "feature_completeness")
    assert (run["state"], found["outcome"], found["severity"]) == ("succeeded", "warning", "warning")
    record = activity.record(night.stack, never_used[0])
    assert "gate:feature_completeness" in record["confidence_lowered_by"]


def test_a_person_may_score_past_a_tripped_gate_and_the_run_says_so(night: Night) -> None:
    table, key = night.table("ingest"), {"pk": "sweep-night", "sk": NIGHT}
    true = table.get_item(Key=key)["Item"]
    for sk in (NIGHT, later(3).replace("Z", ".000Z")):
        item = table.get_item(Key={"pk": "sweep-night", "sk": sk})["Item"]
        table.put_item(Item={**item, "customers": 9000})

    tripped = night.sweep("--as-of", later(4), expect=1)
    run = night.sweep("--as-of", later(4), "--ignore-gate", "account_count")

    table.put_item(Item=true)
    assert tripped["state"] == "aborted"
    assert (run["state"], run["ignored_gates"]) == ("succeeded", ["account_count"])
    assert check(run, "account_count")["outcome"] == "ignored"
    assert run["scored"] > 0
