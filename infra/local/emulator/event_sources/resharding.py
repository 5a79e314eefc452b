"""Split, merge and new shard counts that close the old shards instead of losing their records.

"After a reshard the parent shards transition from OPEN to CLOSED: their data records stay accessible until
they expire, new ones go to the child shards" (Kinesis Data Streams developer guide, "After resharding").
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from infra.local.emulator.patching import replace

SOURCES = {
    "_split_shard": "79e732074645c7472af0a7567e70ffe02fc8a1aea3acad964b86db7d19c0e126",
    "_merge_shards": "4440fcd2a9bb9c94fe58bc63fa9df6463ebdad887fdc517c1801c2e6e39fe8ac",
    "_update_shard_count": "79b02ca7148f001164e79b5cb4257424077422eafb55342eb94b2a2d9b32d477",
    "_route_to_shard": "e45cf7a2b75843a335ca888b48ed23b63fd4289b42da6ff1976db723f54e0434",
    "_shard_out": "3124090ac60fae17ea8756888bf2b946f4fe49316bf66323fc04a8905f733e56",
    "_get_records": "b9eb8fa90228500dedeedcb898cef78bff7a199e1538d595644e2ff98c4c21f5",
    "_describe_stream_summary": "a63741b068a7d68f4097f437f9aa791cc9eec037117a75a36f09c110f8a037b1",
}
MAX_PARENTS = 2
Answer = tuple[int, dict[str, str], bytes]


class Refused(ValueError):  # noqa: N818 - reads as what it says
    """A reshard that Kinesis refuses; `code` is its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def install() -> None:
    """Put the corrected operations in place. Raises `EmulatorChanged`."""
    from ministack.services import kinesis

    replacements: dict[str, Callable[..., Any]] = {
        "_split_shard": _split_shard,
        "_merge_shards": _merge_shards,
        "_update_shard_count": _update_shard_count,
        "_route_to_shard": _route_to_shard,
    }
    for name, new in replacements.items():
        replace(kinesis, name, new, source_sha256=SOURCES[name])
    _install_readers(kinesis)


def _install_readers(kinesis: Any) -> None:
    shard_out, get_records, summary = (
        kinesis._shard_out,
        kinesis._get_records,
        kinesis._describe_stream_summary,
    )

    def _shard_out(shard_id: str, shard: dict[str, Any]) -> dict[str, Any]:
        shown: dict[str, Any] = shard_out(shard_id, shard)
        if not is_open(shard):
            shown["SequenceNumberRange"]["EndingSequenceNumber"] = shard["ending_sequence_number"]
        return shown

    def _get_records(data: dict[str, Any]) -> Answer:
        return _ended(data, get_records(data))

    def _describe_stream_summary(data: dict[str, Any]) -> Answer:
        status, headers, body = summary(data)
        _, stream = kinesis._resolve_stream(data)
        if stream:
            answer = json.loads(body)
            answer["StreamDescriptionSummary"]["OpenShardCount"] = len(_open_shards(stream))
            body = json.dumps(answer).encode()
        return status, headers, body

    for new in (_shard_out, _get_records, _describe_stream_summary):
        replace(kinesis, new.__name__, new, source_sha256=SOURCES[new.__name__])


def is_open(shard: dict[str, Any]) -> bool:
    """Whether the shard takes new records."""
    return shard.get("ending_sequence_number") is None


def reshard(stream: dict[str, Any], parents: list[str], ranges: list[tuple[int, int]]) -> None:
    """Close `parents`; open one child per hash key range, descending from the parents it overlaps."""
    from ministack.services import kinesis

    shards = dict(stream["shards"])
    following = kinesis._max_shard_index(stream) + 1
    ending = kinesis._next_sequence_number()
    for offset, (start, end) in enumerate(ranges):
        overlapped = [parent for parent in parents if _overlaps(shards[parent], start, end)]
        if len(overlapped) > MAX_PARENTS:
            raise Refused("InvalidArgumentException", "a shard cannot descend from more than two shards")
        shards[f"shardId-{following + offset:012d}"] = {
            "records": [],
            "starting_hash_key": str(start),
            "ending_hash_key": str(end),
            "starting_sequence_number": kinesis._next_sequence_number(),
            "parent_shard_id": overlapped[0],
            "adjacent_parent_shard_id": overlapped[1] if len(overlapped) == MAX_PARENTS else None,
        }
    for parent in parents:
        shards[parent]["ending_sequence_number"] = ending
    stream["shards"] = shards
    kinesis.esm_wake.set()


def _split_shard(data: dict[str, Any]) -> Answer:
    def split(stream: dict[str, Any]) -> dict[str, Any]:
        shard = _shard_to_change(stream, data.get("ShardToSplit"))
        start, end = _range(shard)
        middle = int(data.get("NewStartingHashKey") or 0)
        if not start < middle <= end:
            raise Refused(
                "InvalidArgumentException", f"NewStartingHashKey {middle} is not inside {start}-{end}"
            )
        reshard(stream, [data["ShardToSplit"]], [(start, middle - 1), (middle, end)])
        return {}

    return _on_stream(data, split)


def _merge_shards(data: dict[str, Any]) -> Answer:
    def merge(stream: dict[str, Any]) -> dict[str, Any]:
        names = [data.get("ShardToMerge"), data.get("AdjacentShardToMerge")]
        (low, first_end), (second_start, high) = sorted(
            _range(_shard_to_change(stream, name)) for name in names
        )
        if first_end + 1 != second_start:
            raise Refused("InvalidArgumentException", f"{names[0]} and {names[1]} are not adjacent")
        reshard(stream, [str(name) for name in names], [(low, high)])
        return {}

    return _on_stream(data, merge)


def _update_shard_count(data: dict[str, Any]) -> Answer:
    def update(stream: dict[str, Any]) -> dict[str, Any]:
        from ministack.services import kinesis

        current, target = _open_shards(stream), int(data.get("TargetShardCount") or 0)
        if not len(current) / 2 <= target <= 2 * len(current):
            raise Refused(
                "LimitExceededException", "the shard count can at most be doubled or halved at once"
            )
        ranges = [(int(start), int(end)) for start, end in kinesis._compute_hash_ranges(target)]
        if target != len(current):
            reshard(stream, current, ranges)
        return {
            "StreamName": stream["StreamName"],
            "CurrentShardCount": len(current),
            "TargetShardCount": target,
            "StreamARN": stream["StreamARN"],
        }

    return _on_stream(data, update)


def _route_to_shard(hash_key_int: int, stream: dict[str, Any]) -> str:
    """The open shard whose hash key range holds the key."""
    for shard_id, shard in stream["shards"].items():
        start, end = _range(shard)
        if start <= hash_key_int <= end and is_open(shard):
            return str(shard_id)
    raise LookupError(f"no open shard of {stream['StreamName']} takes hash key {hash_key_int}")


def _on_stream(data: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> Answer:
    from ministack.core.responses import error_response_json, json_response
    from ministack.services import kinesis

    name, stream = kinesis._resolve_stream(data)
    if not stream:
        answer: Answer = error_response_json("ResourceNotFoundException", f"Stream {name} not found", 400)
        return answer
    try:
        answer = json_response(change(stream))
    except Refused as refusal:
        answer = error_response_json(refusal.code, str(refusal), 400)
    return answer


def _shard_to_change(stream: dict[str, Any], shard_id: Any) -> dict[str, Any]:
    shard: dict[str, Any] | None = stream["shards"].get(shard_id)
    if shard is None:
        raise Refused("ResourceNotFoundException", f"Shard {shard_id} not found")
    if not is_open(shard):
        raise Refused("InvalidArgumentException", f"Shard {shard_id} is closed")
    return shard


def _ended(data: dict[str, Any], answer: Answer) -> Answer:
    """NextShardIterator: "if set to null, the shard has been closed and returns no more data"."""
    from ministack.services import kinesis

    status, headers, body = answer
    state = kinesis._shard_iterators.get(data.get("ShardIterator")) or {}
    stream = kinesis._streams.get(state.get("stream", "")) or {}
    shard = stream.get("shards", {}).get(state.get("shard_id"))
    if status != 200 or shard is None or is_open(shard):
        return answer
    shown = json.loads(body)
    if state["position"] + len(shown["Records"]) >= len(shard["records"]):
        shown["NextShardIterator"] = None
    return status, headers, json.dumps(shown).encode()


def _open_shards(stream: dict[str, Any]) -> list[str]:
    return [shard_id for shard_id, shard in stream["shards"].items() if is_open(shard)]


def _overlaps(shard: dict[str, Any], start: int, end: int) -> bool:
    low, high = _range(shard)
    return low <= end and start <= high


def _range(shard: dict[str, Any]) -> tuple[int, int]:
    return int(shard["starting_hash_key"]), int(shard["ending_hash_key"])
