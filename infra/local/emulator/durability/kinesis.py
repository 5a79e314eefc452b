"""Kinesis streams in the journal: every acknowledged record, and the streams without their records.

Records are only ever appended to a shard and carry growing sequence numbers, so what is new since the last
write is found from each shard's end: no write path needs a hook, and none can be forgotten.
"""

from __future__ import annotations

import copy
import time
from typing import Any

from infra.local.emulator.durability.encoding import decode, encode_live
from infra.local.emulator.durability.journal import Journal
from infra.local.emulator.durability.sequence import Sequence
from infra.local.emulator.patching import replace

DOCUMENT = "kinesis"
INCARNATION = "_incarnation"
OWNER_PREFIX = "kinesis:"

Row = tuple[int, str, str, float, str, str]


class DurableStreams:
    """Follows the streams of the emulator's Kinesis service and writes them to the journal."""

    def __init__(self, kinesis: Any, journal: Journal) -> None:
        self._kinesis = kinesis
        self._journal = journal
        self._sequence = Sequence()
        self._written: dict[tuple[str, str], str] = {}
        self._collected: dict[tuple[str, str], str] = {}
        self._document = ""

    def install(self) -> None:
        """Replace the sequence numbers, the expiry of old records and the persisted state."""
        replace(
            self._kinesis,
            "_next_sequence_number",
            self._sequence.next,
            source_sha256="763b641fd10ba5c70dfd4f004866e60930dee5348c153ffbd09685130a14cdea",
        )
        replace(
            self._kinesis,
            "_expire_records",
            expire_records,
            source_sha256="9f3968926430b696d660d30ddfbcef6ddb9f91d21c18270f81f850068e9e4190",
        )

    def load(self) -> None:
        """Bring the streams and their records back, and continue the sequence after the last of them."""
        body = self._journal.document(DOCUMENT)
        if body is None:
            return
        self._document = body
        self._kinesis.load_persisted_state(decode(body))
        for stream in self._kinesis._streams.all_values():
            self._load_records(stream)
        self._forget_deleted()

    def _load_records(self, stream: dict[str, Any]) -> None:
        for shard in stream["shards"].values():
            shard["records"] = []
            self._sequence.continue_after(shard["starting_sequence_number"])
        with self._journal.transaction() as database:
            owner = self._journal.owner(_identity(stream))
            rows = database.execute(
                "SELECT shard, sequence, arrival, partition_key, data FROM kinesis_records WHERE owner = ?"
                " ORDER BY sequence",
                (owner,),
            )
            for shard_id, sequence, arrival, key, data in rows:
                shard = stream["shards"].get(shard_id)
                if shard is None or sequence < shard["starting_sequence_number"]:
                    continue
                shard["records"].append(_record(sequence, arrival, key, data))
                self._written[_identity(stream), shard_id] = sequence
                self._sequence.continue_after(sequence)

    def collect(self) -> list[Row]:
        """The records not yet in the journal, oldest first per shard; unknown streams are written first."""
        rows: list[Row] = []
        self._collected.clear()
        for stream in self._kinesis._streams.all_values():
            for shard_id, shard in list(stream["shards"].items()):
                records = shard["records"]
                if not records:
                    continue
                written = self._written.get((_identity(stream), shard_id), "")
                if records[-1]["SequenceNumber"] > written:
                    rows.extend(self._new_rows(stream, shard_id, records, written))
        return rows

    def _new_rows(self, stream: Any, shard_id: str, records: list[Any], written: str) -> list[Row]:
        identity = _identity(stream)
        if not self._journal.knows(identity):
            self.write_document()
        owner = self._journal.owner(identity)
        fresh: list[Row] = []
        for record in reversed(records):
            if record["SequenceNumber"] <= written:
                break
            fresh.append((owner, shard_id, record["SequenceNumber"], record["ApproximateArrivalTimestamp"],
                          record["PartitionKey"], record["Data"]))  # fmt: skip
        fresh.reverse()
        self._collected[identity, shard_id] = fresh[-1][2]
        return fresh

    def write(self, rows: list[Row]) -> None:
        """Write collected records. Call inside a journal transaction."""
        with self._journal.transaction() as database:
            database.executemany("INSERT INTO kinesis_records VALUES (?, ?, ?, ?, ?, ?)", rows)

    def written(self) -> None:
        """What `collect` returned last is committed."""
        self._written.update(self._collected)

    def write_document(self) -> None:
        """Write the streams' metadata if it differs from what the journal has."""
        body = encode_live(self._state)
        if body != self._document:
            self._document = body
            self._journal.put_document(DOCUMENT, body)
            self._forget_deleted()

    def _state(self) -> dict[str, Any]:
        streams = copy.copy(self._kinesis._streams)
        streams._data = {
            key: {**stream, INCARNATION: _identity(stream), "shards": _without_records(stream["shards"])}
            for key, stream in self._kinesis._streams.all_items()
        }
        return {
            "streams": streams,
            "consumers": self._kinesis._consumers,
            "resource_policies": self._kinesis._resource_policies,
        }

    def remove_expired(self) -> None:
        """Drop records past their stream's retention from memory and journal."""
        with self._journal.transaction() as database:
            for stream in self._kinesis._streams.all_values():
                expire_records(stream)
                cutoff = _cutoff(stream)
                owner = self._journal.owner(_identity(stream))
                database.execute(
                    "DELETE FROM kinesis_records WHERE owner = ? AND arrival < ?", (owner, cutoff)
                )

    def _forget_deleted(self) -> None:
        keep = {_identity(stream) for stream in self._kinesis._streams.all_values()}
        self._journal.forget_owners(prefix=OWNER_PREFIX, keep=keep)


def expire_records(stream: dict[str, Any]) -> None:
    """Drop the records at a shard's front that are past the retention; costs nothing when there are none."""
    cutoff = _cutoff(stream)
    for shard in stream["shards"].values():
        records = shard["records"]
        expired = 0
        while expired < len(records) and records[expired]["ApproximateArrivalTimestamp"] < cutoff:
            expired += 1
        if expired:
            shard["records"] = records[expired:]


def _cutoff(stream: dict[str, Any]) -> float:
    return time.time() - float(stream["RetentionPeriodHours"]) * 3600


def _identity(stream: dict[str, Any]) -> str:
    """Different for a stream deleted and created again under the same name."""
    identity = stream.get(INCARNATION)
    if identity is None:
        first = min(shard["starting_sequence_number"] for shard in stream["shards"].values())
        identity = stream[INCARNATION] = f"{OWNER_PREFIX}{stream['StreamARN']}#{first}"
    return str(identity)


def _without_records(shards: dict[str, Any]) -> dict[str, Any]:
    return {shard_id: {**shard, "records": []} for shard_id, shard in shards.items()}


def _record(sequence: str, arrival: float, key: str, data: str) -> dict[str, Any]:
    return {
        "SequenceNumber": sequence,
        "ApproximateArrivalTimestamp": arrival,
        "Data": data,
        "PartitionKey": key,
    }
