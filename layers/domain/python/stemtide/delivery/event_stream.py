"""Records into the event stream: every account's in order, partial failures retried, nothing lost unsaid."""

import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from stemtide.ports import UnavailableError
from stemtide.store.errors import translated

MAX_ENTRIES: Final = 500
"""Entries of one PutRecords request (Kinesis API reference)."""
MAX_REQUEST_BYTES: Final = 4 * 1024 * 1024
"""Data and keys of one request, below Kinesis' 5 MiB."""
MAX_STRAINED_ROUNDS: Final = 6
FIRST_PAUSE_SECONDS: Final = 0.1
MAX_PAUSE_SECONDS: Final = 1.6
"""Six rounds pause for about 3 s in all: well within the gateway's 30 s and the function's time-out."""
MAX_SECONDS: Final = 8.0
"""No request begins later than this, whatever pause comes before it, so that one without an answer still ends
before the function is cut off, and the caller hears what is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One stream record: the partition key is the account, `indexes` are the calls' places in the request."""

    account: str
    data: bytes
    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Places of the calls that are in the stream, and of those that the stream did not take in time."""

    stored: list[int]
    failed: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStream:
    """Writes to the stream `name` through `client` (Kinesis); `sleep` waits the given seconds."""

    client: Any
    name: str
    sleep: Callable[[float], None]
    jitter: Callable[[], float] = field(default=random.random)
    monotonic: Callable[[], float] = field(default=time.monotonic)

    def publish(self, records: Mapping[str, Sequence[Record]]) -> Outcome:
        """Put each account's records one after the other, at most one of an account in a request.

        A record follows the one before it only when that one is stored, so an account's order survives
        partial failures. Only failed entries are sent again; after `MAX_STRAINED_ROUNDS` requests in a row
        with failures, or `MAX_SECONDS`, the rest counts as failed.

        Raises:
            ClientError: the stream refuses for a reason that does not pass by itself.
        """
        waiting = {account: deque(of_account) for account, of_account in records.items() if of_account}
        stored: list[int] = []
        strained, until = 0, self.monotonic() + MAX_SECONDS
        while waiting and strained < MAX_STRAINED_ROUNDS:
            pause = self._pause(strained) if strained else 0.0
            if self.monotonic() + pause >= until:
                break
            if pause:
                self.sleep(pause)
            heads = _heads(waiting)
            results = self._put(heads)
            for record, is_stored in zip(heads, results, strict=True):
                queue = waiting.pop(record.account)
                if is_stored:
                    stored.extend(queue.popleft().indexes)
                if queue:
                    waiting[record.account] = queue
            strained = 0 if all(results) else strained + 1
        failed = [i for queue in waiting.values() for record in queue for i in record.indexes]
        return Outcome(stored=sorted(stored), failed=sorted(failed))

    def _put(self, heads: Sequence[Record]) -> list[bool]:
        entries = [{"Data": record.data, "PartitionKey": record.account} for record in heads]
        try:
            with translated():
                answer = self.client.put_records(StreamName=self.name, Records=entries)
        except UnavailableError:
            # entries of a lost reply may be stored: sent again, they are duplicates by their messageId
            return [False] * len(heads)
        return ["ErrorCode" not in result for result in answer["Records"]]

    def _pause(self, strained: int) -> float:
        longest = min(MAX_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (strained - 1))
        return longest * (0.5 + self.jitter() / 2)


def _heads(waiting: Mapping[str, deque[Record]]) -> list[Record]:
    heads: list[Record] = []
    size = 0
    for queue in islice(waiting.values(), MAX_ENTRIES):
        size += len(queue[0].data) + len(queue[0].account)
        if heads and size > MAX_REQUEST_BYTES:
            break
        heads.append(queue[0])
    return heads
