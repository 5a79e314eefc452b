"""One command at a time on one local cloud."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from infra.local.home import Home


@contextmanager
def alone(home: Home, *, say: Callable[[str], None]) -> Iterator[None]:
    """Hold this home's lock; waits while another command (say a second `make up`) is at work."""
    home.folder.mkdir(parents=True, exist_ok=True)
    with (home.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting: another command is at work on this local cloud")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
