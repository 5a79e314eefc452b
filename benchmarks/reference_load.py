"""The reference load: 50 million events a day of 215 bytes, as Lambda delivers them to the aggregates.

5,000 accounts over 7 shards gathered for 60 s come in batches of about 5,000 events of 714 accounts, 7 events
of an account. Accounts have 40 users and 25 event types.
"""

import base64
import json
from random import Random
from typing import Any, Final

EVENT_BYTES: Final = 215
BATCH_EVENTS: Final = 5_000
ACCOUNTS: Final = 714
USERS: Final = 40
EVENT_TYPES: Final = 25
PACKED: Final = 50
FIRST_SEQUENCE: Final = 49590338271490256608559692538361571095921575989136588898
START_S: Final = 1_773_486_000
"""2026-03-14 11:00 UTC."""
ARN: Final = "arn:aws:kinesis:us-east-1:123456789012:stream/events"


class Producer:
    """Makes batch after batch; each event has a message id of its own."""

    def __init__(self, *, seed: int = 1) -> None:
        self._random = Random(seed)  # noqa: S311 - a made-up load
        self._made = 0
        self._records = 0
        self._accounts = [f"account-{number:05}" for number in range(ACCOUNTS)]

    def unpacked(self) -> dict[str, Any]:
        """One event a record, accounts at random."""
        at = self._at()
        accounts = self._random.choices(self._accounts, k=BATCH_EVENTS)
        return self._event([(account, self._call(account, at)) for account in accounts], at)

    def packed(self) -> dict[str, Any]:
        """50 events of one account a record."""
        at = self._at()
        records = []
        for _ in range(BATCH_EVENTS // PACKED):
            account = self._random.choice(self._accounts)
            calls = b",".join(self._call(account, at) for _ in range(PACKED))
            records.append((account, b'{"batch":[' + calls + b"]}"))
        return self._event(records, at)

    def _at(self) -> float:
        return START_S + 60 * (self._made // BATCH_EVENTS)

    def _call(self, account: str, at: float) -> bytes:
        number = self._made
        self._made += 1
        second, ms = divmod(self._random.randrange(60_000), 1000)
        minute = int(at - START_S) // 60
        call = {
            "type": "track",
            "event": f"Event {number % EVENT_TYPES:02}",
            "messageId": f"{number:08x}-7c1e-4b4e-9f5a-{self._random.getrandbits(48):012x}",
            "timestamp": f"2026-03-14T{11 + minute // 60:02}:{minute % 60:02}:{second:02}.{ms:03}Z",
            "userId": f"{account[-5:]}-{self._random.randrange(USERS):02}",
            "context": {"groupId": account},
            "properties": {"p": "a"},
        }
        data = json.dumps(call, separators=(",", ":")).encode()
        return data.replace(b'"a"', b'"' + b"a" * (EVENT_BYTES - len(data) + 1) + b'"')

    def _event(self, records: list[tuple[str, bytes]], at: float) -> dict[str, Any]:
        made = []
        for account, data in records:
            self._records += 1
            sequence = str(FIRST_SEQUENCE + self._records)
            made.append(_record(account, data, sequence, at + 61))
        return {"Records": made}


def _record(account: str, data: bytes, sequence: str, arrival: float) -> dict[str, Any]:
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": account,
            "sequenceNumber": sequence,
            "data": base64.b64encode(data).decode(),
            "approximateArrivalTimestamp": arrival,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000000:{sequence}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/aggregate",
        "awsRegion": "us-east-1",
        "eventSourceARN": ARN,
    }
