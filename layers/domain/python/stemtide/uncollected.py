"""A stretch of work without the cyclic garbage collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Run the block without collections of cycles.

    A batch makes tens of thousands of objects and no cycles, so reference counts free them all; the collector
    would look through them, Lambda's event and everything that is warm again and again, a third of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
