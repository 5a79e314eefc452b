"""A backfill's writes: rows of one day stay together, batches stay within what DynamoDB takes."""

from dataclasses import replace

import msgspec
import pytest
from stemtide import users
from stemtide.backfill import Counted, OtherBackfillError, made_of, nothing
from stemtide.calls import DAY_MS
from stemtide.ports import StoredState, UsageRow
from stemtide.state import Caps, State, decode, encode
from stemtide.store.batches import MAX_BYTES, MAX_PUTS
from stemtide.users import user_hash
from stemtide_cli.backfill_planning import Day, Plan, Planner, batches

CAPS = Caps(inline_users=3)
DAY = 19_418
NOON = DAY * DAY_MS + DAY_MS // 2
PLANNER = Planner(caps=CAPS, expires_at=1_800_000_000, again=False)
REPLACING = Planner(caps=CAPS, expires_at=1_800_000_000, again=True)


def day(present: int = 1, *, cutover: int = NOON + DAY_MS, account: str = "acme") -> Day:
    hashes = users.pack(user_hash(f"u{i}") for i in range(present))
    counted = Counted(types=[("a", 1)], calls=1, first_ms=NOON - 9, last_ms=NOON - 9, users=hashes)
    return Day(account=account, day=DAY, made=made_of(counted, covered_ms=cutover, caps=CAPS))


def test_the_users_of_a_busy_day_are_written_before_it_and_outlive_it() -> None:
    rows = PLANNER.plan(day(4), {}).rows

    assert [(row.sort, row.version) for row in rows] == [("2023-03-02#users", 1), ("2023-03-02", 1)]
    assert rows[0].expires_at > rows[1].expires_at == 1_800_000_000
    assert decode(rows[1].blob).spilled


def test_a_cutover_within_the_day_keeps_the_backfilled_part_beside_it() -> None:
    rows = PLANNER.plan(day(4, cutover=NOON), {}).rows

    sorts = ["2023-03-02#backfill#users", "2023-03-02#backfill", "2023-03-02#users", "2023-03-02"]
    assert [row.sort for row in rows] == sorts
    assert rows[1].blob == rows[3].blob


def test_a_part_that_is_in_is_not_added_again() -> None:
    first = PLANNER.plan(day(1, cutover=NOON), {})
    known = {row.sort: StoredState(version=1, blob=row.blob, expires_at=row.expires_at) for row in first.rows}

    plan = PLANNER.plan(day(1, cutover=NOON), known)

    assert replace(plan, stands=None) == Plan(day=day(1, cutover=NOON))


def as_stored(*rows: UsageRow) -> dict[str, StoredState]:
    return {row.sort: StoredState(version=1, blob=row.blob, expires_at=row.expires_at) for row in rows}


def test_another_part_of_a_cutover_day_takes_its_place_where_nothing_was_streamed_since() -> None:
    known = as_stored(*PLANNER.plan(day(1, cutover=NOON), {}).rows)

    plan = REPLACING.plan(day(2, cutover=NOON), known)

    assert [(row.sort, row.version) for row in plan.rows] == [("2023-03-02#backfill", 2), ("2023-03-02", 2)]
    assert plan.rows[0].blob == plan.rows[1].blob
    assert not plan.for_archive


def test_else_the_day_waits_for_the_archive() -> None:
    known = as_stored(*PLANNER.plan(day(1, cutover=NOON), {}).rows)
    streamed = msgspec.structs.replace(decode(known["2023-03-02"].blob), calls=9, marks={"lane": b"\x01\x01"})
    known["2023-03-02"] = StoredState(version=5, blob=encode(streamed), expires_at=1)

    plan = REPLACING.plan(day(2, cutover=NOON), known)

    assert [(row.sort, row.version) for row in plan.rows] == [("2023-03-02#backfill", 2), ("2023-03-02", 6)]
    assert decode(plan.rows[1].blob) == msgspec.structs.replace(streamed, covered_ms=None)
    assert plan.for_archive
    with pytest.raises(OtherBackfillError):
        PLANNER.plan(day(2, cutover=NOON), known)


def test_event_types_beyond_the_cap_on_a_cutover_day_wait_for_the_archive() -> None:
    many = {f"e{i}": 1 for i in range(CAPS.event_types + 1)}
    streamed = State(calls=9, events=9, by_event=many, first_ms=NOON, last_ms=NOON, covered_ms=NOON)
    kept = StoredState(version=3, blob=encode(streamed), expires_at=1)

    plan = PLANNER.plan(day(1, cutover=NOON), {"2023-03-02": kept})

    assert [(row.sort, row.version) for row in plan.rows] == [("2023-03-02#backfill", 1), ("2023-03-02", 4)]
    assert decode(plan.rows[1].blob).covered_ms is None
    assert plan.for_archive


def test_what_is_there_is_overwritten_by_its_version_and_never_expires_earlier() -> None:
    kept = StoredState(version=7, blob=encode(nothing(NOON + DAY_MS).state), expires_at=1_900_000_000)

    (row,) = PLANNER.plan(day(), {"2023-03-02": kept}).rows

    assert (row.version, row.expires_at) == (8, 1_900_000_000)


def test_users_that_are_there_are_not_written_again() -> None:
    users_row, day_row = PLANNER.plan(day(4), {}).rows
    kept = StoredState(version=1, blob=users_row.blob, expires_at=users_row.expires_at)

    (row,) = PLANNER.plan(day(4), {users_row.sort: kept}).rows

    assert row == day_row


def test_a_batch_is_as_large_as_a_transaction_may_be_and_cuts_no_day() -> None:
    plans = [PLANNER.plan(day(4, cutover=NOON, account=f"a-{i}"), {}) for i in range(60)]

    found = list(batches(plans))

    assert [len(batch) for batch in found] == [25, 25, 10]
    assert max(sum(len(plan.rows) for plan in batch) for batch in found) == MAX_PUTS


def test_a_batch_has_no_more_bytes_than_a_transaction_takes() -> None:
    (row,) = PLANNER.plan(day(), {}).rows
    large = row.__class__(
        account="a", sort="2023-03-02", version=1, blob=bytes(MAX_BYTES // 3), events=1, expires_at=1
    )

    assert [len(batch) for batch in batches([Plan(day=day(), rows=(large,))] * 7)] == [3, 3, 1]
    assert list(batches([])) == []
