"""An account's use, the stream that told of it, and what came of a look at them."""

import json
from pathlib import Path
from typing import Any

import boto3
from stemtide.calls import DAY_MS, day_number, day_of, timestamp_ms
from stemtide.event_days import QUARTERS
from stemtide.state import State, encode
from stemtide.store.event_days import EventDayNotes
from stemtide.store.records import Records

from tests.stream_cloud import QUEUE, Cloud

EVENTS = Path(__file__).parents[2] / "events"
FIRST_MS = 1795357442000
TODAY = day_number("2026-11-22")
ACCOUNT = "acct-e1"


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return found


def put_days(cloud: Cloud, calls: dict[int, int], *, account: str = ACCOUNT) -> None:
    """Usage of so many API calls so many days ago."""
    for ago, count in calls.items():
        state = State(events=count, calls=count, by_event={"API Call": count}, first_ms=0, last_ms=0)
        day = day_of((TODAY - ago) * DAY_MS)
        cloud.usage.put_item(Item={"account": account, "day": day, "v": 1, "s": encode(state)})


def heard(cloud: Cloud, *, until: str = "2026-11-22T10:00:00Z", gone: tuple[str, ...] = ()) -> None:
    """The stream told of events around the clock up to an instant, but not on the days that are `gone`."""
    last = timestamp_ms(until)
    days = [day for day in range(TODAY - 40, last // DAY_MS + 1) if day_of(day * DAY_MS) not in gone]
    quarters = (day * QUARTERS + number for day in days for number in range(QUARTERS))
    EventDayNotes(cloud.ingest).note(one for one in quarters if one * DAY_MS <= last * QUARTERS)


SERVER_ERROR = {"ResponseMetadata": {"HTTPStatusCode": 503}}
FALLEN = {ago: 10 if ago > 10 else 2 for ago in range(1, 32)}
"""Three usual weeks, and ten days with a fifth of that."""


def drops(cloud: Cloud, account: str = ACCOUNT) -> list[str]:
    return [drop.rule for drop in Records(cloud.accounts).drops(account)]


def queued() -> list[dict[str, Any]]:
    found = boto3.client("sqs").receive_message(QueueUrl=QUEUE, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in found.get("Messages", [])]
