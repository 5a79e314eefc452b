"""Putting records to the stream until all are taken: only what was refused is put again."""

from collections.abc import Iterator, Sequence
from typing import Final

from stemtide.ports import OutRecord, Pace, Stream, UnavailableError

MAX_ENTRIES: Final = 500
MAX_BYTES: Final = 5 * 1024 * 1024
"""Kinesis' limits of one PutRecords request, keys included."""
MAX_TRIES: Final = 8
FIRST_PAUSE_S: Final = 0.1
MAX_PAUSE_S: Final = 3.0


def put_all(records: Sequence[OutRecord], *, stream: Stream, pace: Pace) -> list[int]:
    """Put the records and return the indexes of those that are not certainly in the stream.

    A request of unknown outcome is put again as a whole: the message ids tell the copies apart.
    """
    left = list(range(len(records)))
    wait = FIRST_PAUSE_S
    for attempt in range(MAX_TRIES):
        if not left or pace.spent():
            break
        if attempt:
            pace.pause(wait * (0.5 + 0.5 * pace.jitter()))
            wait = min(2 * wait, MAX_PAUSE_S)
        left = [index for chunk in chunks(records, left) for index in _put(records, chunk, stream)]
    return left


def _put(records: Sequence[OutRecord], chunk: Sequence[int], stream: Stream) -> list[int]:
    try:
        refused = stream.put([records[index] for index in chunk])
    except UnavailableError:
        return list(chunk)
    return [chunk[position] for position in refused]


def chunks(records: Sequence[OutRecord], indexes: Sequence[int]) -> Iterator[list[int]]:
    """The indexes in order, cut into requests within Kinesis' limits."""
    chunk: list[int] = []
    size = 0
    for index in indexes:
        entry = len(records[index].data) + len(records[index].key.encode())
        if chunk and (len(chunk) == MAX_ENTRIES or size + entry > MAX_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(index)
        size += entry
    if chunk:
        yield chunk
