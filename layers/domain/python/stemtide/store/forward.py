"""Records into the event stream."""

from collections.abc import Sequence
from typing import Any

from stemtide.ports import OutRecord
from stemtide.store.errors import translated


class KinesisStream:
    """`ports.Stream` on a Kinesis stream (client, and the stream's name)."""

    def __init__(self, *, client: Any, stream_name: str) -> None:
        self._client = client
        self._stream_name = stream_name

    def put(self, records: Sequence[OutRecord]) -> list[int]:
        """Put the records once; the indexes of those that were refused."""
        entries = [{"PartitionKey": record.key, "Data": record.data} for record in records]
        with translated():
            response = self._client.put_records(StreamName=self._stream_name, Records=entries)
        return [index for index, result in enumerate(response["Records"]) if result.get("ErrorCode")]
