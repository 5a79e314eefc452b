"""Billing on AWS as moto imitates it."""

from collections.abc import Iterator

import pytest

from tests.billing_cloud import Cloud, started


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """Empty tables, a provider without customers, and freshly started functions."""
    with started(monkeypatch) as running:
        yield running
