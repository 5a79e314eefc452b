"""The episodes table in moto, and its store."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws
from stemtide import tables
from stemtide.store import clients
from stemtide.store.episodes import EpisodeTable

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
def episodes(table: Any) -> EpisodeTable:
    """Its store."""
    return EpisodeTable(table)
