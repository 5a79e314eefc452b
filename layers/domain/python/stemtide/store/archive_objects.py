"""Archive objects in S3: written by the archive function, read by replays and recomputes."""

from collections.abc import Iterator
from typing import Any

from stemtide.archive import PREFIX, ArchivedRecord, merged
from stemtide.store.errors import translated


class S3Objects:
    """`archive.Objects` in a bucket (client)."""

    def __init__(self, *, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes) -> None:
        """Write or overwrite an object."""
        with translated():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/gzip")


def read_day(client: Any, bucket: str, day: str) -> Iterator[tuple[str, ArchivedRecord]]:
    """The (lane, record) of an arrival day `YYYY-MM-DD`, lane by lane in order, each record once.

    Args:
        client: boto3 S3 client.
        bucket: the archive bucket.
        day: arrival day, UTC.
    """
    keys: dict[str, list[str]] = {}
    for key in _keys(client, bucket, f"{PREFIX}/{day}/"):
        keys.setdefault(key.split("/")[2], []).append(key)
    for lane, lane_keys in sorted(keys.items()):
        bodies = (client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in sorted(lane_keys))
        for record in merged(bodies):
            yield lane.replace("_", "/"), record


def _keys(client: Any, bucket: str, prefix: str) -> Iterator[str]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", ()):
            yield str(found["Key"])
