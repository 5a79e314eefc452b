"""The stream's consumers on AWS as moto imitates it."""

from collections.abc import Iterator

import pytest

from tests.stream_cloud import Cloud, started


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Empty tables, buckets and stream, and freshly started functions."""
    with started(monkeypatch) as running:
        yield running
