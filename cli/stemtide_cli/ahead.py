"""Work one step ahead of the consumer, in a thread."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def one_ahead(source: Iterator[T]) -> Iterator[T]:
    """The items of `source`; while one is used, the next is already being made.

    Everything that `source` does happens in one other thread, its errors are raised here.
    """
    done = object()
    with ThreadPoolExecutor(max_workers=1) as worker:
        coming = worker.submit(next, source, done)
        while (item := coming.result()) is not done:
            coming = worker.submit(next, source, done)
            yield item  # type: ignore[misc]
