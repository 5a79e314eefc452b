"""What breaks, and what must come of it: declines, amounts, several invoices (rows 40 to 44, 58 and 59)."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.config_billing import CollectionOwner
from stemtide.config_dunning import MAX_TRIES, Final
from stemtide.currencies import minor_digits
from stemtide.dunning.decide import CARD_WINDOW_MS, MAX_CARD_TRIES, Ending
from stemtide.dunning.declines import MUST_CONFIRM, NEVER_AGAIN
from stemtide.dunning.ledger import Kind

from payments import collecting, reversing, standing
from payments.outcomes import Outcome as Attempted
from tests.dunning_bench import Dunning, collect_by_hand, paid, two_unpaid, with_
from tests.payment_benches import Bench, memory_bench


@pytest.mark.parametrize("code", sorted(NEVER_AGAIN | MUST_CONFIRM | {"a_code_of_tomorrow"}))
def test_row_40_after_a_hard_decline_nothing_is_tried_and_another_card_asked_for(code: str) -> None:
    dunning = Dunning(outcomes=({"decline_code": code},)).opened()  # the card would work

    dunning.play()

    assert dunning.ours() == []
    assert dunning.ending is Ending.EXHAUSTED
    asks = "payment_needs_authentication" if code in MUST_CONFIRM else "payment_needs_card"
    assert [one.template for one in dunning.mails] == [asks, asks, "payment_final_notice"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 25), min_size=1, max_size=7),
    st.lists(st.tuples(st.floats(0.05, 3), st.integers(0, 5)), max_size=12),
)
def test_row_41_no_try_is_made_beyond_the_caps(days: list[float], others: list[tuple[float, int]]) -> None:
    """Between our tries the provider, or somebody else, tries the same card again and again."""
    policy = with_(retry_days=tuple(days), end_days=40.0, mails=())
    dunning = Dunning(policy=policy, then="do_not_honor").opened()
    store = dunning.bench.provider.world.store
    method = next(iter(store.of("payment_method", "customer", dunning.customer)))
    for pause, tries in others:
        dunning.play(days=pause)
        for _ in range(tries if not dunning.row.is_over else 0):
            invoice = store.need("invoice", dunning.invoice)
            refused = Attempted(decline_code="do_not_honor")
            collecting.attempt(dunning.bench.provider.world, invoice, method, refused, automatic=True)
    dunning.play()

    made = [(one["created"] * 1000, one["_key"] is not None) for one in store.all("charge")]
    for number, (at_ms, is_ours) in enumerate(made):
        if is_ours:
            assert number - 1 < MAX_TRIES  # the first paid for the month before
            assert sum(at_ms - CARD_WINDOW_MS < other <= at_ms for other, _ in made[:number]) < MAX_CARD_TRIES


def _refunded(dunning: Dunning) -> None:
    charge = collect_by_hand(dunning, 2000)
    dunning.bench.ask("POST", "/v1/refunds", charge=charge["id"])


def _disputed(dunning: Dunning) -> None:
    reversing.dispute(dunning.bench.provider.world, collect_by_hand(dunning, 2000), reason="fraudulent")


def _paid_and_refunded(dunning: Dunning) -> None:
    dunning.bench.ask("POST", "/v1/refunds", charge=collect_by_hand(dunning)["id"])


def _posted(path: str) -> Callable[[Dunning], None]:
    return lambda dunning: dunning.bench.ask("POST", f"/v1/invoices/{dunning.invoice}/{path}") and None


@pytest.mark.parametrize(
    "act",
    [_refunded, _disputed, _paid_and_refunded, _posted("void"), _posted("mark_uncollectible")],
    ids=["refunded", "disputed", "paid and refunded", "void", "uncollectible"],
)
@pytest.mark.parametrize("days", [0.5, 1.5, 6.0])
def test_row_42_what_is_not_owed_any_more_is_neither_tried_nor_written_about(
    act: Callable[[Dunning], None], days: float
) -> None:
    dunning = Dunning(then="do_not_honor").opened()
    dunning.play(days=days)
    before = len(dunning.ours()), len(dunning.mails)

    act(dunning)
    dunning.play()

    assert dunning.ending is Ending.SETTLED
    assert (len(dunning.ours()), len(dunning.mails)) == before


def test_row_42_who_cancels_in_between_is_not_dunned() -> None:
    dunning = Dunning(then="do_not_honor").opened()
    dunning.play(days=1.5)
    before = len(dunning.ours()), len(dunning.mails)

    dunning.bench.ask("DELETE", f"/v1/subscriptions/{dunning.subscription}")
    dunning.play()

    assert dunning.ending is Ending.CANCELED
    assert (len(dunning.ours()), len(dunning.mails)) == before


def test_row_43_what_is_left_after_a_part_was_paid_is_what_is_charged_and_written() -> None:
    dunning = Dunning().opened()
    collect_by_hand(dunning, 1800)

    dunning.play()

    assert paid(dunning) == [1800, 3200]
    assert dunning.mails[0].values["amount"] == {"amount": 3200, "currency": "USD"}
    assert [one.amount for one in dunning.of_kind(Kind.CHARGE)] == [3200]


def test_row_43_a_credit_lowers_what_is_charged() -> None:
    dunning = Dunning().opened()
    dunning.play(days=0.5)

    dunning.bench.ask("POST", "/v1/credit_notes", invoice=dunning.invoice, amount=1500)
    dunning.play()

    assert paid(dunning) == [3500]


def test_row_43_a_part_that_is_paid_while_the_try_is_claimed_is_not_charged_again() -> None:
    dunning = Dunning().opened()
    dunning.points.append(("pay_invoice", "before", lambda: collect_by_hand(dunning, 1800)))

    dunning.play()

    assert paid(dunning) == [1800, 3200]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(["jpy", "kwd", "usd", "isk"]), st.integers(1, 90_000))
def test_row_44_amounts_are_minor_units_of_their_currency_from_the_invoice_to_the_mail(
    currency: str, units: int
) -> None:
    """Krónur have no minor unit and are told in hundredths; of a dinar's three decimals the last is 0."""
    told = {"jpy": units, "kwd": units * 10, "usd": units, "isk": units * 100}[currency]
    minor = units if currency == "isk" else told
    dunning = Dunning(currency=currency, amount=max(told, 50)).opened()

    dunning.play()

    due = dunning.bench.ask("GET", f"/v1/invoices/{dunning.invoice}")["amount_due"]
    [claim] = dunning.of_kind(Kind.CHARGE_CLAIMED)
    assert paid(dunning) == [due]
    assert claim.amount == (due // 100 if currency == "isk" else due)
    if told >= 50:
        assert claim.amount == minor
    assert claim.currency == currency.upper()
    assert minor_digits(claim.currency) == {"jpy": 0, "kwd": 3, "usd": 2, "isk": 0}[currency]
    assert dunning.mails[0].values["amount"] == {"amount": claim.amount, "currency": claim.currency}


def test_row_58_of_two_unpaid_invoices_the_other_is_collected_once_the_earliest_is_paid() -> None:
    dunning, later = two_unpaid()
    dunning.failed(later)
    assert dunning.facts().unpaid[0].id == dunning.invoice

    collect_by_hand(dunning)
    dunning.bench.script(dunning.customer, then="succeed")
    dunning.play()

    assert len(dunning.episodes.all()) == 1
    assert dunning.ending is Ending.RECOVERED
    assert f"{later}:first" in dunning.steps_mailed()
    assert paid(dunning, later) == [7000]


@pytest.mark.parametrize("after", ["canceled", "given up", "paused"])
def test_row_58_the_other_invoice_is_collected_also_when_the_earliest_cannot_be(after: str) -> None:
    dunning, later = two_unpaid()
    pause = {"pause_collection": {"behavior": "keep_as_draft"}}
    if after == "canceled":
        dunning.bench.ask("DELETE", f"/v1/subscriptions/{dunning.subscription}")
    elif after == "paused":
        dunning.bench.ask("POST", f"/v1/subscriptions/{dunning.subscription}", **pause)
    else:
        dunning.play(until=lambda: bool(dunning.of_kind(Kind.CANCELED)))

    dunning.bench.script(dunning.customer, then="succeed")
    dunning.play()

    assert paid(dunning, later) == [7000]
    assert paid(dunning) == []
    expected = {"canceled": Ending.CANCELED, "given up": Ending.EXHAUSTED, "paused": Ending.PAUSED}
    assert dunning.ending is expected[after]


@pytest.mark.parametrize("owner", list(CollectionOwner))
def test_row_58_an_invoice_that_is_left_at_its_end_keeps_no_other_from_being_collected(
    owner: CollectionOwner,
) -> None:
    dunning, later = two_unpaid(policy=with_(end=Final.LEAVE), owner=owner)

    dunning.play(until=lambda: bool(dunning.of_kind(Kind.LEFT)))
    dunning.bench.script(dunning.customer, then="succeed")
    dunning.play()

    assert [one.invoice for one in dunning.of_kind(Kind.LEFT)] == [dunning.invoice]
    if owner is CollectionOwner.OWN:
        assert dunning.ending is Ending.EXHAUSTED
        assert (f"{later}:final_notice" in dunning.steps_mailed()) or paid(dunning, later) == [7000]
    else:
        assert dunning.ending is Ending.UNRESOLVED
        assert dunning.ours() == []
    told = [one for one in dunning.steps_mailed() if one.endswith(":final_notice")]
    assert len(told) == len(set(told))


def test_row_58_two_invoices_that_are_left_are_both_told_of_until_their_end() -> None:
    dunning, later = two_unpaid(policy=with_(end=Final.LEAVE))

    dunning.play()

    assert (dunning.ending, dunning.row.ending_reason) == (Ending.EXHAUSTED, "not_collected")
    assert [one.invoice for one in dunning.of_kind(Kind.LEFT)] == [dunning.invoice]  # the last one ends it
    steps = {(one.invoice, one.step) for one in dunning.of_kind(Kind.MAIL)}
    assert {(dunning.invoice, "final_notice"), (later, "final_notice")} <= steps
    assert dunning.of_kind(Kind.CANCELED) == []
    subscriptions = dunning.bench.provider.world.store.all("subscription")
    assert {one["status"] for one in subscriptions} == {"past_due"}


def test_row_58_two_subscriptions_that_cannot_be_collected_for_both_end() -> None:
    dunning, later = two_unpaid()

    dunning.play()

    assert dunning.ending is Ending.EXHAUSTED
    claimed = {one.invoice: one.amount for one in dunning.of_kind(Kind.CHARGE_CLAIMED)}
    assert claimed == {dunning.invoice: 5000, later: 7000}
    canceled = dunning.of_kind(Kind.CANCELED)
    assert [one.invoice for one in canceled] == [dunning.invoice, later]
    assert len({one.key for one in canceled}) == 2
    subscriptions = dunning.bench.provider.world.store.all("subscription")
    assert {one["status"] for one in subscriptions} == {"canceled"}


def provider_duns() -> Bench:
    """A provider that tries three times by itself."""
    bench = memory_bench()
    standing.set_dunning(bench.provider.world, owner="provider", retries_days=[1, 2, 3], then="leave")
    return bench


@pytest.mark.parametrize("owner", list(CollectionOwner))
def test_row_59_what_the_provider_tries_by_itself_is_tried_by_nobody_else(owner: CollectionOwner) -> None:
    dunning = Dunning(owner=owner, then="do_not_honor", bench=provider_duns()).opened()

    dunning.play()

    theirs = [one["created"] for one in dunning.charges() if one["_key"] is None]
    ours = [one["created"] for one in dunning.ours()]
    assert len(theirs) == 4
    assert min(ours, default=theirs[-1] + 1) > theirs[-1]
    assert (ours != []) is (owner is CollectionOwner.OWN)
    assert len(dunning.steps_mailed()) == len(set(dunning.steps_mailed()))
    assert (dunning.mails == []) is (owner is CollectionOwner.OBSERVE)
    canceled = dunning.bench.ask("GET", f"/v1/subscriptions/{dunning.subscription}")["status"] == "canceled"
    assert canceled is (owner is CollectionOwner.OWN)


def test_row_59_who_becomes_an_onlooker_in_between_neither_charges_nor_writes_any_more() -> None:
    dunning = Dunning(then="do_not_honor").opened()
    dunning.play(days=1.5)
    before = len(dunning.ours()), len(dunning.mails)

    dunning.owner = CollectionOwner.OBSERVE
    dunning.play()

    assert (len(dunning.ours()), len(dunning.mails)) == before
    assert dunning.ending is Ending.UNRESOLVED
