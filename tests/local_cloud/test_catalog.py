"""`stemtide catalog` on the local cloud, whose tables are read page by page, but not in segments."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from stemtide import tables
from stemtide.archive import object_key, pack
from stemtide.calls import DAY_MS, day_of_index
from stemtide.kinesis_event import Delivered
from stemtide.state import State, encode
from stemtide.users import pack as pack_users
from stemtide.users import user_hash
from stemtide_cli.main import main

from tests.domain_tables import create
from tests.local_cloud.emulator_process import Emulator
from tests.streams import call

FIRST = 20_600
DAYS = 90
TYPES = 200
ACCOUNTS = ("acme", "beta", "gamma")


def put_usage(dynamodb: Any, table: str) -> Counter[str]:
    """Days of some KB each, 2 MB in all; the events by event type."""
    counted: Counter[str] = Counter()
    for place, account in enumerate(ACCOUNTS):
        for day in range(DAYS):
            by_event = {f"{'x' * 60} {number}": number + place + 1 for number in range(TYPES)}
            counted.update(by_event)
            events = sum(by_event.values())
            state = State(
                events=events, calls=events, by_event=by_event, users=pack_users([user_hash("ann")])
            )
            item = {"account": {"S": account}, "day": {"S": day_of_index(FIRST + day)}}
            dynamodb.put_item(TableName=table, Item={**item, "s": {"B": encode(state)}})
    return counted


def put_archive(s3: Any, bucket: str) -> None:
    """Thirty objects of two arrival days, each with a call of another user and one that all of them have."""
    for number in range(30):
        at_ms = (FIRST + number % 2) * DAY_MS + number
        content = call(
            f"m-{number}",
            event=f"{'x' * 60} 7",
            timestamp=f"{day_of_index(FIRST + number % 2)}T00:00:00Z",
            userId=f"user-{number}",
        )
        repeated = call("same", event=f"{'x' * 60} 8", timestamp=content["timestamp"])
        records = [
            Delivered(100 * number + place, "acme", at_ms, json.dumps(one).encode())
            for place, one in enumerate([content, repeated])
        ]
        key = object_key("one/shardId-000000000000", day_of_index(at_ms // DAY_MS), records)
        s3.put_object(Bucket=bucket, Key=key, Body=pack(records))


def test_everything_is_read_once(emulator: Emulator, tmp_path: Path) -> None:
    dynamodb, s3 = emulator.client("dynamodb"), emulator.client("s3")
    for table in tables.ALL:
        create(dynamodb, replace(table, role=f"catalog-{table.role}"))
    s3.create_bucket(Bucket="catalog-archive")
    counted = put_usage(dynamodb, "catalog-usage")
    put_archive(s3, "catalog-archive")
    file = tmp_path / "stack.json"
    names = {table.role: f"catalog-{table.role}" for table in tables.ALL}
    stack = {"region": "us-east-1", "event_stream": "", "event_bus": "", "tables": names}
    stack |= {"endpoint_url": emulator.url, "buckets": {"archive": "catalog-archive"}}
    file.write_text(json.dumps(stack))

    answer = CliRunner().invoke(main, ["catalog", "--json", "--stack", str(file)], catch_exceptions=False)

    assert answer.exit_code == 0, answer.output
    found = json.loads(answer.stdout)
    rows = {row["event"]: row for row in found["event_types"]}
    assert {name: row["events"] for name, row in rows.items()} == counted
    assert {row["accounts"] for row in rows.values()} == {len(ACCOUNTS)}
    users = {name[-2:].strip(): row["users"] for name, row in rows.items() if row["users"] is not None}
    assert users == {"7": 30, "8": 1}
