"""One command at a time on one local cloud."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from infra.local.home import Home


@contextmanager
def alone(home: Home, *, say: Callable[[str], None]) -> Iterator[None]:
    """Hold this home's lock; waits while another command (say a second `make up`) is at work."""
    while True:
        home.folder.mkdir(parents=True, exist_ok=True)
        with home.lock_file.open("w") as lock:
            _take(lock, say)
            # A `make down` that was waited for has removed the file: what was taken then guards nothing.
            if _is_at(home, lock):
                yield
                return


def _take(lock: IO[str], say: Callable[[str], None]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting: another command is at work on this local cloud")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _is_at(home: Home, lock: IO[str]) -> bool:
    try:
        return os.path.samestat(home.lock_file.stat(), os.fstat(lock.fileno()))
    except FileNotFoundError:
        return False
