"""What the stores ask DynamoDB for: the truth as of now, all of it, and nothing beside it."""

import time
from datetime import UTC, date, datetime
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr
from stemtide.ports import CUTOVER_SORT, LATE, LedgerRow, ThrottledError, UsageRow
from stemtide.state import State, encode
from stemtide.store.ledger import DynamoLedger, query_all
from stemtide.store.usage import DynamoUsageItems, first_day_seen, put_of, read_days


class Client:
    """Answers as listed; notes what is asked."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        def ask(**request: Any) -> dict[str, Any]:
            self.asked.append(request)
            return self.answers.pop(0)

        return ask


class Table:
    """A boto3 Table resource over such a client."""

    name = "usage"

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.client = Client(*answers)
        self.meta = self
        self.query = self.client.query
        self.get_item = self.client.get_item
        self.put_item = self.client.put_item


def stored(version: int) -> dict[str, Any]:
    return {"v": {"N": str(version)}, "s": {"B": b"state"}, "expires_at": {"N": "9"}}


def day_item(day: str, **state: Any) -> dict[str, Any]:
    return {"account": "acme", "day": day, "s": encode(State(**state))}


def test_an_item_is_read_as_of_now() -> None:
    client = Client({"Item": stored(3)}, {})
    items = DynamoUsageItems(client=client, table_name="usage")

    found = items.get("acme", "2026-03-14")

    assert found is not None
    assert (found.version, found.blob, found.expires_at) == (3, b"state", 9)
    assert items.get("acme", "2026-03-15") is None
    assert [request["ConsistentRead"] for request in client.asked] == [True, True]
    assert client.asked[0]["Key"] == {"account": {"S": "acme"}, "day": {"S": "2026-03-14"}}


def test_a_day_and_its_cutover_are_read_together_as_of_now() -> None:
    both = [{"day": {"S": CUTOVER_SORT}, **stored(1)}, {"day": {"S": "2026-03-14"}, **stored(2)}]
    client = Client({"Responses": {"usage": both}}, {"UnprocessedKeys": {"usage": {}}, "Responses": {}})
    items = DynamoUsageItems(client=client, table_name="usage")

    day, cutover = items.get_day("acme", "2026-03-14")

    assert day is not None
    assert cutover is not None
    assert (day.version, cutover.version) == (2, 1)
    assert client.asked[0]["RequestItems"]["usage"]["ConsistentRead"] is True
    with pytest.raises(ThrottledError):
        items.get_day("acme", "2026-03-14")


@pytest.mark.parametrize(
    ("version", "condition"), [(1, "attribute_not_exists(account)"), (2, "v = :read"), (9, "v = :read")]
)
def test_a_put_is_over_the_version_before_it(version: int, condition: str) -> None:
    put = put_of(UsageRow(account="acme", sort="d", version=version, blob=b"b", events=7, expires_at=8))

    assert put["ConditionExpression"] == condition
    read = {} if version == 1 else {":read": {"N": str(version - 1)}}
    assert put.get("ExpressionAttributeValues", {}) == read
    assert put["Item"] == {
        "account": {"S": "acme"},
        "day": {"S": "d"},
        "v": {"N": str(version)},
        "s": {"B": b"b"},
        "events": {"N": "7"},
        "expires_at": {"N": "8"},
    }


@pytest.mark.parametrize(
    ("sort", "over_for_s", "late"),
    [
        ("2026-03-14", -301, False),
        ("2026-03-14", -300, True),  # five minutes before midnight
        ("2026-03-14", 0, True),
        ("2026-03-14", 90 * 86_400, True),
        ("2026-03-15", 0, False),  # the open day
        ("2026-03-16", 0, False),
        ("2026-03-14#users", 86_400, False),
    ],
)
def test_a_change_of_a_day_that_is_over_or_soon_will_be_is_marked(
    monkeypatch: pytest.MonkeyPatch, sort: str, over_for_s: int, late: bool
) -> None:
    midnight = datetime(2026, 3, 15, tzinfo=UTC).timestamp()
    monkeypatch.setattr(time, "time", lambda: midnight + over_for_s)

    put = put_of(UsageRow(account="acme", sort=sort, version=1, blob=b"b", events=7, expires_at=8))

    assert put["Item"].get(LATE) == ({"BOOL": True} if late else None)


def test_days_are_read_as_of_now_page_by_page_with_their_first_and_last_instant() -> None:
    pages = (
        {"Items": [day_item("2026-03-14", calls=2, first_ms=5, last_ms=9)], "LastEvaluatedKey": {"k": 1}},
        {"Items": [day_item("2026-03-15", calls=0), day_item("2026-03-16", calls=1)]},
    )
    table = Table(*pages)

    found = read_days(table, "acme", date(2026, 3, 14), date(2026, 3, 16))

    assert [(day.date.day, day.first_ms, day.last_ms) for day in found] == [(14, 5, 9), (16, 0, 0)]
    assert [request["ConsistentRead"] for request in table.client.asked] == [True, True]
    assert table.client.asked[1]["ExclusiveStartKey"] == {"k": 1}


def test_the_first_day_is_that_of_whatever_item_comes_first() -> None:
    table = Table({"Items": []})
    assert first_day_seen(table, "acme") is None
    assert table.client.asked[0]["FilterExpression"] == Attr("events").gt(0)
    assert table.client.asked[0]["ConsistentRead"] is True
    assert first_day_seen(Table({"Items": [{"day": "2026-03-14#backfill"}]}), "acme") == date(2026, 3, 14)
    assert first_day_seen(Table({"Items": []}), "acme") is None


def test_a_ledger_is_read_and_listed_as_of_now() -> None:
    table = Table({}, {"Items": [{"a": 1}], "LastEvaluatedKey": {"k": 1}}, {"Items": [{"a": 2}]})

    assert DynamoLedger(table=table, consumer="archive").read("1/0") == LedgerRow(lane="1/0")
    assert list(query_all(table, "lane#archive")) == [{"a": 1}, {"a": 2}]
    assert [request["ConsistentRead"] for request in table.client.asked] == [True] * 3
    assert table.client.asked[2]["ExclusiveStartKey"] == {"k": 1}


@pytest.mark.parametrize(
    ("over", "condition"), [(-1, "attribute_not_exists(mark)"), (0, "mark = :read"), (7, "mark = :read")]
)
def test_a_ledger_is_written_over_the_mark_that_was_read(over: int, condition: str) -> None:
    table = Table({})

    DynamoLedger(table=table, consumer="archive").write(LedgerRow(lane="1/0", mark=9), over_mark=over)

    [request] = table.client.asked
    assert request["ConditionExpression"] == condition
    assert request.get("ExpressionAttributeValues", {}) == ({} if over < 0 else {":read": str(over)})
