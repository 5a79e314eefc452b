"""Real time and real threads for the core's ports."""

import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final, TypeVar

from stemtide.limits import DEADLINE_MARGIN
from stemtide.ports import Pace

T = TypeVar("T")
R = TypeVar("R")

MAX_THREADS: Final = 16
"""Writes in flight at a time; the clients' connection pools are this big."""


def lambda_pace(remaining_ms: Callable[[], int]) -> Pace:
    """The pace of a Lambda invocation (`context.get_remaining_time_in_millis`)."""
    return Pace(
        remaining_ms=remaining_ms,
        pause=time.sleep,
        jitter=random.random,
        margin_ms=int(DEADLINE_MARGIN.total_seconds() * 1000),
    )


class Threads:
    """`ports.SideBySide` on a bounded pool that lives as long as the process."""

    def __init__(self, *, max_workers: int = MAX_THREADS) -> None:
        self._pool = ThreadPoolExecutor(max_workers=max_workers)

    def __call__(self, step: Callable[[T], R], items: Iterable[T], /) -> list[R]:
        """The results in the order of the items; the first exception is raised after all have ended."""
        futures = [self._pool.submit(step, item) for item in items]
        wait(futures)
        return [future.result() for future in futures]
