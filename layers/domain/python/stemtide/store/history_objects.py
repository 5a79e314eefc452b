"""The history's objects in S3: each is written once, and never changed."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, Final

from stemtide.history_keys import key_of
from stemtide.history_rows import DayRow
from stemtide.store.errors import translated
from stemtide.store.history_parquet import parquet_of

DIGEST_CHARS: Final = 16
"""Of an object's name: the same rows again are the same object, others another."""


class HistoryObjects:
    """`history_rows.HistoryRows` in a bucket (client)."""

    def __init__(self, *, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, folder: str, name: str, rows: Sequence[DayRow], /) -> None:
        """Keep rows; the same rows again are the same object."""
        body = parquet_of(rows)
        with translated():
            self._client.put_object(
                Bucket=self._bucket,
                Key=key_of(folder, name, sha256(body).hexdigest()[:DIGEST_CHARS]),
                Body=body,
                ContentType="application/vnd.apache.parquet",
            )
