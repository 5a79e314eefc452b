"""What threads that share a table's client may do: ask at the same moment, each for its own."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from boto3.dynamodb.conditions import BeginsWith, Key

ROOT = Path(__file__).parents[3]
ACCOUNTS = [f"account-{number}" for number in range(24)]
SCORES = Key("item").begins_with("score#")


class _When(BeginsWith):
    """`begins_with(item, prefix)`; just before it is written down, something happens."""

    def __init__(self, prefix: str, happens: Callable[[], object]) -> None:
        super().__init__(Key("item"), prefix)
        self._happens = happens

    def get_expression(self) -> dict[str, Any]:
        self._happens()
        found: dict[str, Any] = super().get_expression()
        return found


def items_of(table: Any, account: str, prefix: Any) -> list[str]:
    """The names of the account's items, through the shared client."""
    condition = Key("account").eq(account) & prefix
    found = table.meta.client.query(TableName=table.name, KeyConditionExpression=condition)
    return names(found)


def names(found: Any) -> list[str]:
    """The keys of the items in a page."""
    return [f"{item['account']} {item['item']}" for item in found["Items"]]


@pytest.fixture
def filled(table: Any) -> Any:
    """The accounts table with three items an account."""
    for account in ACCOUNTS:
        for name in ("fact#1", "score#1", "score#2"):
            table.put_item(Item={"account": account, "item": name})
    return table


def test_a_query_begun_in_the_midst_of_another_changes_neither(filled: Any) -> None:
    begun, gone_on = Event(), Event()

    def stops() -> None:
        begun.set()
        assert gone_on.wait(10)

    def asked() -> list[str]:
        condition = _When("fact#", stops) & Key("account").eq("account-2")
        found = filled.meta.client.query(TableName=filled.name, KeyConditionExpression=condition)
        return names(found)

    with ThreadPoolExecutor(1) as pool:
        other: list[Future[list[str]]] = []

        def meanwhile() -> None:
            other.append(pool.submit(asked))
            assert begun.wait(10)

        try:
            found = items_of(filled, "account-1", _When("score#", meanwhile))
        finally:
            gone_on.set()

        assert found == ["account-1 score#1", "account-1 score#2"]
        assert other[0].result() == ["account-2 fact#1"]


def test_every_thread_gets_its_own_accounts_items(filled: Any) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = list(
            pool.map(
                lambda account: items_of(filled, account, Key("item").begins_with("score#")), ACCOUNTS * 10
            )
        )

    assert found == [[f"{account} score#1", f"{account} score#2"] for account in ACCOUNTS] * 10


def test_no_table_is_made_but_by_the_clients_that_threads_may_share() -> None:
    places = [
        path.relative_to(ROOT).as_posix()
        for folder in ("layers/domain", "functions", "cli", "tests", "benchmarks", "demo", "simulator")
        for path in (ROOT / folder).rglob("*.py")
        if "boto3." + "resource(" in path.read_text()
    ]

    assert places == ["layers/domain/python/stemtide/store/clients.py"]
