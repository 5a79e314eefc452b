"""Where a run over every account leaves its batches, what they found, and its log."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.ports import ConflictError, SideBySide
from stemtide.store.errors import translated
from stemtide.sweep import JOB

PREFIX: Final = "sweeps/"
"""Key prefix of everything a run writes to the archive bucket."""
KEPT_S: Final = 400 * 86_400
BATCH_KEPT_S: Final = 30 * 86_400
"""As long as the objects: of use while somebody looks into that run."""
LOG_KEY: Final = f"job#{JOB}"
EXTRACT: Final = "extract"
SCORE: Final = "score"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepLog:
    """Objects in S3 (client, bucket); one row per run and one per batch and step in the ingest table (boto3
    Table resource)."""

    s3: Any
    bucket: str
    table: Any

    def put_items(self, run: str, step: str, items: Sequence[Mapping[str, Any]]) -> str:
        """Write the items of a step's map as one JSON array; its key."""
        return self._put_json(f"{PREFIX}{run}/{step}.json", items)

    def put_extract(self, run: str, number: int, data: bytes) -> None:
        """Keep what was extracted of a batch; a repetition replaces it."""
        with translated():
            self.s3.put_object(Bucket=self.bucket, Key=_extract_key(run, number), Body=data)

    def put_peers(self, run: str, number: int, data: bytes) -> None:
        """Keep what a batch adds to the night's peers."""
        with translated():
            self.s3.put_object(Bucket=self.bucket, Key=_peers_key(run, number), Body=data)

    def read_peers(self, run: str, numbers: Iterable[int], side_by_side: SideBySide) -> list[bytes]:
        """What batches add to the night's peers, in their order."""

        def read(number: int) -> bytes:
            with translated():
                found = self.s3.get_object(Bucket=self.bucket, Key=_peers_key(run, number))
                data: bytes = found["Body"].read()
            return data

        return side_by_side(read, list(numbers))

    def read_extract(self, run: str, number: int) -> bytes:
        """What was extracted of a batch."""
        with translated():
            data: bytes = self.s3.get_object(Bucket=self.bucket, Key=_extract_key(run, number))["Body"].read()
        return data

    def put_list(self, run: str, name: str, content: Any) -> str:
        """Keep who is at risk, by a batch or by a night; its key."""
        return self._put_json(f"{PREFIX}{run}/at-risk/{name}.json", content)

    def read_list(self, key: str) -> Any:
        """What `put_list` kept; it stays for a month."""
        with translated():
            data = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return msgspec.json.decode(data)

    def read_lists(self, run: str, names: Iterable[str], side_by_side: SideBySide) -> list[Any]:
        """Several of `put_list`, in their order."""
        keys = [f"{PREFIX}{run}/at-risk/{name}.json" for name in names]
        return side_by_side(self.read_list, keys)

    def note(self, run: str, facts: Mapping[str, Any]) -> None:
        """Note what is known of a run; a repetition writes the same."""
        given = {**facts, "expires_at": int(time.time()) + KEPT_S}
        with translated():
            self.table.update_item(
                Key={"pk": LOG_KEY, "sk": run},
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in given),
                ExpressionAttributeNames={f"#{name}": name for name in given},
                ExpressionAttributeValues={f":{name}": value for name, value in given.items()},
            )

    def note_batch(self, run: str, step: str, number: int, facts: Mapping[str, Any]) -> None:
        """Note the outcome of a batch's step, once: what its repetition finds is done already.

        first attempt                        repetition (the reply was lost)
        scores 500, notes 500
                                             scores none, notes none -> refused: it is noted
        """
        item = {
            "pk": batches_key(run),
            "sk": f"{step}#{number:06d}",
            "facts": msgspec.json.encode(facts).decode(),
            "expires_at": int(time.time()) + BATCH_KEPT_S,
        }
        try:
            with translated():
                self.table.put_item(Item=item, ConditionExpression="attribute_not_exists(pk)")
        except ConflictError:
            return

    def batches(self, run: str, step: str) -> dict[int, dict[str, Any]]:
        """The outcomes of a run's batches in a step so far, by number."""
        return read_batches(self.table, run, step)

    def _put_json(self, key: str, content: Any) -> str:
        with translated():
            self.s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=msgspec.json.encode(content),
                ContentType="application/json",
            )
        return key


def _extract_key(run: str, number: int) -> str:
    return f"{PREFIX}{run}/{EXTRACT}/{number:06d}.msgpack"


def _peers_key(run: str, number: int) -> str:
    return f"{PREFIX}{run}/{EXTRACT}/{number:06d}.peers"


def batches_key(run: str) -> str:
    """The partition key of a run's batches."""
    return f"sweep#{run}"


def read_batches(table: Any, run: str, step: str) -> dict[int, dict[str, Any]]:
    """The outcomes of a run's batches in a step so far, by number."""
    found: dict[int, dict[str, Any]] = {}
    condition = Key("pk").eq(batches_key(run)) & Key("sk").begins_with(f"{step}#")
    page: dict[str, Any] = {}
    while True:
        with translated():
            answer = table.query(KeyConditionExpression=condition, ConsistentRead=True, **page)
        for item in answer["Items"]:
            found[int(str(item["sk"]).partition("#")[2])] = msgspec.json.decode(item["facts"])
        if "LastEvaluatedKey" not in answer:
            return found
        page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def read_run(table: Any, run: str) -> dict[str, Any] | None:
    """The log row of a run (`table`: boto3 Table resource of the ingest table), None when there is none."""
    with translated():
        found = table.get_item(Key={"pk": LOG_KEY, "sk": run}, ConsistentRead=True)
    item: dict[str, Any] | None = found.get("Item")
    return item


def read_latest_run(table: Any) -> dict[str, Any] | None:
    """The log row of the run that was planned last, None before the first."""
    newest: dict[str, Any] | None = None
    page: dict[str, Any] = {}
    while True:
        with translated():
            answer = table.query(KeyConditionExpression=Key("pk").eq(LOG_KEY), **page)
        for item in answer["Items"]:
            if newest is None or int(item.get("planned_ms", 0)) > int(newest.get("planned_ms", 0)):
                newest = item
        if "LastEvaluatedKey" not in answer:
            return newest
        page = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
