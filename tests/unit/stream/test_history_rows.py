"""The history's rows: which are kept, in which portions, which of them count, and how Parquet keeps them."""

from dataclasses import replace
from pathlib import Path
from random import Random

import duckdb
import pytest
from stemtide import history_rows, users
from stemtide.calls import day_number
from stemtide.history_keys import key_of, may_hold
from stemtide.history_rows import DayRow, RowBuffer, row_of
from stemtide.ports import UnavailableError
from stemtide.recompute import Task
from stemtide.state import State
from stemtide.store.history import (
    AS_ROWS,
    Wanted,
    merged,
    read_history_days,
    read_history_rows,
)
from stemtide.store.history_objects import HistoryObjects
from stemtide.store.history_parquet import COLUMNS, parquet_of, rows_of

from tests.histories import MANY_DAYS, MemoryBucket, MemoryHistory, history_in
from tests.recompute_memory import recompute_of
from tests.stream_memory import Lab
from tests.streams import call, record
from tests.unit.stream.corrected import CAPS, DAY, TODAY, deliver, repeated

CROWD = users.union(users.NOBODY, [Random(seed).randbytes(8) for seed in range(900)])


def row(account: str = "acme", day: int = TODAY, version: int = 1, *, calls: int = 3) -> DayRow:
    return DayRow(
        account=account,
        day=day,
        version=version,
        calls=calls,
        events=7,
        by_event={"Opened": 5, "other": 2},
        users=users.encode(users.union(users.NOBODY, [b"ann-----", b"bob-----"])),
        commenters=b"",
        first_ms=5,
        last_ms=None,
    )


def test_rows_are_kept_in_portions_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_rows, "ROWS_AT_ONCE", 2)
    history = MemoryHistory()
    buffer = RowBuffer(history=history, folder=DAY, name="0-of-1")

    buffer.add([row("cat"), row("bee"), row("acme")])
    buffer.flush()
    buffer.flush()

    assert [[one.account for one in rows] for _, _, rows in history.kept] == [["bee", "cat"], ["acme"]]


def test_large_rows_are_kept_in_smaller_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_rows, "BYTES_AT_ONCE", 40)
    history = MemoryHistory()

    RowBuffer(history=history, folder=DAY, name="0-of-1").add([row(day=day) for day in range(6)])

    assert [len(rows) for _, _, rows in history.kept] == [3, 3]


@pytest.mark.parametrize("present", [users.NOBODY, CROWD], ids=["nobody", "a sketch"])
def test_a_row_comes_back_from_parquet_as_it_was(present: users.Users, tmp_path: Path) -> None:
    state = State(
        calls=2, events=5, by_event={'Ünï, "it\'s"': 2**62, "\0\n": 1}, commenters=users.encode(CROWD)
    )
    kept = [row(day=-3), row_of("bee", 20_000, 7, state, present)]
    file = tmp_path / "rows.parquet"

    file.write_bytes(parquet_of(kept))

    with duckdb.connect() as connection:
        query = AS_ROWS.replace("day_rows", f"'{file}'")
        assert list(rows_of(connection, query)) == kept
        described = connection.execute(f"DESCRIBE FROM '{file}'").fetchall()
    assert {name: kind for name, kind, *_ in described} == COLUMNS
    assert users.decode(kept[1].users) == present


def test_the_same_rows_again_are_the_same_object_and_others_another() -> None:
    bucket = MemoryBucket()
    history = HistoryObjects(client=bucket, bucket="archive")

    for rows in ([row()], [row()], [row(version=2)]):
        history.put(DAY, "0-of-1", rows)

    assert len(bucket.bodies) == 2
    assert all(key.startswith(f"history/rows/{DAY}/0-of-1-") for key in bucket.bodies)


def test_newer_rows_of_whatever_object_are_read_and_days_without_calls_are_not() -> None:
    bucket = MemoryBucket()
    history = HistoryObjects(client=bucket, bucket="archive")
    history.put(DAY, "0-of-1", [row(version=3), row(day=TODAY - 1), row("bee")])
    history.put("2026-03-15", "0-of-1", [row(version=12, calls=8), row(day=TODAY - 1, version=2, calls=0)])
    history.put("backfill-x", "4", [row(day=TODAY - 400)])

    found = read_history_rows(history_in(bucket), "acme", 0, MANY_DAYS)
    days = read_history_days(history_in(bucket), "acme", TODAY, TODAY)

    assert [(one.day, one.version) for one in found] == [(TODAY - 400, 1), (TODAY, 12)]
    assert [(day.day, day.by_event, users.count(day.users)) for day in days] == [
        (TODAY, {"Opened": 5, "other": 2}, 2)
    ]


def test_a_history_without_objects_is_empty() -> None:
    with merged(history_in(MemoryBucket()), Wanted(first=0, last=MANY_DAYS)) as connection:
        assert list(rows_of(connection, AS_ROWS)) == []


def test_an_object_is_read_if_it_may_have_the_account_and_the_days() -> None:
    of_acme = next(bucket for bucket in range(4) if Task(first=0, last=0, bucket=bucket, of=4).wants("acme"))
    other = (of_acme + 1) % 4

    def reads(folder: str, name: str, account: str | None) -> bool:
        return may_hold(key_of(folder, name, "0123456789abcdef"), first_day=TODAY, account=account)

    assert reads(DAY, f"{of_acme}-of-4", "acme")
    assert not reads(DAY, f"{other}-of-4", "acme")
    assert reads(DAY, f"{other}-of-4", None)
    assert reads("2026-03-13", "0-of-1", "acme")  # a call may come minutes before its time
    assert not reads("2026-03-12", "0-of-1", "acme")
    assert reads("backfill-0123456789abcdef", "7", "acme")


def test_days_from_the_calendars_first_on_may_be_asked_for() -> None:
    first = day_number("0001-01-01")

    assert may_hold(key_of(DAY, "0-of-1", "0123456789abcdef"), first_day=first, account=None)


def test_a_recompute_keeps_what_it_corrected_and_what_was_right() -> None:
    lab, history = Lab(take=lambda entry: None, caps=CAPS), MemoryHistory()
    repeated(lab)
    deliver(lab, record(call("m-9", context={"groupId": "bee"}), at=900, key="bee"))

    outcome = replace(recompute_of(lab), history=history).run(Task(first=TODAY, last=TODAY))

    assert outcome.corrected == 1
    [(folder, name, rows)] = history.kept
    assert (folder, name) == (DAY, "0-of-1")
    assert {one.account: (one.version, one.calls) for one in rows} == {
        account: (lab.items.rows[account, DAY].version, calls) for account, calls in (("acme", 4), ("bee", 1))
    }


def test_an_item_that_cannot_be_set_right_is_kept_as_it_stands() -> None:
    lab, history = Lab(take=lambda entry: None, caps=CAPS), MemoryHistory()
    deliver(lab, record(call("m-1"), at=0))
    deliver(lab, record(call("m-2"), at=1), archived=False)

    outcome = replace(recompute_of(lab), history=history).run(Task(first=TODAY, last=TODAY))

    assert outcome.lagging == 1
    assert [(one.version, one.calls) for one in history.rows] == [(2, 2)]


def test_an_item_whose_turn_is_to_come_is_left_to_it() -> None:
    lab, history = Lab(take=lambda entry: None, caps=CAPS), MemoryHistory()
    deliver(lab, record(call("m-1"), at=0))
    deliver(lab, record(call("m-2"), at=1), archived=False)

    task = Task(first=TODAY - 1, last=TODAY - 1, run_last=TODAY)
    outcome = replace(recompute_of(lab), history=history).run(task)

    assert (outcome.lagging, history.kept) == (0, [])


def test_a_history_that_takes_nothing_fails_the_task() -> None:
    class Full(MemoryHistory):
        def put(self, *_: object) -> None:
            raise UnavailableError

    lab = Lab(take=lambda entry: None, caps=CAPS)
    deliver(lab, record(call("m-1"), at=0))

    with pytest.raises(UnavailableError):
        replace(recompute_of(lab), history=Full()).run(Task(first=TODAY, last=TODAY))
