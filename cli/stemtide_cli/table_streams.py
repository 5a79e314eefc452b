"""What of the tables' changes their consumers have not worked off yet, and which scores are owed."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from stemtide.calls import timestamp_ms
from stemtide.drops import Drop
from stemtide.store.consumer_marks import has_mark
from stemtide.store.ledger import query_all
from stemtide.table_consumers import ALL, DROP_PREFIX, PUBLISH, RECORD, TableConsumer
from stemtide.table_stream import Change, change_of

from stemtide_cli.stack import Stack

PAGE = 1000
OWED_S = 3600
"""How long a score is waited for after its drop; the function's retries end long before."""
LOOKS_AT_AN_EMPTY_PAGE = 3
"""An open shard's answer may be empty although changes follow."""


@dataclass(frozen=True, slots=True)
class Tip:
    """The last change of a shard that concerns a consumer: when it is worked off, all before it are."""

    sequence: str
    what: str


@dataclass(frozen=True, slots=True)
class Owed:
    """A drop that must be followed by a score, and where the change that tells of it is."""

    drop: Drop
    shard: str
    sequence: int


@dataclass(slots=True, kw_only=True)
class Reader:
    """Reads the streams on from where the last look ended; one for all looks of a wait."""

    stack: Stack
    _iterators: dict[tuple[str, str], str | None] = field(default_factory=dict)
    _tips: dict[tuple[str, str], Tip] = field(default_factory=dict)
    _owed: dict[tuple[str, str], Owed] = field(default_factory=dict)
    _seen: int = 0

    def pending(self) -> list[str]:
        """What is in flight, in words; empty: the consumers are at the tips and no score is owed."""
        for role in sorted({consumer.table for consumer in ALL} & set(self.stack.tables)):
            self._read_on(role)
        waiting = [str(found) for found in (self._waiting(consumer) for consumer in ALL) if found]
        owed = self._scores_owed()
        if owed:
            waiting.append(f"scores after {len(owed)} drops of use, e.g. of {owed[0]}")
        return waiting

    @property
    def place(self) -> tuple[Any, ...]:
        """How far everything has come."""
        return self._seen, tuple(sorted((key, tip.sequence) for key, tip in self._tips.items()))

    def _waiting(self, consumer: TableConsumer) -> str | None:
        table = self.stack.table("ingest")
        tips = [tip for (name, _), tip in self._tips.items() if name == consumer.name]
        left = [tip for tip in tips if not has_mark(table, consumer.name, tip.sequence)]
        if not left:
            return None
        return f"{consumer.name} to work off the {consumer.table} table's changes, the last {left[0].what}"

    def _read_on(self, role: str) -> None:
        client, arn = self.stack.client("dynamodbstreams"), stream_of(self.stack, role)
        for shard in shards_of(client, arn):
            for change in self._new(client, arn, shard):
                self._take_in(role, shard, change)

    def _take_in(self, role: str, shard: str, change: Change) -> None:
        self._seen += 1
        for consumer in ALL:
            if consumer.table == role and consumer.concerns(change):
                what = " ".join(str(value) for value in change.keys.values())
                self._tips[consumer.name, shard] = Tip(change.sequence, what)
        item = str(change.keys.get("item", ""))
        recent = change.at_s >= time.time() - OWED_S
        if recent and change.event == "INSERT" and item.startswith(DROP_PREFIX) and change.new is not None:
            drop = msgspec.json.decode(str(change.new["drop"]), type=Drop)
            self._owed[drop.account, item] = Owed(drop, shard, int(change.sequence))

    def _new(self, client: Any, arn: str, shard: str) -> Iterator[Change]:
        place = (arn, shard)
        if place not in self._iterators:
            self._iterators[place] = client.get_shard_iterator(
                StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
        empty = 0
        while (iterator := self._iterators[place]) is not None and empty < LOOKS_AT_AN_EMPTY_PAGE:
            answer = client.get_records(ShardIterator=iterator, Limit=PAGE)
            self._iterators[place] = answer.get("NextShardIterator")
            empty = 0 if answer["Records"] else empty + 1
            yield from (change_of(record) for record in answer["Records"])

    def _scores_owed(self) -> list[str]:
        """Accounts with a drop that no score of its instant or a later one has followed."""
        table = self.stack.table("accounts")
        for (account, item), owed in list(self._owed.items()):
            if self._is_settled(table, account, item, owed.drop):
                del self._owed[account, item]
        for key in self._given_up() if self._owed else []:
            del self._owed[key]
        return sorted({account for account, _ in self._owed})

    def _given_up(self) -> list[tuple[str, str]]:
        """Drops that never reached the bus: they are in a payload that is registered as given up."""
        today, table = datetime.now(UTC).date(), self.stack.table("ingest")
        rows = [
            row
            for ago in (0, 1)
            for row in query_all(table, f"dead#{today - timedelta(days=ago)}")
            if row["consumer"] == PUBLISH.name
        ]
        return [
            key
            for key, owed in self._owed.items()
            if any(
                str(row["lane"]).endswith(f"/{owed.shard}")
                and int(row["first"]) <= owed.sequence <= int(row["last"])
                for row in rows
            )
        ]

    @staticmethod
    def _is_settled(table: Any, account: str, item: str, drop: Drop) -> bool:
        record = table.get_item(Key={"account": account, "item": RECORD}, ConsistentRead=True).get("Item", {})
        if "as_of" in record and timestamp_ms(record["as_of"]) >= drop.as_of_ms:
            return True
        row = table.get_item(Key={"account": account, "item": item}, ConsistentRead=True).get("Item")
        return row is None or "skipped" in row


def stream_of(stack: Stack, role: str) -> str:
    """The ARN of a table's stream."""
    described = stack.client("dynamodb").describe_table(TableName=stack.tables[role])
    return str(described["Table"]["LatestStreamArn"])


def shards_of(client: Any, arn: str) -> list[str]:
    """The shards of a table's stream, closed ones included."""
    shards: list[str] = []
    page: dict[str, Any] = {}
    while True:
        described = client.describe_stream(StreamArn=arn, **page)["StreamDescription"]
        shards += [shard["ShardId"] for shard in described["Shards"]]
        if not described.get("LastEvaluatedShardId"):
            return shards
        page = {"ExclusiveStartShardId": described["LastEvaluatedShardId"]}
