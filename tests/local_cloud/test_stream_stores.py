"""The stream's stores on the local cloud keep the promises that the simulation is built on."""

from __future__ import annotations

from itertools import count

import pytest

from tests.local_cloud.emulator_process import Emulator
from tests.simulation.store_contract import StoreContract
from tests.simulation.stores import Stores, on_cloud

_names = (f"stream-stores-{number}" for number in count())


class TestOnTheLocalCloud(StoreContract):
    @pytest.fixture
    def stores(self, emulator: Emulator) -> Stores:
        return on_cloud(emulator.client, emulator.dynamodb(), name=next(_names))
