"""A local cloud of a run's own: a clean start, and nothing left at the end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from demo.program import Program
from demo.settings import Settings

TIMEOUT_S = 300


@contextmanager
def own_cloud(settings: Settings, say: Callable[[str], None]) -> Iterator[None]:
    """The run in between may start the local cloud of these settings; whatever ends it, the cloud is
    stopped and removed, unless the settings keep it."""
    program = Program(settings.environment())
    program.local_cloud("down", timeout_s=TIMEOUT_S, say=lambda _: None)
    try:
        yield
    finally:
        if settings.keep and settings.stack_file.exists():
            say(f"the stack is left running: {settings.stack_file}")
        else:
            program.local_cloud("down", timeout_s=TIMEOUT_S, say=lambda _: None, shielded=True)
