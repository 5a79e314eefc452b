"""kill -9 in the middle of concurrent writes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, HTTPClientError

from tests.local_cloud.emulator_process import Emulator, records_of
from tests.local_cloud.tables import make_table, scan_all

KILLED = (ConnectionClosedError, EndpointConnectionError, HTTPClientError)
WRITERS = 4


def test_no_acknowledged_write_is_lost_when_the_emulator_is_killed_under_load(mortal: Emulator) -> None:
    """Kinesis: "synchronously replicates data across three Availability Zones"; DynamoDB: "when an
    application writes data to a table and receives an HTTP 200 response, all copies of the data are
    updated"."""
    kinesis, dynamodb = mortal.client("kinesis"), mortal.client("dynamodb")
    kinesis.create_stream(StreamName="load", ShardCount=2)
    make_table(dynamodb, "load")
    acknowledged: list[tuple[int, int]] = []
    enough = threading.Event()

    def write(writer: int) -> None:
        number = 0
        while True:
            try:
                batch = [
                    {"Data": f"{writer}/{number}/{n}".encode(), "PartitionKey": str(n)} for n in range(20)
                ]
                kinesis.put_records(StreamName="load", Records=batch)
                key = {"pk": {"S": str(writer)}, "sk": {"N": str(number)}}
                dynamodb.put_item(
                    TableName="load",
                    Item={**key, "bytes": {"B": b"\x00\xff"}},
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except KILLED:
                return
            acknowledged.append((writer, number))
            if len(acknowledged) >= 200:
                enough.set()
            number += 1

    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, writer) for writer in range(WRITERS)]
        assert enough.wait(20)
        mortal.kill()
        for writer in writers:
            writer.result()
    mortal.start()

    kept = {record["Data"].decode() for record in records_of(kinesis, "load")}
    wanted = {f"{writer}/{number}/{n}" for writer, number in acknowledged for n in range(20)}
    stored = {(int(item["pk"]["S"]), int(item["sk"]["N"])) for item in scan_all(dynamodb, "load")}
    assert wanted - kept == set()
    assert set(acknowledged) - stored == set()
    assert stored - set(acknowledged) <= {(writer, stored_last(stored, writer)) for writer in range(WRITERS)}


def stored_last(stored: set[tuple[int, int]], writer: int) -> int:
    return max(number for owner, number in stored if owner == writer)
