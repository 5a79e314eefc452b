"""Works one shard off for one mapping: gather a batch, invoke, act on the outcome, checkpoint, again.

Knows nothing of the emulator: everything it touches comes in as `Ports`.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .decisions import (
    Discard,
    Failed,
    Outcome,
    Throttled,
    back_off_seconds,
    drop_expired,
    read_response,
    settle,
)
from .model import PAYLOAD_LIMIT_BYTES, Piece, Record, Settings
from .signal import WakeUp

BACK_OFF_BASE_SECONDS = 0.05
BACK_OFF_CAP_SECONDS = 1.0
"""Pauses between tries, far shorter than AWS's so that retries can be watched."""

IDLE_SECONDS = 1.0
EVENT_FRAME_BYTES = len('{"Records": []}')
READ_AT_LEAST = 100


class ShardSource(Protocol):
    """One shard's records."""

    def read(self, after: str, limit: int) -> list[Record]:
        """Up to `limit` records with a sequence number above `after`, in order."""

    def closed(self) -> bool:
        """Whether no record will ever be added."""


@dataclass(frozen=True)
class Invocation:
    """What an invocation gave: `throttled` when the function was not run, `error` when it failed."""

    body: Any = None
    error: bool = False
    throttled: bool = False


@dataclass(frozen=True)
class Ports:
    """The world around a shard's worker."""

    source: ShardSource
    settings: Callable[[], Settings]
    keep: Callable[[Sequence[Record]], Sequence[Record]]
    invoke: Callable[[Sequence[Record]], Invocation]
    discard: Callable[[Discard, Invocation | None], None]
    save: Callable[[str], None]
    clock: Callable[[], float] = time.time
    back_off_base: float = BACK_OFF_BASE_SECONDS


class ShardWorker:
    """Runs until stopped, or until a closed shard is read to its end (`finished`)."""

    def __init__(self, *, ports: Ports, wake: WakeUp, position: str) -> None:
        self._ports = ports
        self._wake = wake
        self._position = position
        self._stopped = threading.Event()
        self._revoked = False
        self._saving = threading.Lock()
        self.finished = False

    def run(self) -> None:
        """Work off batch after batch."""
        while not self._stopped.is_set() and not self.finished:
            settings = self._ports.settings()
            batch, through = self._gather(settings)
            if batch:
                self._work_off(Piece(tuple(batch)), through, settings)

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Begin no further invocation; the running one ends undisturbed."""
        self._stopped.set()
        self._wake.ring()

    def revoke(self) -> None:
        """Stop, and save no position any more: the mapping is gone."""
        with self._saving:
            self._revoked = True
        self.stop()

    def _gather(self, settings: Settings) -> tuple[list[Record], str]:
        """A batch and the sequence number it reaches to, filtered-out records included.

        Waits until the batch is full, its payload is, or its window (counted from the arrival of its first
        record) is over. An empty batch means stopped or finished.
        """
        batch: list[Record] = []
        size = EVENT_FRAME_BYTES
        through = self._position
        due = math.inf
        while not self._stopped.is_set():
            seen = self._wake.seen()
            room = settings.batch_size - len(batch)
            raw = self._ports.source.read(through, max(room, READ_AT_LEAST))
            kept = {record.sequence for record in self._ports.keep(raw)}
            for record in raw:
                if record.sequence in kept:
                    if len(batch) >= settings.batch_size or (
                        batch and size + record.size > PAYLOAD_LIMIT_BYTES
                    ):
                        return batch, through
                    if not batch:
                        due = min(record.arrival, self._ports.clock()) + settings.window_seconds
                    batch.append(record)
                    size += record.size
                through = record.sequence
            if raw:
                if not batch:
                    self._checkpoint(through)
                continue
            wait = self._pause(batch, settings, due)
            if wait <= 0:
                return batch, through
            self._wake.wait(seen, wait)
        return [], through

    def _pause(self, batch: Sequence[Record], settings: Settings, due: float) -> float:
        """Seconds to wait for more records; none when the batch is due or the shard is read to its end."""
        if batch:
            if len(batch) >= settings.batch_size:
                return 0.0
            return min(IDLE_SECONDS, due - self._ports.clock())
        if self._ports.source.closed():
            self.finished = True
            return 0.0
        return IDLE_SECONDS

    def _work_off(self, batch: Piece, through: str, settings: Settings) -> None:
        pending = deque([batch])
        throttled = 0
        last: Invocation | None = None
        while pending and not self._stopped.is_set():
            aged = drop_expired(pending.popleft(), settings, now=self._ports.clock())
            self._give_up(aged.discard, last, aged.checkpoint)
            if not aged.rest:
                continue
            piece = aged.rest[0]
            last = self._ports.invoke(piece.records)
            outcome = _outcome(last, piece, settings)
            step = settle(piece, outcome, settings)
            self._give_up(step.discard, last, step.checkpoint)
            pending.extendleft(reversed(step.rest))
            throttled = throttled + 1 if isinstance(outcome, Throttled) else 0
            if step.rest:
                self._back_off(throttled or step.rest[0].tries)
        if not pending:
            self._checkpoint(through)

    def _give_up(self, discard: Discard | None, last: Invocation | None, checkpoint: str | None) -> None:
        """On-failure record before checkpoint: killed in between, it is written twice, not never."""
        if discard is not None:
            self._ports.discard(discard, last)
        if checkpoint is not None:
            self._checkpoint(checkpoint)

    def _checkpoint(self, sequence: str) -> None:
        with self._saving:
            if not self._revoked and sequence != self._position:
                self._ports.save(sequence)
                self._position = sequence

    def _back_off(self, tries: int) -> None:
        self._stopped.wait(back_off_seconds(tries, base=self._ports.back_off_base, cap=BACK_OFF_CAP_SECONDS))


def _outcome(invocation: Invocation, piece: Piece, settings: Settings) -> Outcome:
    if invocation.throttled:
        return Throttled()
    if invocation.error:
        return Failed()
    return read_response(invocation.body, piece.records, partial=settings.partial)
