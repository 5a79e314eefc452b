"""Records a second of the local cloud: put to the stream one call each, until all are counted."""

import itertools
import json
import time
from typing import Any, Final

import boto3

from demo.cloud import own_cloud
from demo.settings import Settings
from demo.stages import Stages
from demo.story import Story

RECORDS: Final = 60_000
ACCOUNTS: Final = 500
USERS: Final = 40
EVENT_TYPES: Final = 25
REQUEST: Final = 500
"""Records of one PutRecords request, one an account: a request that is repeated meets the ids it left."""


def run(
    settings: Settings, stages: Stages, *, records: int = RECORDS
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure once; returns the figures and what was run."""
    with own_cloud(settings, lambda _: None):
        story = Story(settings=settings, stages=stages)
        story.deploy()
        facts = json.loads(settings.stack_file.read_text())
        with stages.stage("records", f"{records} records put and counted") as say:
            began = time.monotonic()
            _put(facts, records, settings.today.isoformat())
            put = time.monotonic() - began
            story.drain(say)
            took = time.monotonic() - began
    return {"local.records_per_s": round(records / took)}, {
        "records": records,
        "accounts": ACCOUNTS,
        "put_seconds": round(put, 1),
        "seconds": round(took, 1),
    }


def _put(facts: dict[str, Any], records: int, day: str) -> None:
    client = boto3.client(
        "kinesis",
        endpoint_url=facts["endpoint_url"],
        region_name=facts["region"],
        aws_access_key_id="000000000000",
        aws_secret_access_key="test",  # noqa: S106 - the local cloud takes any
    )
    numbers = iter(range(records))
    while batch := list(itertools.islice(numbers, REQUEST)):
        entries = [_record(number, day) for number in batch]
        while entries:
            answer = client.put_records(StreamName=facts["event_stream"], Records=entries)
            entries = [
                entry
                for entry, outcome in zip(entries, answer["Records"], strict=True)
                if "ErrorCode" in outcome
            ]


def _record(number: int, day: str) -> dict[str, Any]:
    account = f"records-{number % ACCOUNTS}"
    call = {
        "type": "track",
        "event": f"Event {number % EVENT_TYPES}",
        "messageId": f"m-{number}",
        "timestamp": f"{day}T00:00:00Z",
        "userId": f"user-{number // ACCOUNTS % USERS}",
        "context": {"groupId": account},
    }
    return {"PartitionKey": account, "Data": json.dumps(call).encode()}
