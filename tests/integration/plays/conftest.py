"""The episodes table in moto, with the stores of plays and offers."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws
from stemtide import tables
from stemtide.store import clients
from stemtide.store.plays import OfferTable, PlayTable

from tests.domain_tables import create


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty episodes table."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        resource = clients.dynamodb()
        create(resource.meta.client, tables.EPISODES)
        yield resource.Table("episodes")


@pytest.fixture
def plays(table: Any) -> PlayTable:
    """The store of plays."""
    return PlayTable(table)


@pytest.fixture
def offers(table: Any) -> OfferTable:
    """The store of offers."""
    return OfferTable(table)
