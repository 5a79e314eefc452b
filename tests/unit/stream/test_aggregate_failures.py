"""What the aggregates report when the outside fails, and what they leave for the next delivery."""

from datetime import timedelta
from typing import Any

import pytest
from stemtide.accounting import is_accounted
from stemtide.aggregate import Rules, aggregate
from stemtide.calls import Bounds
from stemtide.commit import MAX_TRIES
from stemtide.ports import LedgerRow, OutRecord, UnavailableError
from stemtide.state import Caps, decode

from tests.stream_memory import Fault, Lab
from tests.streams import FIRST_SEQUENCE, call, event, failed, record

RULES = Rules(bounds=Bounds(max_lateness=timedelta(days=180)), retention=timedelta(days=400))


@pytest.fixture
def sent() -> list[OutRecord]:
    return []


@pytest.fixture
def lab(sent: list[OutRecord]) -> Lab:
    return Lab(take=sent.append)


def deliver(lab: Lab, *records: dict[str, Any]) -> dict[str, Any]:
    return aggregate(event(*records), ports=lab.ports(), rules=RULES)


def of_account(account: str, at: int, **changes: Any) -> dict[str, Any]:
    return record(call(f"m-{at}", context={"groupId": account}, **changes), at=at, key=account)


def events(lab: Lab, account: str) -> int:
    row = lab.items.rows.get((account, "2026-03-14"))
    return 0 if row is None else decode(row.blob).events


def refuse(lab: Lab, account: str) -> None:
    """The table refuses every write of this account."""
    put = lab.items.put

    def refusing(row: Any) -> None:
        if row.account == account:
            raise UnavailableError
        put(row)

    lab.items.put = refusing  # type: ignore[method-assign]


def test_an_empty_event_is_a_success(lab: Lab) -> None:
    assert deliver(lab) == failed()


def test_a_hot_account_fails_from_its_first_record_and_its_neighbours_are_written(lab: Lab) -> None:
    records = [of_account(account, at) for at, account in enumerate(["acme", "hot", "acme", "hot", "bee"])]
    refuse(lab, "hot")

    response = deliver(lab, *records)

    assert response == failed(records[1])
    assert (events(lab, "acme"), events(lab, "hot"), events(lab, "bee")) == (2, 0, 1)
    assert lab.counts()["applied"] == 1


def test_what_failed_is_counted_once_when_it_comes_again(lab: Lab) -> None:
    records = [of_account(account, at) for at, account in enumerate(["acme", "hot", "acme", "hot", "bee"])]
    writes = lab.items.put
    refuse(lab, "hot")
    deliver(lab, *records)
    lab.items.put = writes  # type: ignore[method-assign]

    response = deliver(lab, *records[1:])

    assert response == failed()
    assert [events(lab, account) for account in ("acme", "hot", "bee")] == [2, 2, 1]
    assert lab.counts() == {"applied": 5, "duplicate": 0, "quarantined": 0, "forwarded": 0}


def test_nothing_after_the_lowest_failure_is_set_aside(lab: Lab, sent: list[OutRecord]) -> None:
    records = [
        record(b"poison", at=0),
        of_account("hot", 1),
        record(b"poison", at=2),
        record(call("m-3"), at=3, key="foreign"),
    ]
    refuse(lab, "hot")

    response = deliver(lab, *records)

    assert response == failed(records[1])
    assert [row.sequence - FIRST_SEQUENCE for row in lab.quarantine.rows.values()] == [0]
    assert sent == []


def test_with_no_time_left_everything_is_reported_and_nothing_is_written(lab: Lab) -> None:
    records = [record(b"poison", at=0), of_account("acme", 1)]
    lab.faults.out_of_time = True

    response = deliver(lab, *records)

    assert response == failed(records[0])
    assert (lab.items.rows, lab.quarantine.rows) == ({}, {})


def test_a_throttled_write_is_tried_again_within_the_invocation(lab: Lab) -> None:
    lab.faults.plan = dict.fromkeys(range(3, 3 + MAX_TRIES - 2), Fault.THROTTLED)

    response = deliver(lab, of_account("acme", 0))

    assert response == failed()
    assert events(lab, "acme") == 1


def test_an_unanswering_ledger_brings_everything_again(lab: Lab) -> None:
    records = [of_account("acme", at) for at in range(2)]
    lab.faults.plan = dict.fromkeys(range(4, 40), Fault.THROTTLED)

    response = deliver(lab, *records)

    assert response == failed(records[0])
    lab.faults.plan = {}
    assert deliver(lab, *records) == failed()
    assert (events(lab, "acme"), lab.counts()["applied"]) == (2, 2)


def test_an_unanswering_ledger_at_the_start_fails_from_the_first_record(lab: Lab) -> None:
    lab.faults.plan = {1: Fault.LOST_REPLY}

    response = deliver(lab, of_account("acme", 0), of_account("acme", 1))

    assert response == failed(of_account("acme", 0))


def test_a_quarantine_that_fails_holds_the_ledger_back(lab: Lab) -> None:
    records = [of_account("acme", 0), record(b"poison", at=1), of_account("acme", 2)]
    lab.faults.plan = {4: Fault.LOST_REPLY}

    response = deliver(lab, *records)

    assert response == failed(records[1])
    assert lab.counts() == {"applied": 1, "duplicate": 0, "quarantined": 0, "forwarded": 0}


def test_a_forward_of_unknown_outcome_is_put_again(lab: Lab, sent: list[OutRecord]) -> None:
    lab.faults.plan = {2: Fault.LOST_REPLY}

    response = deliver(lab, record(call("m-1"), at=0, key="foreign"))

    assert response == failed()
    assert [entry.key for entry in sent] == ["acme", "acme"]
    assert lab.counts()["forwarded"] == 1


def test_only_refused_entries_are_forwarded_again(lab: Lab, sent: list[OutRecord]) -> None:
    refusals = [[0, 2], [1], []]
    taken = lab.stream.take

    def put(records: Any) -> list[int]:
        refused = refusals.pop(0)
        for index, entry in enumerate(records):
            if index not in refused:
                taken(entry)
        return refused

    lab.stream.put = put  # type: ignore[method-assign]
    records = [
        record(call(f"m-{at}", context={"groupId": account}), at=at, key="foreign")
        for at, account in enumerate(["a", "b", "c"])
    ]

    response = deliver(lab, *records)

    assert response == failed()
    assert [entry.key for entry in sent] == ["b", "a", "c"]


def test_a_recreated_stream_with_lower_sequence_numbers_gets_a_lane_of_its_own(lab: Lab) -> None:
    deliver(lab, of_account("acme", 500))
    lab.incarnations.value = 2000
    later = record(call("m-x"), at=3)
    later["kinesis"]["approximateArrivalTimestamp"] += 5

    response = deliver(lab, later)

    assert response == failed()
    assert events(lab, "acme") == 2
    assert sorted(lab.ledger.rows) == ["1000/0", "2000/0"]


def test_a_duplicate_within_the_window_is_dropped_and_one_beyond_it_is_not() -> None:
    lab = Lab(take=lambda entry: None, caps=Caps(id_window=3, remembered_ids=0))
    ids = ["a", "b", "a", "c", "d", "b", "a"]
    records = [record(call(message_id), at=at) for at, message_id in enumerate(ids)]

    deliver(lab, *records)

    assert events(lab, "acme") == 5
    assert lab.counts() == {"applied": 5, "duplicate": 2, "quarantined": 0, "forwarded": 0}


@pytest.mark.parametrize("together", [True, False])
def test_a_batch_far_beyond_the_window_that_is_repeated_counts_once_while_the_function_is_warm(
    together: bool,
) -> None:
    lab = Lab(take=lambda entry: None, caps=Caps(id_window=3))
    ports = lab.ports()
    once = [record(call(f"m-{n}"), at=n) for n in range(100)]
    again = [record(call(f"m-{n}"), at=100 + n) for n in range(100)]

    for batch in [[*once, *again]] if together else [once, again]:
        aggregate(event(*batch), ports=ports, rules=RULES)

    assert events(lab, "acme") == 100
    assert lab.counts() == {"applied": 100, "duplicate": 100, "quarantined": 0, "forwarded": 0}


def test_what_a_function_remembers_of_an_item_is_bounded() -> None:
    lab = Lab(take=lambda entry: None, caps=Caps(id_window=3, remembered_ids=10))
    ports = lab.ports()
    first = record(call("m-0"), at=0)
    filler = [record(call(f"m-{n}"), at=n) for n in range(1, 30)]
    repeated = [record(call("m-0"), at=30), record(call("m-25"), at=31)]

    for batch in ([first], filler[:15], filler[15:], repeated):
        aggregate(event(*batch), ports=ports, rules=RULES)

    assert events(lab, "acme") == 31
    assert lab.counts()["duplicate"] == 1


def test_event_types_beyond_the_cap_count_in_other() -> None:
    lab = Lab(take=lambda entry: None, caps=Caps(event_types=2))
    records = [of_account("acme", at, event=name) for at, name in enumerate(["a", "b", "c", "d", "a"])]

    deliver(lab, *records)

    state = decode(lab.items.rows["acme", "2026-03-14"].blob)
    assert state.by_event == {"a": 2, "b": 1, "other": 2}


@pytest.mark.parametrize(("blob", "shown"), [(b"\x02\x90", "02"), (b"\x00\x90", "00"), (b"", "")])
def test_a_state_of_another_version_stops_the_function_instead_of_being_overwritten(
    blob: bytes, shown: str
) -> None:
    with pytest.raises(ValueError, match=f"unknown format {shown}:"):
        decode(blob)


def test_the_ledger_remembers_what_it_has_counted(lab: Lab) -> None:
    deliver(lab, of_account("acme", 3), of_account("acme", 6))
    deliver(lab, of_account("acme", 9))

    row: LedgerRow = lab.ledger.rows["1000/0"]

    covered = [at for at in range(12) if is_accounted(row, FIRST_SEQUENCE + at)]
    assert covered == [3, 4, 5, 6, 9]


def on_day(day: int, at: int, **changes: Any) -> dict[str, Any]:
    stamp = f"2026-03-{day:02d}T11:00:00Z"
    return record(call(f"d-{at}", timestamp=stamp, **changes), at=at)


def test_the_days_of_an_account_are_written_oldest_first(lab: Lab) -> None:
    written: list[str] = []
    put = lab.items.put
    lab.items.put = lambda row: (written.append(row.sort), put(row))[1]  # type: ignore[method-assign]

    assert deliver(lab, on_day(13, 0), on_day(11, 1), on_day(14, 2), on_day(12, 3)) == failed()

    assert written == ["2026-03-11", "2026-03-12", "2026-03-13", "2026-03-14"]


def test_after_a_day_that_cannot_be_written_the_later_days_of_its_account_come_again(lab: Lab) -> None:
    records = [on_day(14, 0), on_day(12, 1), on_day(13, 2), of_account("bee", 3)]
    put = lab.items.put

    def refusing(row: Any) -> None:
        if row.sort == "2026-03-13":
            raise UnavailableError
        put(row)

    lab.items.put = refusing  # type: ignore[method-assign]

    assert deliver(lab, *records) == failed(records[0])

    assert sorted(day for account, day in lab.items.rows if account == "acme") == ["2026-03-12"]
    assert events(lab, "bee") == 1
    lab.items.put = put  # type: ignore[method-assign]
    assert deliver(lab, *records) == failed()
    assert [events(lab, account) for account in ("acme", "bee")] == [1, 1]
