"""The accounts table in moto, and its store."""

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws
from stemtide import tables
from stemtide.store import clients
from stemtide.store.records import Records

from tests.domain_tables import create


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty accounts table."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        resource = clients.dynamodb()
        create(resource.meta.client, tables.ACCOUNTS)
        yield resource.Table("accounts")


@pytest.fixture
def records(table: Any) -> Records:
    """Its store."""
    return Records(table)
