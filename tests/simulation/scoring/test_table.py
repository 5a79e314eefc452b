"""The table in memory ends as moto's does: the same calls of the store, item by item."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from boto3.dynamodb.conditions import Key
from boto3.dynamodb.types import Binary
from moto import mock_aws
from stemtide import tables
from stemtide.profile import Profile
from stemtide.scoring.assessment import Assessment, Basis, tier_of
from stemtide.store import clients
from stemtide.store.account_items import AccountItems
from stemtide.store.record_keys import score_key
from stemtide.store.records import Records

from tests.domain_tables import create
from tests.simulation.scoring.story import INSTANTS
from tests.simulation.scoring.table import MemoryTable


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty accounts table."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        resource = clients.dynamodb()
        create(resource.meta.client, tables.ACCOUNTS)
        yield resource.Table("accounts")


def act(table: Any, source: Random) -> Any:
    """One call of the store, drawn."""
    records = Records(table)
    at, other = source.choice(INSTANTS), source.choice(INSTANTS)
    match source.randrange(8):
        case 0:
            return records.touch("acme", source.choice(("2024-10-01", "2024-10-02")))
        case 1:
            return records.write_profile("acme", Profile(csm="a@b.c"), facts=source.randrange(3), as_of_ms=at)
        case 2:
            return records.end_score("acme", as_of_ms=at, ended_at=other, trigger="schedule")
        case 3:
            return records.read("acme")
        case 4:
            own, debounce_ms = [other], source.choice((0, 3_600_000))
            return records.claim_login("acme", as_of_ms=at, own=own, debounce_ms=debounce_ms)
        case 5:
            items = AccountItems(client=table.meta.client, name="accounts")
            found = items.rows("acme", ["record", score_key(at, "login", "v1"), "usage"])
            return {name: plain(item) for name, item in found.items()}
        case _:
            score = source.randrange(101)
            version = source.choice(("v1", None))
            assessment = Assessment(
                basis=Basis.MODEL if version else Basis.RULES,
                completeness=1.0,
                score=score,
                tier=tier_of(score),
                model_version=version,
            )
            return records.write_score(
                "acme",
                assessment,
                as_of_ms=at,
                scored_at=other,
                trigger=source.choice(("schedule", "login")),
                vector=b"\x01",
            )


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item with numbers and bytes as Python has them."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value)
    return bytes(value) if isinstance(value, Binary) else value


def test_both_answer_and_hold_the_same(moto: Any) -> None:
    memory = MemoryTable()
    mine, theirs = Random(3), Random(3)

    for _ in range(250):
        assert act(memory, mine) == act(moto, theirs)

    held = [plain(item) for item in moto.scan()["Items"]]
    assert len(held) > 20
    expected = sorted(memory.items.values(), key=lambda one: one["item"])
    assert sorted(held, key=lambda one: one["item"]) == expected


@pytest.mark.parametrize("limit", [1, 3, 50])
@pytest.mark.parametrize("forward", [True, False])
def test_both_give_the_same_pages(moto: Any, limit: int, *, forward: bool) -> None:
    memory = MemoryTable()
    for table in (memory, moto):
        items = AccountItems(client=table.meta.client, name="accounts")
        for number in range(8):
            items.put_new({"account": "acme", "item": f"score#{number}"})
        items.put_new({"account": "other", "item": "score#9"})

    def rows(table: Any, condition: Any) -> list[str]:
        items = AccountItems(client=table.meta.client, name="accounts")
        found = items.query(condition, Limit=limit, ScanIndexForward=forward)
        return [item["item"] for item in found]

    of_account = Key("account").eq("acme")
    for condition in (Key("item").begins_with("score#"), Key("item").between("score#2", "score#5~")):
        assert rows(memory, of_account & condition) == rows(moto, of_account & condition)
