"""Waiting for the writes of those who had not seen the cutovers yet."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from stemtide.ports import UnavailableError
from stemtide.store.counters import read_counters

from stemtide_cli.lag import read_lags
from stemtide_cli.stack import Stack

AGGREGATE_S: Final = 120.0
"""The longest that an invocation of the aggregates lives, and so a read that was made before the cutovers."""
POLL_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """Waits until no invocation of the aggregates that began before an instant can still write."""

    is_idle: Callable[[], bool]
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def wait(self, since_s: float, progress: Callable[[str], None]) -> None:
        """Return when the aggregates have nothing to do at some moment after `since_s`, or they are over."""
        while (left := since_s + AGGREGATE_S - self.clock()) > 0 and not self.is_idle():
            progress(f"waiting up to {left:.0f} s for writes that have not seen the cutovers yet")
            self.sleep(POLL_S)


def idle(stack: Stack) -> bool:
    """Whether the aggregates have accounted for every record of the stream: then no invocation is running."""
    try:
        counters = read_counters(stack.table("ingest"))
        lags = read_lags(stack.client("kinesis"), stack.event_stream, counters)
    except (BotoCoreError, ClientError, UnavailableError):
        return False
    return not any(lag.waiting for lag in lags if lag.consumer == "aggregate")
