"""What lies beside the days in the usage table is no day to whoever reads it."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import boto3
import pytest
from stemtide.backfill import BACKFILL_SUFFIX, nothing
from stemtide.calls import DAY_MS
from stemtide.commit import USERS_SUFFIX
from stemtide.ports import CUTOVER_SORT, ThrottledError, UsageRow
from stemtide.state import State, encode
from stemtide.store import batches
from stemtide.store.backfill_items import BackfillItems
from stemtide.store.day_use import DayUses
from stemtide.store.usage import account_seen, first_day_seen, read_days

from tests.stream_cloud import Cloud, started

DAY = 19_418
NAME = "2023-03-02"
NOON = DAY * DAY_MS + DAY_MS // 2


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    with started(monkeypatch) as cloud:
        yield cloud


@pytest.fixture
def items(cloud: Cloud) -> BackfillItems:
    return BackfillItems(client=boto3.client("dynamodb"), table_name="usage")


def row(sort: str, state: State | None = None, *, version: int = 1, blob: bytes = b"") -> UsageRow:
    return UsageRow(
        account="acme",
        sort=sort,
        version=version,
        blob=blob if state is None else encode(state),
        events=0 if state is None else state.events,
        expires_at=2_000_000_000,
    )


USED = State(events=3, calls=3, by_event={"a": 3}, first_ms=NOON, last_ms=NOON, covered_ms=NOON)
UNUSED = State(duplicates=2, covered_ms=NOON)


def changes(*sorts: tuple[str, State]) -> dict[str, Any]:
    """What the table's stream tells of new items."""
    return {
        "Records": [
            {
                "eventName": "INSERT",
                "dynamodb": {
                    "SequenceNumber": str(place),
                    "Keys": {"account": {"S": "acme"}, "day": {"S": sort}},
                    "NewImage": {"s": {"B": encode(state)}},
                },
            }
            for place, (sort, state) in enumerate(sorts, 1)
        ]
    }


def test_readers_see_days_with_usage_and_nothing_else(cloud: Cloud, items: BackfillItems) -> None:
    earlier = [row(f"2023-02-{day:02}", UNUSED) for day in range(10, 20)]
    beside = [row(f"{NAME}{suffix}", USED) for suffix in (BACKFILL_SUFFIX, BACKFILL_SUFFIX + USERS_SUFFIX)]
    items.put([*earlier, row(CUTOVER_SORT, nothing(NOON).state), *beside, row(NAME, USED)])

    days = read_days(cloud.usage, "acme", date(2023, 2, 1), date(2023, 3, 31))
    uses = DayUses(client=boto3.client("dynamodb"), table_name="usage").read("acme", DAY - 40, DAY + 40)

    assert [(day.date, day.events) for day in days] == [(date(2023, 3, 2), 3)]
    assert [(use.day, use.events) for use in uses] == [(DAY, 3)]
    assert first_day_seen(cloud.usage, "acme") == date(2023, 3, 2)


def test_an_account_of_which_only_the_cutover_is_known_was_not_seen(
    cloud: Cloud, items: BackfillItems
) -> None:
    items.put([row(CUTOVER_SORT, nothing(NOON).state), row("2023-02-10", UNUSED)])

    assert not account_seen(cloud.usage, "acme")


def test_the_detector_looks_at_no_item_that_is_no_used_day(cloud: Cloud) -> None:
    parts = [(CUTOVER_SORT, nothing(NOON).state), (f"{NAME}{BACKFILL_SUFFIX}", USED), (NAME, UNUSED)]

    answer = cloud.invoke("detect", changes(*parts))

    assert answer == {"batchItemFailures": []}
    assert cloud.accounts.scan()["Items"] == []


def test_a_backfill_reads_what_the_stream_wrote_and_the_cutover(cloud: Cloud, items: BackfillItems) -> None:
    items.put([row(CUTOVER_SORT, nothing(NOON).state), row(NAME, USED), row(f"{NAME}{USERS_SUFFIX}", USED)])
    cloud.usage.put_item(
        Item={"account": "acme", "day": "2023-03-03", "v": 1, "s": encode(USED), "events": 3, "expires_at": 9}
    )

    assert sorted(items.of("acme")) == ["2023-03-03", CUTOVER_SORT]
    assert sorted(items.of("acme", backfilled=True)) == [NAME, f"{NAME}#users", "2023-03-03", CUTOVER_SORT]
    assert sorted(items.of_day("acme", NAME)) == [NAME, f"{NAME}#users"]


def test_a_day_that_waits_for_a_recompute_is_found_among_the_streams(items: BackfillItems) -> None:
    items.put([row(NAME, USED), row("2023-03-03", USED)], waiting={("acme", NAME)})

    assert sorted(items.of("acme")) == [NAME]


def test_of_rows_put_together_the_refused_are_told_and_none_is_written(items: BackfillItems) -> None:
    items.put([row(NAME, USED)])

    refused = items.put([row("2023-03-01", USED), row(NAME, USED), row("2023-03-03", USED, version=4)])

    assert refused == [1, 2]
    assert sorted(items.of("acme", backfilled=True)) == [NAME]


@pytest.mark.parametrize(
    ("reasons", "error"),
    [
        (["None", "ProvisionedThroughputExceeded"], ThrottledError),
        (["TransactionConflict"], ThrottledError),
        (["None", "ValidationError"], batches.ClientError),
    ],
)
def test_a_transaction_that_fails_for_another_reason_raises_it(
    reasons: list[str], error: type[Exception]
) -> None:
    class Cancelling:
        def transact_write_items(self, **request: Any) -> None:
            response = {
                "Error": {"Code": batches.CANCELLED},
                "CancellationReasons": [{"Code": r} for r in reasons],
            }
            raise batches.ClientError(response, "TransactWriteItems")  # type: ignore[arg-type]

    with pytest.raises(error):
        batches.put_together(Cancelling(), [{}])
