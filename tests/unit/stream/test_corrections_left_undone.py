"""Edges of a recompute: what lags, is missing or busy, and time that runs out leave an item as it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs
from stemtide.archive import archive
from stemtide.corrections import Left
from stemtide.lanes import unpack
from stemtide.ports import ThrottledError, UnavailableError
from stemtide.progress import Hole, Progress
from stemtide.recompute import Recompute, Task

from tests.archived_logs import ignored
from tests.recompute_memory import archive_of, projections, recompute_of
from tests.stream_memory import Fault, Lab
from tests.streams import ARRIVAL, call, event, record
from tests.unit.stream.corrected import CAPS, DAY, TODAY, calls, deliver, put, recompute, repeated, state_of


@pytest.fixture
def lab() -> Lab:
    return Lab(take=ignored, caps=CAPS)


def test_an_item_that_lags_and_has_later_arrivals_is_left_to_their_recompute(lab: Lab) -> None:
    deliver(lab, record(call("m-1"), at=0))
    deliver(lab, record(call("m-2"), at=1, arrival=ARRIVAL + timedelta(days=1)), archived=False)

    outcome = recompute(lab)

    assert (outcome.lagging, outcome.postponed, calls(lab)) == (0, 1, {DAY: 2})


def test_an_item_whose_later_arrivals_have_had_their_turn_lags(lab: Lab) -> None:
    deliver(lab, record(call("m-1"), at=0))
    deliver(lab, record(call("m-2"), at=1, arrival=ARRIVAL + timedelta(days=1)), archived=False)
    owed = Task(first=TODAY, last=TODAY, run_last=TODAY, nights_last=TODAY + 1)

    outcome = recompute_of(lab).run(owed)

    assert (outcome.lagging, outcome.postponed) == (1, 0)
    assert [one.why for one in outcome.examples] == [Left.LAGS]


def test_what_lags_is_looked_at_again_after_a_pause(lab: Lab) -> None:
    repeated(lab)
    last = record(call("m-5"), at=50)
    deliver(lab, last, archived=False)
    work = recompute_of(lab)
    pauses: list[float] = []

    def catch_up(seconds: float) -> None:
        pauses.append(seconds)
        archive(event(last), ports=lab.archive_ports())

    pace = replace(work.corrector.pace, pause=catch_up)
    work = replace(work, corrector=replace(work.corrector, pace=pace))

    outcome = work.run(Task(first=TODAY, last=TODAY))

    assert (len(pauses), outcome.checked, outcome.corrected, outcome.lagging) == (1, 1, 1, 0)
    assert calls(lab) == {DAY: 5}


def test_an_item_that_never_stops_changing_is_left(lab: Lab) -> None:
    repeated(lab)
    work = recompute_of(lab)
    usage = work.corrector.items
    put_together = usage.put_together

    def always_late(rows: Any) -> None:
        put(lab, DAY, state_of(lab), version=lab.items.rows["acme", DAY].version + 1)
        put_together(rows)

    usage.put_together = always_late  # type: ignore[method-assign]

    outcome = work.run(Task(first=TODAY, last=TODAY))

    assert (outcome.lagging, outcome.examples[0].why) == (1, Left.BUSY)


@pytest.mark.parametrize("error", [UnavailableError, ThrottledError])
def test_a_table_that_does_not_answer_leaves_the_item(lab: Lab, error: type[Exception]) -> None:
    repeated(lab)
    work = recompute_of(lab)

    def never(rows: Any) -> None:
        raise error

    work.corrector.items.put_together = never  # type: ignore[method-assign]

    outcome = work.run(Task(first=TODAY, last=TODAY))

    assert (outcome.lagging, outcome.corrected) == (1, 0)
    assert outcome.examples[0].why == Left.UNAVAILABLE
    assert calls(lab) == {DAY: 5}


def test_an_item_that_cannot_be_read_costs_no_other(lab: Lab) -> None:
    repeated(lab)
    repeated(lab, account="bee")
    lab.faults.steps = 0
    lab.faults.plan = {1: Fault.LOST_REPLY}

    outcome = recompute(lab)

    assert (outcome.checked, outcome.corrected, outcome.lagging) == (2, 2, 0)
    assert calls(lab) == {DAY: 4}


def refused(lab: Lab, account: str) -> Recompute:
    """A recompute to which the table says no for good when it writes an item of the account."""
    work = recompute_of(lab)
    put_together = work.corrector.items.put_together

    def refusing(rows: Any) -> None:
        if rows[0].account == account:
            raise ValueError("Item size has exceeded the maximum allowed size")
        put_together(rows)

    work.corrector.items.put_together = refusing  # type: ignore[method-assign]
    return work


def test_an_item_that_cannot_be_written_costs_no_other_and_is_told(lab: Lab) -> None:
    repeated(lab)
    repeated(lab, account="bee")
    work, told = refused(lab, "acme"), []
    corrector = replace(work.corrector, broken=lambda item, error: told.append((item.account, str(error))))

    outcome = replace(work, corrector=corrector).run(Task(first=TODAY, last=TODAY))

    assert (outcome.corrected, outcome.lagging, outcome.examples[0].why) == (1, 1, Left.BROKEN)
    assert told == [("acme", "Item size has exceeded the maximum allowed size")]
    assert {account: found.calls for account, _, found in projections(lab)} == {"acme": 5, "bee": 4}


def test_an_item_of_an_unknown_format_costs_no_other_and_is_told(lab: Lab) -> None:
    repeated(lab)
    repeated(lab, account="bee")
    kept = lab.items.rows["acme", DAY]
    lab.items.rows["acme", DAY] = structs.replace(kept, blob=b"\x7f" + kept.blob[1:])
    work, told = recompute_of(lab), []
    corrector = replace(work.corrector, broken=lambda item, error: told.append((item.sort, str(error))))

    outcome = replace(work, corrector=corrector).run(Task(first=TODAY, last=TODAY))

    assert (outcome.corrected, outcome.lagging, outcome.examples[0].why) == (1, 1, Left.BROKEN)
    assert told == [(DAY, "usage state of unknown format 7f: deploy the version that wrote it")]


def test_when_the_time_is_up_the_rest_is_left(lab: Lab) -> None:
    repeated(lab)
    lab.faults.out_of_time = True

    outcome = recompute(lab)

    assert (outcome.lagging, outcome.examples[0].why) == (1, Left.NO_TIME)
    assert calls(lab) == {DAY: 5}


def test_a_hole_concerns_the_days_on_which_its_records_arrived() -> None:
    hole = Hole("1000/0", 10, 20, TODAY, TODAY + 2)

    assert [hole.concerns({TODAY + shift}) for shift in (-1, 0, 1, 2, 3)] == [False, True, True, True, False]
    assert not hole.concerns(set())


def test_a_lane_is_final_up_to_where_both_consumers_are_and_before_its_holes() -> None:
    progress = Progress(aggregate={"a": 50, "b": 50, "c": 50, "d": 5}, archive={"a": 40, "b": 60, "d": 40})
    holes = [Hole("a", 30, 35, 0, 0), Hole("d", 30, 35, 0, 0), Hole("e", 7, 8, 0, 0)]

    assert progress.final(holes) == {"a": 29, "b": 50, "c": -1, "d": 5, "e": -1}
    assert progress.final([]) == {"a": 40, "b": 50, "c": -1, "d": 5}


@pytest.mark.parametrize(("first", "why"), [(3, Left.HOLE), (4, Left.HOLE), (5, None)])
def test_a_hole_up_to_the_newest_record_that_is_in_keeps_the_item(
    lab: Lab, first: int, why: Left | None
) -> None:
    repeated(lab)
    mark = unpack(state_of(lab).marks["1000/0"])
    holes = [Hole("1000/0", mark - 4 + first, mark - 4 + first, TODAY, TODAY)]
    given_up = archive_of(lab)
    given_up.holes = holes

    outcome = recompute_of(lab, given_up).run(Task(first=TODAY, last=TODAY))

    assert [one.why for one in outcome.examples] == ([] if why is None else [why])
    assert calls(lab) == ({DAY: 4} if why is None else {DAY: 5})


def test_a_hole_of_other_days_keeps_nothing(lab: Lab) -> None:
    repeated(lab)
    given_up = archive_of(lab)
    given_up.holes = [Hole("1000/0", 0, 1, TODAY - 9, TODAY - 8)]

    assert recompute_of(lab, given_up).run(Task(first=TODAY, last=TODAY)).corrected == 1


def test_an_item_that_has_seen_more_than_the_archive_holds_is_left(lab: Lab) -> None:
    """The archive gave up a delivery between two others, and nobody has registered that yet."""
    deliver(lab, record(call("m-1"), at=0))
    deliver(lab, record(call("m-2"), at=1), archived=False)
    deliver(lab, record(call("m-3"), at=2))

    outcome = recompute(lab)

    assert [one.why for one in outcome.examples] == [Left.INCOMPLETE]
    assert calls(lab) == {DAY: 3}
