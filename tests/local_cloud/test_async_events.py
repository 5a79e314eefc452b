"""Asynchronous events: retries, dead letters that keep the payload, notifications, and survival of a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.local_cloud.consumers import ROLE, zipped
from tests.local_cloud.emulator_process import ACCOUNT, Emulator, eventually

NOTER = """
import json, os, pathlib, time

def handler(event, context):
    with pathlib.Path(os.environ["TRACE"]).open("a") as trace:
        trace.write(json.dumps(event) + "\\n")
    if event.get("fail") or os.environ.get("FAIL"):
        raise ValueError("cannot take it")
    gate = os.environ.get("GATE")
    while gate and not pathlib.Path(gate).exists():
        time.sleep(0.01)
"""


class Noter:
    """A function that notes every event it is invoked with."""

    def __init__(self, emulator: Emulator, folder: Path, name: str, **settings: Any) -> None:
        self.trace = folder / f"{name}.trace"
        self.gate = folder / f"{name}.gate"
        variables = {"TRACE": str(self.trace), **settings.pop("variables", {})}
        created = emulator.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="handler.handler",
            Code={"ZipFile": zipped({"handler.py": NOTER})},
            Timeout=60,
            Environment={"Variables": variables},
            **settings,
        )
        self.arn = created["FunctionArn"]

    def events(self) -> list[dict[str, Any]]:
        """What it was invoked with so far."""
        lines = self.trace.read_text().splitlines() if self.trace.exists() else []
        return [json.loads(line) for line in lines]


def queue(emulator: Emulator, name: str) -> tuple[str, str]:
    url = emulator.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    return url, f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def invoke(emulator: Emulator, function: str, event: dict[str, Any]) -> int:
    answer = emulator.client("lambda").invoke(
        FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode()
    )
    return int(answer["StatusCode"])


def test_a_failing_event_is_tried_three_times_and_its_payload_kept(
    emulator: Emulator, tmp_path: Path
) -> None:
    """ "If the function returns an error, by default Lambda attempts to run it two more times"; then
    "Lambda sends the event to the dead-letter queue as-is" with RequestID, ErrorCode and ErrorMessage as
    attributes."""
    url, arn = queue(emulator, "failed-events")
    function = Noter(emulator, tmp_path, "failing", DeadLetterConfig={"TargetArn": arn})

    accepted = invoke(emulator, "failing", {"fail": True, "n": 1})

    sqs = emulator.client("sqs")
    letter = eventually(
        lambda: sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")
    )[0]
    assert accepted == 202
    assert json.loads(letter["Body"]) == {"fail": True, "n": 1}
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "cannot take it"
    assert set(letter["MessageAttributes"]) == {"RequestID", "ErrorCode", "ErrorMessage"}
    assert len(function.events()) == 3


def test_an_object_made_inside_a_notified_bucket_invokes_the_function(
    emulator: Emulator, tmp_path: Path
) -> None:
    """ "Amazon S3 can send an event to a Lambda function when an object is created": here when the event
    source mapping writes records that were given up to its S3 destination."""
    function = Noter(emulator, tmp_path, "on-object")
    notify(emulator, "given-up", function.arn)
    lambda_, kinesis = emulator.client("lambda"), emulator.client("kinesis")
    Noter(emulator, tmp_path, "always-failing", variables={"FAIL": "1"})
    kinesis.create_stream(StreamName="given-up", ShardCount=1)
    kinesis.put_record(StreamName="given-up", Data=b"{}", PartitionKey="k")

    lambda_.create_event_source_mapping(
        FunctionName="always-failing",
        EventSourceArn=f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/given-up",
        StartingPosition="TRIM_HORIZON",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::given-up"}},
    )

    record = eventually(function.events)[0]["Records"][0]
    assert record["eventName"].startswith("ObjectCreated:")
    assert record["s3"]["bucket"]["name"] == "given-up"
    assert record["s3"]["object"]["key"].startswith("aws/lambda/")


def notify(emulator: Emulator, bucket: str, function: str) -> None:
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket=bucket)
    emulator.client("lambda").add_permission(
        FunctionName=function, StatementId="s3", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    target = {"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [target]}
    )


def test_a_bus_rule_invokes_asynchronously_with_retries(emulator: Emulator, tmp_path: Path) -> None:
    """EventBridge "invokes your Lambda function asynchronously": errors are retried as for any event."""
    function = Noter(emulator, tmp_path, "on-event", variables={"FAIL": "1"})
    events = emulator.client("events")
    events.create_event_bus(Name="domain")
    events.put_rule(Name="all", EventBusName="domain", EventPattern=json.dumps({"source": ["stemtide"]}))
    events.put_targets(Rule="all", EventBusName="domain", Targets=[{"Id": "1", "Arn": function.arn}])

    events.put_events(
        Entries=[{"EventBusName": "domain", "Source": "stemtide", "DetailType": "Seen", "Detail": '{"a": 1}'}]
    )

    seen = eventually(lambda: len(function.events()) == 3 and function.events())
    assert [event["detail"] for event in seen] == [{"a": 1}] * 3


def test_an_on_failure_destination_gets_the_invocation_record(emulator: Emulator, tmp_path: Path) -> None:
    """ "The invocation record contains details about the request and response in JSON format":
    requestContext, requestPayload, responseContext, responsePayload."""
    url, arn = queue(emulator, "failed-records")
    function = Noter(emulator, tmp_path, "recorded")
    emulator.client("lambda").put_function_event_invoke_config(
        FunctionName="recorded",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )

    invoke(emulator, "recorded", {"fail": True, "n": 2})

    sqs = emulator.client("sqs")
    message = eventually(lambda: sqs.receive_message(QueueUrl=url).get("Messages"))[0]
    record = json.loads(message["Body"])
    assert record["requestPayload"] == {"fail": True, "n": 2}
    assert record["requestContext"]["functionArn"] == f"{function.arn}:$LATEST"
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responsePayload"]["errorMessage"] == "cannot take it"


def test_a_schedule_fills_in_its_context_and_fires_once(emulator: Emulator, tmp_path: Path) -> None:
    """ "<aws.scheduler.scheduled-time> - the time you specified for the schedule to invoke its target, for
    example 2022-03-22T18:59:43Z"; "a one-time schedule will invoke a target only once"."""
    function = Noter(emulator, tmp_path, "on-schedule")
    names = ("schedule-arn", "scheduled-time", "execution-id", "attempt-number")

    created = emulator.client("scheduler").create_schedule(
        Name="once",
        ScheduleExpression="at(2026-01-05T06:07:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": function.arn,
            "RoleArn": ROLE,
            "Input": json.dumps({name: f"<aws.scheduler.{name}>" for name in names}),
        },
    )

    event = eventually(function.events)[0]
    assert event["scheduled-time"] == "2026-01-05T06:07:00Z"
    assert event["schedule-arn"] == created["ScheduleArn"]
    assert event["attempt-number"] == "1"
    assert len(event["execution-id"]) == 32


@pytest.fixture(scope="module")
def interrupted(mortal: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Noter:
    """An accepted event in the middle of whose first run the emulator is killed, and started again."""
    folder = tmp_path_factory.mktemp("interrupted")
    gate = folder / "interrupted.gate"
    function = Noter(mortal, folder, "interrupted", variables={"GATE": str(gate)})
    assert invoke(mortal, "interrupted", {"n": 7}) == 202
    eventually(function.events)
    mortal.kill()
    gate.touch()
    mortal.start()
    return function


def test_an_accepted_event_runs_again_after_a_kill(interrupted: Noter) -> None:
    """ "Lambda places the event in a queue": accepted is accepted; and "even when your function doesn't
    return an error, it's possible for it to receive the same event multiple times"."""
    seen = eventually(lambda: len(interrupted.events()) == 2 and interrupted.events())

    assert seen == [{"n": 7}, {"n": 7}]
