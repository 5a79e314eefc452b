"""The stream's stores on the local cloud keep the promises that the simulation is built on."""

from __future__ import annotations

from itertools import count
from typing import Any

import boto3
import pytest

from tests.local_cloud.emulator_process import ACCOUNT, Emulator
from tests.simulation.store_contract import StoreContract
from tests.simulation.stores import Stores, on_cloud

_names = (f"stream-stores-{number}" for number in count())


class Connected:
    """`stores.Cloud` on an emulator."""

    def __init__(self, emulator: Emulator) -> None:
        self.client = emulator.client
        self._url = emulator.url

    def resource(self, service: str) -> Any:
        """A boto3 resource."""
        return boto3.resource(
            service,
            endpoint_url=self._url,
            region_name="us-east-1",
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="any",
        )


class TestOnTheLocalCloud(StoreContract):
    @pytest.fixture
    def stores(self, emulator: Emulator) -> Stores:
        return on_cloud(Connected(emulator), name=next(_names))
