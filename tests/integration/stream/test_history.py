"""The history on the real stores: what a recompute leaves in S3, and how it is read with the usage table."""

from datetime import timedelta
from typing import Any

import pytest
from stemtide import users
from stemtide.calls import day_number
from stemtide.history_rows import DayRow
from stemtide.ports import UnavailableError
from stemtide.store.archive_objects import ArchiveDays
from stemtide.store.history import History, Wanted, merged, read_history_days, read_history_rows
from stemtide.store.history_objects import HistoryObjects
from stemtide.store.pace import Threads
from stemtide.store.recomputes import read_tasks
from stemtide.store.usage_rows import read_rows

from tests.histories import MANY_DAYS
from tests.integration.stream.recomputing import empty_usage, recompute, tasks
from tests.stream_cloud import Cloud
from tests.streams import ARRIVAL, call, event, record

DAY = "2026-03-14"
TODAY = day_number(DAY)
ASKED = {"from": DAY, "to": DAY}
MANY = 300
"""Users of a day: more than are kept in its item, and more than are kept exactly."""


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stemtide.recompute.LAG_S", 0.0)


def history_of(cloud: Cloud) -> History:
    return History(s3=cloud.s3, bucket="archive", usage=cloud.usage, side_by_side=Threads(max_workers=2))


def keys(cloud: Cloud) -> list[str]:
    listed = cloud.s3.list_objects_v2(Bucket="archive", Prefix="history/").get("Contents", ())
    return [found["Key"] for found in listed]


def versions(rows: list[DayRow]) -> dict[int, tuple[int, int]]:
    return {row.day - TODAY: (row.version, row.calls) for row in rows}


def crowd(count: int, *, start: int = 0) -> dict[str, Any]:
    return event(*(record(call(f"m-{at}", userId=f"u-{at}"), at=at) for at in range(start, start + count)))


def test_a_recompute_keeps_the_rows_of_its_days_and_a_repetition_adds_nothing(cloud: Cloud) -> None:
    cloud.deliver(crowd(MANY))
    recompute(cloud, **ASKED)
    once = keys(cloud)

    recompute(cloud, run="r-2", **ASKED)
    empty_usage(cloud)
    [row] = read_history_rows(history_of(cloud), "acme", TODAY, TODAY)

    assert len(once) == 1
    assert once[0].startswith(f"history/rows/{DAY}/0-of-1-")
    assert keys(cloud) == once
    assert (row.calls, row.by_event) == (MANY, {"Report Viewed": MANY})
    assert users.count(users.decode(row.users)) == pytest.approx(MANY, rel=0.05)


def test_the_archive_does_not_see_the_history(cloud: Cloud) -> None:
    cloud.deliver(crowd(2))
    recompute(cloud, **ASKED)

    archive = ArchiveDays(client=cloud.s3, bucket="archive", side_by_side=Threads(max_workers=2))

    assert archive.days() == [DAY]
    assert len(list(archive.records(DAY))) == 2


def test_a_late_call_is_another_row_and_the_newest_is_read(cloud: Cloud) -> None:
    cloud.deliver(event(record(call("m-1"), at=0)))
    recompute(cloud, **ASKED)
    late = {"arrival": ARRIVAL + timedelta(days=2)}
    cloud.deliver(event(record(call("m-2", userId="bob"), at=1, **late)))

    recompute(cloud, run="r-2", **{"from": "2026-03-16", "to": "2026-03-16"})
    empty_usage(cloud)
    found = read_history_rows(history_of(cloud), "acme", TODAY - 9, TODAY + 9)

    assert [key.split("/")[2] for key in keys(cloud)] == [DAY, "2026-03-16"]
    assert versions(found) == {0: (2, 2)}


def test_days_come_from_the_table_where_it_has_them_and_from_the_history_else(cloud: Cloud) -> None:
    yesterday = {"timestamp": "2026-03-13T10:00:00Z"}
    cloud.deliver(event(record(call("m-1", **yesterday), at=0), record(call("m-2"), at=1)))
    recompute(cloud, **ASKED)
    cloud.usage.delete_item(Key={"account": "acme", "day": "2026-03-13"})
    cloud.deliver(event(record(call("m-3", userId="bob"), at=2)))

    days = read_history_days(history_of(cloud), "acme", TODAY - 1, TODAY)

    assert [(day.day - TODAY, day.by_event, users.count(day.users)) for day in days] == [
        (-1, {"Report Viewed": 1}, 1),
        (0, {"Report Viewed": 2}, 2),
    ]


def test_all_accounts_are_read_at_once(cloud: Cloud) -> None:
    cloud.deliver(crowd(40))
    cloud.deliver(event(record(call("b-1", context={"groupId": "bee"}), at=90, key="bee")))
    recompute(cloud, **ASKED)
    cloud.usage.delete_item(Key={"account": "bee", "day": DAY})

    with merged(history_of(cloud), Wanted(first=0, last=MANY_DAYS)) as connection:
        found = connection.execute("SELECT account, calls FROM day_rows ORDER BY account").fetchall()

    assert found == [("acme", 40), ("bee", 1)]


@pytest.mark.parametrize("account", [None, "acme"])
def test_the_tables_rows_have_the_users_that_are_kept_apart(cloud: Cloud, account: str | None) -> None:
    cloud.deliver(crowd(60))
    cloud.deliver(event(record(call("m-99", timestamp="2026-03-13T10:00:00Z"), at=99)))

    found = list(read_rows(cloud.usage, TODAY - 1, TODAY, account=account))
    today_only = list(read_rows(cloud.usage, TODAY, TODAY, account=account))

    assert {row.day - TODAY: users.count(users.decode(row.users)) for row in found} == {-1: 1, 0: 60}
    assert [row.day for row in today_only] == [TODAY]


def test_users_that_are_missing_are_an_error(cloud: Cloud) -> None:
    cloud.deliver(crowd(60))
    cloud.usage.delete_item(Key={"account": "acme", "day": f"{DAY}#users"})

    with pytest.raises(LookupError, match="the users of acme on 2026-03-14"):
        list(read_rows(cloud.usage, TODAY, TODAY))


def test_a_bucket_that_refuses_the_rows_fails_the_task(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.deliver(crowd(2))
    planned = cloud.invoke("recompute", {"step": "plan", "run": "r-1", "input": ASKED})
    [task] = tasks(cloud, planned)

    def refuse(*_: object) -> None:
        raise UnavailableError

    monkeypatch.setattr(HistoryObjects, "put", refuse)

    with pytest.raises(UnavailableError):
        cloud.invoke("recompute", {"step": "task", "item": task})
    assert read_tasks(cloud.ingest, "r-1") == []
