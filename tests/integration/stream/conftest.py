"""The stream's consumers on AWS as moto imitates it."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.stream.detecting import recorded
from tests.stream_cloud import Cloud, started


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Empty tables, buckets and stream, and freshly started functions."""
    with started(monkeypatch) as running:
        yield running


@pytest.fixture
def first_use() -> dict[str, Any]:
    """A delivery of the usage table's stream with an account's first write of a day."""
    return recorded("usage_table_insert")
