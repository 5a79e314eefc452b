"""Functions on queues: batch size, window, partial answers, redrive, and survival of a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.local_cloud.consumers import ROLE, zipped
from tests.local_cloud.emulator_process import ACCOUNT, Emulator, eventually

TAKER = """
import json, os, pathlib, time

def handler(event, context):
    bodies = [record["body"] for record in event["Records"]]
    with pathlib.Path(os.environ["TRACE"]).open("a") as trace:
        trace.write(json.dumps(bodies) + "\\n")
    while os.environ.get("GATE") and not pathlib.Path(os.environ["GATE"]).exists():
        time.sleep(0.01)
    failed = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}
"""
BUS = "domain-queue"


class Taker:
    """A function on a queue, and the batches that it was given."""

    def __init__(self, emulator: Emulator, folder: Path, name: str, **settings: Any) -> None:
        name = f"queue-{name}"
        self.sqs, self.trace = emulator.client("sqs"), folder / f"{name}.trace"
        variables = {"TRACE": str(self.trace), **settings.pop("variables", {})}
        lambda_ = emulator.client("lambda")
        lambda_.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="handler.handler",
            Code={"ZipFile": zipped({"handler.py": TAKER})},
            Timeout=60,
            Environment={"Variables": variables},
        )
        self.dead = self.sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": arn_of(f"{name}-dead"), "maxReceiveCount": "2"}
        seconds = settings.pop("visibility_s", 1)
        attributes = {"VisibilityTimeout": str(seconds), "RedrivePolicy": json.dumps(redrive)}
        self.url = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = arn_of(name)
        self.send = lambda *bodies: [self.sqs.send_message(QueueUrl=self.url, MessageBody=b) for b in bodies]
        self.map = lambda: lambda_.create_event_source_mapping(
            EventSourceArn=self.arn,
            FunctionName=name,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            ScalingConfig={"MaximumConcurrency": 2},
            **settings,
        )

    def batches(self) -> list[list[str]]:
        lines = self.trace.read_text().splitlines() if self.trace.exists() else []
        return [json.loads(line) for line in lines]


def arn_of(queue: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}"


def test_a_batch_is_as_large_as_the_mapping_says(emulator: Emulator, tmp_path: Path) -> None:
    """ "BatchSize … Amazon SQS - Default 10. For standard queues the max is 10,000"."""
    taker = Taker(emulator, tmp_path, "wide", BatchSize=30, MaximumBatchingWindowInSeconds=300)
    taker.send(*(str(number) for number in range(30)))

    taker.map()

    [batch] = eventually(taker.batches)
    assert sorted(batch, key=int) == [str(number) for number in range(30)]


def test_a_batch_that_does_not_fill_goes_after_the_window(emulator: Emulator, tmp_path: Path) -> None:
    """ "MaximumBatchingWindowInSeconds: the maximum amount of time that Lambda spends gathering records"."""
    taker = Taker(emulator, tmp_path, "windowed", BatchSize=30, MaximumBatchingWindowInSeconds=1)
    taker.map()

    taker.send("a", "b", "c")

    [batch] = eventually(taker.batches)
    assert sorted(batch) == ["a", "b", "c"]


def test_only_the_messages_that_failed_come_again_and_end_in_the_dead_letters(
    emulator: Emulator, tmp_path: Path
) -> None:
    """ "Partial batch responses: … return the failed messages' ids"; after maxReceiveCount, the redrive."""
    taker = Taker(emulator, tmp_path, "partial", BatchSize=30, MaximumBatchingWindowInSeconds=1)
    taker.send("good", "bad")

    taker.map()

    kept = eventually(lambda: taker.sqs.receive_message(QueueUrl=taker.dead).get("Messages"))
    assert [message["Body"] for message in kept] == ["bad"]
    assert [sorted(batch) for batch in taker.batches()] == [["bad", "good"], ["bad"]]


@pytest.fixture(scope="module")
def interrupted(mortal: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Taker:
    """An event of a bus whose message a function was given when the emulator was killed."""
    folder = tmp_path_factory.mktemp("interrupted")
    gate = folder / "gate"
    taker = Taker(mortal, folder, "held", visibility_s=1800, variables={"GATE": str(gate)}, BatchSize=10)
    events = mortal.client("events")
    events.create_event_bus(Name=BUS)
    events.put_rule(Name="all", EventBusName=BUS, EventPattern=json.dumps({"source": ["stemtide"]}))
    events.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "1", "Arn": taker.arn}])
    taker.map()
    put(mortal, 1)
    eventually(taker.batches)
    put(mortal, 2)
    mortal.kill()
    gate.touch()
    mortal.start()
    return taker


def put(emulator: Emulator, number: int) -> None:
    entry = {"Source": "stemtide", "DetailType": "Seen", "Detail": json.dumps({"n": number})}
    emulator.client("events").put_events(Entries=[{"EventBusName": BUS, **entry}])


def test_what_a_killed_emulator_had_handed_out_comes_again_at_once_and_nothing_is_lost(
    interrupted: Taker,
) -> None:
    def numbers() -> list[int]:
        return sorted(json.loads(body)["detail"]["n"] for batch in interrupted.batches() for body in batch)

    assert eventually(lambda: len(numbers()) >= 3 and set(numbers()) == {1, 2} and numbers())
