"""Waiting until nothing is in flight any more."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from stemtide.ports import UnavailableError
from stemtide.store.counters import Counters, read_counters

from stemtide_cli.lag import Lag, read_lags
from stemtide_cli.parked import PARKING_QUEUES, DeadLetters, read_dead_letters, read_queues
from stemtide_cli.sender import is_transient
from stemtide_cli.stack import Stack
from stemtide_cli.table_streams import Reader

POLL_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything that can be in flight, seen once."""

    counters: Counters
    lags: list[Lag]
    dead_letters: DeadLetters
    queues: dict[str, int]
    tables: tuple[str, ...] = ()
    """What the consumers of the tables' streams have not worked off, and scores that are owed, in words."""
    tables_place: tuple[Any, ...] = ()

    @property
    def pending(self) -> list[str]:
        """What is still in flight, in words."""
        found = [str(lag) for lag in self.lags if lag.waiting]
        if self.dead_letters.unregistered:
            found.append(f"{len(self.dead_letters.unregistered)} dead letters to be registered")
        working = {role: count for role, count in self.queues.items() if role not in PARKING_QUEUES}
        found += [f"{count} messages in the queue {role}" for role, count in working.items() if count]
        return [*found, *self.tables]

    @property
    def place(self) -> tuple[Any, ...]:
        """How far everything has come: two looks at the same place saw nothing move in between."""
        marks = tuple((lag.consumer, lag.shard, lag.mark) for lag in self.lags)
        counted = tuple(self.counters.public().items())
        return marks, counted, self.dead_letters.payloads, self.tables_place


@dataclass(slots=True, kw_only=True)
class Drain:
    """Looks until two looks in a row find nothing in flight, and nothing moved between them.

    Two, because a record that was put again into another shard while the first look went from shard to
    shard is in that look nowhere.
    """

    look: Callable[[], Look]
    timeout_s: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    seconds: float = field(default=0.0)

    def run(self, progress: Callable[[str], None]) -> tuple[Look | None, list[str]]:
        """The last look and what it found in flight: nothing, unless the time is over."""
        started = self.clock()
        clean_at: tuple[Any, ...] | None = None
        while True:
            look, pending = self._attempt()
            self.seconds = self.clock() - started
            if look is not None and not pending:
                if look.place == clean_at:
                    return look, []
                clean_at = look.place
            else:
                clean_at = None
                if self.seconds >= self.timeout_s:
                    return look, pending
                progress(f"waiting for {'; '.join(pending)}")
                self.sleep(POLL_S)

    def _attempt(self) -> tuple[Look | None, list[str]]:
        try:
            look = self.look()
        except (BotoCoreError, ClientError, UnavailableError) as error:
            if isinstance(error, ClientError) and not is_transient(error):
                raise
            return None, [f"the stack to answer ({error})"]
        return look, look.pending


def look_at(stack: Stack, changes: Reader | None = None) -> Look:
    """Look at a deployed stack once.

    Args:
        changes: reads the tables' streams on from the last look; looks that follow each other share one.
    """
    counters = read_counters(stack.table("ingest"))
    lags = read_lags(stack.client("kinesis"), stack.event_stream, counters)
    reader = changes or Reader(stack=stack)
    # After the lags: what an event has changed by now is in the tables' streams.
    tables = tuple(reader.pending())
    return Look(
        counters=counters,
        lags=lags,
        dead_letters=read_dead_letters(stack),
        queues=read_queues(stack),
        tables=tables,
        tables_place=reader.place,
    )
