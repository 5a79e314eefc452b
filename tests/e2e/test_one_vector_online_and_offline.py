"""Two whole open logs in the deployed tables: what a score sees is what training sees, bit for bit."""

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stemtide.as_of import end_of_day_ms
from stemtide.calls import day_of_index
from stemtide.config import bundled_config
from stemtide.features.peers import FILLED_IN
from stemtide.features.profile_columns import Basis
from stemtide.store import clients
from stemtide.store.records import Records
from stemtide.store.usage_blocks import UsageBlocks
from stemtide.store.usage_reader import UsageReader
from stemtide.store.vectors import read_vector

from infra.local.home import Home
from models.histories import feature_matrix
from models.material import Material, read_material
from tests.e2e.conftest import stemtide
from tests.e2e.stack import Stack
from tests.open_logs import open_log_folder

pytestmark = [pytest.mark.e2e, pytest.mark.long]

PAIRS = {"crm": 7_000, "social": 3_000}
OVER_HTTP = 150
"""Of each log's pairs so many are asked for at the API as well."""
Pair = tuple[str, int]
"""An account and a closed day."""


@dataclass(frozen=True)
class Loaded:
    """A log in the tables and as training material, and which vectors of it are compared."""

    name: str
    material: Material
    pairs: list[Pair]

    def offline(self) -> list[bytes]:
        asked = [(account, end_of_day_ms(day)) for account, day in self.pairs]
        matrix = feature_matrix(
            self.material.histories, self.material.standing_at, asked, basis=Basis.of(bundled_config())
        )
        return [row.tobytes() for row in matrix]


@dataclass(frozen=True)
class Tables:
    """The deployed tables."""

    stack: Stack

    def reader(self, *, kept: bool = True) -> UsageReader:
        blocks = UsageBlocks(self.table("accounts")) if kept else None
        return UsageReader.of_table(self.table("usage"), blocks=blocks, events=bundled_config().events)

    def vector(self, pair: Pair, reader: UsageReader) -> bytes:
        account, day = pair
        records, basis = Records(self.table("accounts")), Basis.of(bundled_config())
        return read_vector(reader, records, account, end_of_day_ms(day), basis).values.tobytes()

    def table(self, role: str) -> Any:
        resource = clients.dynamodb(
            endpoint_url=self.stack.facts["endpoint_url"],
            region_name=self.stack.facts["region"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        return resource.Table(self.stack.facts["tables"][role])


@pytest.fixture(scope="module", params=sorted(PAIRS))
def loaded(request: pytest.FixtureRequest, home: Home) -> Loaded:
    name = str(request.param)
    folder: Path = open_log_folder(name)
    stemtide(home, "backfill", "--mapping", name, "--data", str(folder))
    stemtide(home, "drain")
    _, material = read_material(name, folder, bundled_config())
    source = random.Random(11)
    span = range(material.first_day - 3, material.last_day + 20)
    pairs = [(source.choice(material.accounts), source.choice(span)) for _ in range(PAIRS[name])]
    return Loaded(name, material, sorted(pairs))


def test_the_vector_served_is_the_one_that_training_sees(loaded: Loaded, stack: Stack) -> None:
    """In the order of the days, so that most of them roll on what the one before has kept."""
    tables = Tables(stack)
    reader = tables.reader()

    apart = [
        pair
        for pair, offline in zip(loaded.pairs, loaded.offline(), strict=True)
        if tables.vector(pair, reader) != offline
    ]

    assert apart == []


def test_the_api_shows_it(loaded: Loaded, stack: Stack) -> None:
    """Numbers written as JSON are read back to the last bit; null is unknown."""
    chosen = range(0, len(loaded.pairs), len(loaded.pairs) // OVER_HTTP)
    some = replace(loaded, pairs=[loaded.pairs[place] for place in chosen])

    apart = []
    for (account, day), offline in zip(some.pairs, some.offline(), strict=True):
        query = f"?as_of={day_of_index(day)}"
        found = stack.call("GET", f"/v1/accounts/{account}/features{query}", role="viewer").body["features"]
        values = [np.nan if one["value"] is None else one["value"] for one in found]
        basis = [one["name"] for one in found if one["name"] in FILLED_IN]
        assert len(basis) == len(FILLED_IN)
        if np.array(values, dtype=np.float64).tobytes() != offline:
            apart.append((account, day))

    assert apart == []


def test_a_day_that_is_missing_is_noticed(loaded: Loaded, stack: Stack) -> None:
    """What the comparison is worth: one item fewer, and every vector that looks at its day is another."""
    tables = Tables(stack)
    account, day = next(
        (account, int(history.days[-1])) for account, history in loaded.material.histories.items()
    )
    looked = replace(loaded, pairs=[(account, day + later) for later in range(30)])
    usage = tables.table("usage")
    key = {"account": account, "day": day_of_index(day)}
    item = usage.get_item(Key=key)["Item"]
    usage.delete_item(Key=key)

    reader = tables.reader(kept=False)
    apart = [
        pair
        for pair, offline in zip(looked.pairs, looked.offline(), strict=True)
        if tables.vector(pair, reader) != offline
    ]
    usage.put_item(Item=item)

    assert apart == looked.pairs
