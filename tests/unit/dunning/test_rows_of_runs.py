"""What breaks, and what must come of it: starts, waits and replies (rows 30 to 35 and 55)."""

from pathlib import Path
from typing import Any

import pytest
from stemtide.dunning.decide import Ending
from stemtide.dunning.facts import Outcome
from stemtide.dunning.ledger import Kind

from payments.in_memory import Fault
from tests.dunning_bench import LONG, Died, Dunning, collect_by_hand, dies, paid

ROOT = Path(__file__).parents[3]


def test_row_30_a_start_on_day_91_finds_the_row_and_starts_nothing() -> None:
    dunning = Dunning().opened()
    dunning.play()
    started = list(dunning.runs.started)
    dunning.bench.clock.advance(days=91)

    again = dunning.failed()

    assert again is None
    assert dunning.runs.started == started == [f"{dunning.row.id}-1"]
    assert len(dunning.episodes.all()) == 1


def test_row_31_a_payment_ends_the_wait_and_the_time_out_that_comes_too_finds_it_paid() -> None:
    dunning = Dunning().opened()
    dunning.play(days=0.01)
    waiting = dunning.task("step")
    dunning.task("wait", token="t1", seen=waiting["seen"])
    collect_by_hand(dunning)

    dunning.keeper.happened(dunning.customer)
    by_callback, by_time_out = dunning.step(), dunning.stepper.step(dunning.row.id, 1)

    assert dunning.runs.woken == ["t1"]
    assert (by_callback.do, by_time_out.do) == ("end", "end")
    assert (dunning.ending, len(dunning.of_kind(Kind.ENDED))) == (Ending.RECOVERED, 1)


def test_row_31_a_payment_right_after_the_time_out_ends_the_next_wait() -> None:
    dunning = Dunning().opened()
    dunning.play(days=0.01)
    first = dunning.task("step")
    dunning.task("wait", token="t1", seen=first["seen"])
    timed_out = dunning.task("step")  # the same is decided again
    collect_by_hand(dunning)
    dunning.keeper.happened(dunning.customer)  # knows the old token only

    dunning.task("wait", token="t2", seen=timed_out["seen"])

    assert dunning.runs.woken == ["t1", "t2"]
    assert dunning.step().do == "end"


def test_row_32_what_happened_before_the_token_was_kept_ends_the_wait_at_once() -> None:
    dunning = Dunning().opened()
    dunning.play(days=0.01)
    waiting = dunning.task("step")
    collect_by_hand(dunning)
    dunning.keeper.happened(dunning.customer)  # there is no token yet

    dunning.task("wait", token="t1", seen=waiting["seen"])

    assert dunning.runs.woken == ["t1"]


def test_row_32_a_wait_that_nothing_has_happened_to_goes_on() -> None:
    dunning = Dunning().opened()
    dunning.play(days=0.01)
    waiting = dunning.task("step")

    dunning.task("wait", token="t1", seen=waiting["seen"])

    assert dunning.runs.woken == []
    assert dunning.row.token == "t1"


@pytest.mark.parametrize("hours", [25, 7 * 24, 14 * 24])
@pytest.mark.parametrize("fault", [Fault.LOST_REPLY, Fault.ERROR_AFTER, Fault.UNREACHED, Fault.ERROR_BEFORE])
def test_row_33_a_redrive_after_the_key_was_forgotten_charges_once(hours: int, fault: Fault) -> None:
    dunning = Dunning(policy=LONG, faults=[("pay_invoice", fault)]).opened()
    dunning.play(until=lambda: bool(dunning.of_kind(Kind.CHARGE_CLAIMED)))
    dunning.bench.clock.advance(seconds=hours * 3600)

    dunning.play()

    assert dunning.ending is Ending.RECOVERED
    assert paid(dunning) == [5000]
    outcomes = [one.outcome for one in dunning.of_kind(Kind.CHARGE)]
    it_happened = fault in (Fault.LOST_REPLY, Fault.ERROR_AFTER)
    assert outcomes == ([Outcome.SUCCEEDED] if it_happened else [Outcome.FAILED, Outcome.SUCCEEDED])
    assert len({one.key for one in dunning.of_kind(Kind.CHARGE)}) == len(outcomes)


def test_row_34_a_lost_reply_is_found_at_the_provider_and_nothing_asked_again() -> None:
    dunning = Dunning(faults=[("pay_invoice", Fault.LOST_REPLY)]).opened()

    dunning.play()

    assert paid(dunning) == [5000]
    assert len(dunning.ours()) == 1
    [told] = dunning.of_kind(Kind.CHARGE)
    assert (told.outcome, told.reason) == (Outcome.SUCCEEDED, "found at the provider")


def test_row_34_a_request_that_never_arrived_is_made_again_under_the_same_key() -> None:
    dunning = Dunning(faults=[("pay_invoice", Fault.UNREACHED)]).opened()

    dunning.play()

    [claim], [charge] = dunning.of_kind(Kind.CHARGE_CLAIMED), dunning.ours()
    assert charge["_key"] == claim.key
    assert paid(dunning) == [5000]


def test_row_35_a_saved_500_is_not_repeated_for_ever() -> None:
    dunning = Dunning(policy=LONG, faults=[("pay_invoice", Fault.ERROR_BEFORE)])
    asked: list[str] = []
    pay = dunning.payments.pay_invoice

    def counted(invoice: str, /, *, key: str, payment_method: str | None = None) -> Any:
        asked.append(key)
        return pay(invoice, key=key, payment_method=payment_method)

    dunning.payments.pay_invoice = counted  # type: ignore[method-assign]
    dunning.opened().play()

    first, second = dict.fromkeys(asked)
    assert asked.count(first) <= 24  # once an hour while the provider knows the key
    assert asked.count(second) == 1
    assert (dunning.ending, paid(dunning)) == (Ending.RECOVERED, [5000])


@pytest.mark.parametrize("when", ["before", "after"])
def test_row_55_a_claim_of_ours_outlives_its_function_and_neither_sticks_nor_charges_twice(when: str) -> None:
    dunning = Dunning(policy=LONG).opened()
    dunning.points.append(("pay_invoice", when, dies))
    with pytest.raises(Died):
        dunning.play()

    at_once = dunning.step()  # its lease still runs
    dunning.play()

    assert (at_once.do, at_once.reason) == ("wait", "another_step_acts")
    assert (dunning.ending, paid(dunning)) == (Ending.RECOVERED, [5000])
    assert len(dunning.of_kind(Kind.CHARGE_CLAIMED)) == 1


def test_row_55_no_idempotency_library_stands_between_a_claim_and_its_charge() -> None:
    sources = [*ROOT.glob("functions/**/*.py"), *ROOT.glob("layers/**/*.py"), *ROOT.glob("infra/**/*.py")]

    users = [path for path in sources if "utilities.idempotency" in path.read_text()]

    assert len(sources) > 200
    assert users == []
