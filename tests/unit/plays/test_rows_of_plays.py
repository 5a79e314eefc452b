"""What breaks, and what must come of it: offers, returns and labels (rows 50, 51 and 57 of the failure
modes)."""

import msgspec
import pytest
from stemtide.billing.provider import ProviderRefusedError
from stemtide.calls import DAY_MS
from stemtide.config_shadow import Capability, Shadow
from stemtide.dunning.ledger import Kind
from stemtide.mail.ports import Stop
from stemtide.plays.play import Outcome

from payments.in_memory import Fault
from tests.plays_bench import CONFIG, START_MS, Bench


def test_row_50_of_fifty_plays_of_a_customer_one_makes_an_offer() -> None:
    bench = Bench()
    plays = [bench.opened(id=f"{number:024x}", account=f"account-{number}") for number in range(50)]
    bench.day = 10

    for play in plays:
        bench.until_it_waits(play)

    [coupon] = bench.at_provider("coupon")
    [code] = bench.at_provider("promotion_code")
    assert (coupon["max_redemptions"], code["max_redemptions"], code["customer"]) == (1, 1, bench.customer)
    withheld = [entry.reason for play in plays for entry in bench.told(play, Kind.OFFER_WITHHELD)]
    assert withheld == ["cool_off"] * 49


@pytest.mark.parametrize("call", ["create_coupon", "create_promotion_code"])
@pytest.mark.parametrize("fault", [Fault.LOST_REPLY, Fault.UNREACHED, Fault.ERROR_AFTER])
def test_row_50_an_offer_whose_reply_was_lost_is_the_same_offer_when_it_is_made_again(
    call: str, fault: Fault
) -> None:
    bench = Bench(faults=[(call, fault)])
    play = bench.opened()
    bench.day = 10
    first = bench.until_it_waits(play)
    bench.day = 10 + 26 / 24  # by then the provider has forgotten the key

    bench.until_it_waits(play)

    assert first.reason == "offer_unknown"
    assert len(bench.at_provider("coupon")) == len(bench.at_provider("promotion_code")) == 1
    [made] = bench.told(play, Kind.OFFER)
    assert made.provider_id == bench.at_provider("promotion_code")[0]["id"]


def test_row_50_two_steps_at_once_make_one_offer_and_tell_of_it_once() -> None:
    bench = Bench()
    play = bench.opened()
    bench.day = 10
    bench.points.append(("create_coupon", "before", lambda: bench.until_it_waits(play)))

    bench.until_it_waits(play)

    assert len(bench.at_provider("coupon")) == len(bench.at_provider("promotion_code")) == 1
    assert len(bench.told(play, Kind.OFFER)) == 1


@pytest.mark.parametrize("day", [2, 10, 21])
def test_row_51_who_has_returned_before_a_step_gets_neither_mail_nor_offer(day: int) -> None:
    bench = Bench()
    play = bench.opened()
    bench.day = day - 0.5
    bench.subscribes()
    bench.day = day

    found = bench.until_it_waits(play)

    assert (found.do, bench.row(play).outcome) == ("end", Outcome.REACTIVATED)
    assert bench.mails == []
    assert bench.at_provider("coupon") == []


def test_row_51_who_returns_while_its_offer_is_claimed_gets_none() -> None:
    bench = Bench()
    play = bench.opened()
    bench.day = 10
    bench.points.append(("claim_offer", "after", bench.subscribes))

    found = bench.until_it_waits(play)

    assert (found.do, bench.row(play).outcome) == ("end", Outcome.REACTIVATED)
    assert bench.mails == []
    assert bench.at_provider("coupon") == []


def test_row_57_an_outcome_that_is_heard_of_late_is_known_when_it_was_heard_of() -> None:
    bench = Bench()
    play = bench.opened()
    bench.day = 5
    bench.subscribes()
    bench.day = 8

    bench.until_it_waits(play)
    again = bench.step(play)

    [label] = bench.plays.labels
    assert (label.at_ms, label.known_ms) == (START_MS + 5 * DAY_MS, START_MS + 8 * DAY_MS)
    assert again.do == "end"


def test_row_57_two_steps_that_find_the_outcome_at_once_leave_one_label() -> None:
    bench = Bench()
    play = bench.opened()
    bench.day = 61
    bench.points.append(("append", "before", lambda: bench.step(play)))

    bench.until_it_waits(play)

    assert [label.outcome for label in bench.plays.labels] == [Outcome.LOST]
    assert len(bench.told(play, Kind.ENDED)) == 1


@pytest.mark.parametrize("stop", [Stop.OPTED_OUT, Stop.COMPLAINED, Stop.BOUNCED])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_account_at_risk_that_gets_no_mail_gets_no_offer(stop: Stop, when: str) -> None:
    bench = Bench()
    play = bench.at_risk()
    bench.points.append(("claim_offer", when, lambda: bench.stops.update({stop: bench.now_ms()})))

    bench.until_it_waits(play)

    assert bench.at_provider("coupon") == []
    assert [entry.reason for entry in bench.told(play, Kind.OFFER_WITHHELD)] == [str(stop)]
    assert [entry.reason for entry in bench.told(play, Kind.MAIL_SKIPPED)] == ["no_offer"]


def test_who_opted_out_before_keeps_the_right_to_an_offer() -> None:
    bench = Bench(stops={Stop.OPTED_OUT: START_MS})
    play = bench.at_risk()

    bench.until_it_waits(play)

    assert bench.told(play, Kind.OFFER_CLAIMED) == []


def test_a_customer_without_an_address_gets_no_offer() -> None:
    bench = Bench(email="")
    play = bench.opened()
    bench.day = 10

    bench.until_it_waits(play)

    assert bench.at_provider("coupon") == []
    assert [entry.reason for entry in bench.told(play, Kind.OFFER_WITHHELD)] == ["no_address"]


def test_without_a_place_to_take_it_no_offer_is_made_and_the_right_to_one_is_kept() -> None:
    nowhere = msgspec.structs.replace(CONFIG.retention, offer_url="")
    bench = Bench(config=msgspec.structs.replace(CONFIG, retention=nowhere))
    play = bench.at_risk()

    bench.until_it_waits(play)

    assert bench.at_provider("coupon") == []
    assert bench.told(play, Kind.OFFER_CLAIMED, Kind.OFFER, Kind.OFFER_WITHHELD) == []
    assert [entry.reason for entry in bench.told(play, Kind.MAIL_SKIPPED)] == ["no_offer_url"]


def test_an_offer_that_was_taken_costs_what_it_did_also_when_its_discount_has_run_out() -> None:
    bench = Bench()
    play = bench.at_risk()
    bench.until_it_waits(play)
    [made] = bench.told(play, Kind.OFFER)
    subscription = bench.subscribes(code=made.provider_id)
    bench.ask("POST", f"/v1/subscriptions/{subscription['id']}", discounts="")
    bench.day = 60

    bench.until_it_waits(play)

    [label] = bench.plays.labels
    assert (label.outcome, label.redeemed, label.cost, label.currency) == ("saved", True, made.amount, "EUR")


def test_a_play_whose_coupon_the_provider_does_not_know_any_more_comes_to_its_end() -> None:
    bench = Bench()
    play = bench.at_risk()
    bench.until_it_waits(play)
    bench.day = 60

    def missing() -> None:
        raise ProviderRefusedError(code="resource_missing", status=400, message="No such coupon")

    bench.points.append(("promotion_codes", "before", missing))

    found = bench.until_it_waits(play)

    assert (found.do, bench.row(play).outcome, bench.points) == ("end", Outcome.SAVED, [])


def test_an_offer_that_nobody_took_costs_nothing() -> None:
    bench = Bench()
    play = bench.at_risk()
    bench.until_it_waits(play)
    bench.day = 60

    bench.until_it_waits(play)

    [label] = bench.plays.labels
    assert (label.percent is not None, label.redeemed, label.cost) == (True, False, 0)


def test_a_play_about_an_erased_account_ends_without_a_label_also_in_shadow() -> None:
    shadow = Shadow(capabilities=(Capability.WIN_BACK, Capability.RETENTION))
    bench = Bench(config=msgspec.structs.replace(CONFIG, shadow=shadow))
    play = bench.at_risk()
    halted = bench.until_it_waits(play)
    bench.erased = True

    ended = bench.until_it_waits(play)

    assert (halted.do, ended.do, bench.row(play).halt_reason) == ("wait", "end", "shadow")
    assert (bench.row(play).outcome, bench.plays.labels) == (Outcome.UNOBSERVED, [])
