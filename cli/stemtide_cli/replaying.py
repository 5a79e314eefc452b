"""The replay of a log: chunk by chunk, request by request, the position kept after each."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stemtide_cli import packing, position
from stemtide_cli.ahead import one_ahead
from stemtide_cli.log import NO_TIMESTAMP, Log, Row
from stemtide_cli.packing import Packed
from stemtide_cli.position import Interval, Position
from stemtide_cli.sender import StreamWriter

CHUNK_ROWS = 50_000
"""Rows packed together: enough for full records, few enough to keep accounts close in time."""


@dataclass(slots=True, kw_only=True)
class Summary:
    """What one run did."""

    rows: int = 0
    sent: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    records: int = 0
    requests: int = 0
    seconds: float = 0.0
    until: str | None = None
    """Instant of the last row."""

    @property
    def rows_per_second(self) -> int:
        return round(self.sent / self.seconds) if self.seconds else 0

    def skip(self, reasons: dict[str, int]) -> None:
        for reason, count in reasons.items():
            self.skipped[reason] = self.skipped.get(reason, 0) + count


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows of one interval as requests, of which the first `acknowledged` were sent by an earlier run."""

    interval: Interval
    rows: int
    packed: Packed
    acknowledged: int
    until: str | None


@dataclass(slots=True, kw_only=True)
class Replay:
    """Sends a log to a stream so that each row counts once, whatever is killed in between."""

    log: Log
    writer: StreamWriter
    path: Path
    at: Position
    rate: float | None = None
    facts: bool = False
    """The log's rows are billing facts and traits instead of events."""
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    summary: Summary = field(default_factory=Summary)

    def run(self, wanted: Interval, *, limit: int | None, progress: Callable[[str], None]) -> Summary:
        """Send what of `wanted` the stream does not hold yet, at most `limit` rows of the log."""
        started = self.clock()
        if not self.at.covered and self.at.pending is None:
            self._count_without_instant()
        for chunk in one_ahead(self._chunks(wanted, limit)):
            for number, request in enumerate(chunk.packed.requests, start=1):
                if number <= chunk.acknowledged:
                    continue
                self.writer.put(request)
                self._keep(self.at.within(chunk.interval, number))
                self.summary.requests += 1
                self.summary.records += len(request)
                self.summary.sent += sum(entry.calls for entry in request)
                self.summary.seconds = self.clock() - started
                progress(self._state(chunk))
                self._throttle()
            self._finish(chunk)
        self.summary.seconds = self.clock() - started
        return self.summary

    def _chunks(self, wanted: Interval, limit: int | None) -> Iterator[Chunk]:
        covered = self.at.covered
        if (pending := self.at.pending) is not None:
            rows = [row for some in self.log.rows(pending.interval, batch=CHUNK_ROWS) for row in some]
            yield self._chunk(pending.interval, rows, pending.requests)
            covered = position.merge((*covered, pending.interval))
        for gap in position.gaps(wanted, covered):
            if limit is not None and limit <= 0:
                return
            for interval, rows in cut(self.log.rows(gap, batch=CHUNK_ROWS, limit=limit), gap, limit):
                yield self._chunk(interval, rows, 0)
                limit = None if limit is None else limit - len(rows)

    def _chunk(self, interval: Interval, rows: list[Row], acknowledged: int) -> Chunk:
        packed = packing.pack(
            rows, fingerprint=self.log.fingerprint, properties=self.log.properties, facts=self.facts
        )
        return Chunk(
            interval=interval,
            rows=len(rows),
            packed=packed,
            acknowledged=acknowledged,
            until=rows[-1][6] if rows else None,
        )

    def _finish(self, chunk: Chunk) -> None:
        self._keep(self.at.cover(chunk.interval, sent=chunk.packed.sent, skipped=chunk.packed.skipped))
        self.summary.rows += chunk.rows
        self.summary.skip(chunk.packed.skipped)
        self.summary.until = chunk.until or self.summary.until

    def _count_without_instant(self) -> None:
        if count := self.log.without_instant():
            self.summary.skip({NO_TIMESTAMP: count})
            self.at = self.at.skip({NO_TIMESTAMP: count})

    def _keep(self, at: Position) -> None:
        position.save(self.path, at)
        self.at = at

    def _throttle(self) -> None:
        if self.rate:
            ahead = self.summary.sent / self.rate - self.summary.seconds
            if ahead > 0:
                self.sleep(ahead)

    def _state(self, chunk: Chunk) -> str:
        done = self.summary
        return f"{done.sent:,} rows sent, {done.rows_per_second:,} rows/s, log at {chunk.until}"


def cut(
    batches: Iterator[list[Row]], gap: Interval, limit: int | None
) -> Iterator[tuple[Interval, list[Row]]]:
    """Each batch with the interval it stands for; together they cover the gap, unless `limit` ends it."""
    low = gap[0]
    read = 0
    waiting: list[Row] = []
    for rows in batches:
        if waiting:
            high = (waiting[-1][0], waiting[-1][1] + 1)
            yield (low, high), waiting
            low = high
        waiting = rows
        read += len(rows)
    complete = limit is None or read < limit
    yield (low, gap[1] if complete else (waiting[-1][0], waiting[-1][1] + 1)), waiting
