"""A local cloud of a run's own: a clean start, and nothing left at the end."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.program import Program
from demo.settings import Settings
from demo.stages import StageError

TIMEOUT_S = 300


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One run at a time in a folder: a second one would remove the first one's cloud.

    Raises:
        StageError: another run is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StageError(f"another run is at work in {folder}: wait for its end") from None
        yield


@contextmanager
def own_cloud(settings: Settings, say: Callable[[str], None]) -> Iterator[None]:
    """The run in between may start the local cloud of these settings; whatever ends it, the cloud is
    stopped and removed, unless the settings keep it."""
    program = Program(settings.environment())
    with alone(settings.folder):
        program.local_cloud("down", timeout_s=TIMEOUT_S, say=lambda _: None)
        try:
            yield
        finally:
            if settings.keep and settings.stack_file.exists():
                say(f"the stack is left running: {settings.stack_file}")
            else:
                program.local_cloud("down", timeout_s=TIMEOUT_S, say=lambda _: None, shielded=True)
