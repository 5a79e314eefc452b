"""The simulation's stores and the real ones on moto keep the same promises."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws
from stemtide.store import clients

from tests.simulation.store_contract import StoreContract
from tests.simulation.stores import Stores, in_memory, on_cloud


class TestInMemory(StoreContract):
    @pytest.fixture
    def stores(self) -> Stores:
        return in_memory()


class TestOnMoto(StoreContract):
    @pytest.fixture
    def stores(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "test")
        monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        with mock_aws():
            yield on_cloud(boto3.client, clients.dynamodb(), name="contract")
