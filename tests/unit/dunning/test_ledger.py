"""The ledger tells what was tried, written and given up; with a gap it tells nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.dunning.declines import Decline
from stemtide.dunning.facts import Attempt, Mailed, Outcome
from stemtide.dunning.ledger import (
    Actor,
    Entry,
    Kind,
    LedgerGapError,
    attempts,
    given_up,
    left,
    mailed,
    whole,
)

AT = 1_767_603_600_000


def entry(seq: int, kind: Kind, **told: Any) -> Entry:
    return Entry(seq=seq, at_ms=AT + seq, kind=kind, **told)


def claim(seq: int, key: str = "k") -> Entry:
    return entry(seq, Kind.CHARGE_CLAIMED, key=key, invoice="in_1", card="fp_1")


def result(seq: int, outcome: Outcome, key: str = "k", **told: Any) -> Entry:
    return entry(seq, Kind.CHARGE, key=key, outcome=outcome, **told)


@given(st.permutations(range(1, 8)))
def test_entries_in_any_order_are_put_in_theirs(order: list[int]) -> None:
    found = whole(entry(seq, Kind.MAIL) for seq in order)

    assert [one.seq for one in found] == list(range(1, 8))


@given(st.integers(0, 6), st.integers(0, 6))
def test_a_gap_or_a_double_is_an_error_that_names_what_is_there(lost: int, doubled: int) -> None:
    entries = [entry(seq, Kind.MAIL) for seq in range(1, 8)]

    with pytest.raises(LedgerGapError, match="are not 1 to 8"):
        whole([*entries, entries[doubled]])
    if lost < 6:  # the last one may not have been written yet
        with pytest.raises(LedgerGapError, match="are not 1 to 6"):
            whole(entries[:lost] + entries[lost + 1 :])


def test_a_ledger_without_entries_is_whole() -> None:
    assert whole([]) == []


def test_a_claim_without_a_result_is_a_try_of_unknown_outcome() -> None:
    assert attempts([claim(2)]) == (
        Attempt(key="k", invoice="in_1", card="fp_1", at_ms=AT + 2, outcome=Outcome.CLAIMED),
    )


def test_a_decline_is_told_with_what_it_means_and_dated_by_its_claim() -> None:
    declined = result(3, Outcome.DECLINED, code="insufficient_funds", advice="24")

    assert attempts([claim(2), declined]) == (
        Attempt(
            key="k",
            invoice="in_1",
            card="fp_1",
            at_ms=AT + 2,
            outcome=Outcome.DECLINED,
            decline=Decline.SOFT,
            code="insufficient_funds",
            advice="24",
        ),
    )


def test_advice_decides_what_a_decline_means() -> None:
    [found] = attempts([claim(2), result(3, Outcome.DECLINED, code="insufficient_funds", advice="03")])

    assert found.decline is Decline.NEEDS_CARD


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED])
def test_what_was_not_declined_has_no_decline(outcome: Outcome) -> None:
    [found] = attempts([claim(2), result(3, outcome, code="lost_card")])

    assert (found.outcome, found.decline) == (outcome, None)


def test_a_result_without_an_outcome_leaves_it_unknown() -> None:
    [found] = attempts([claim(2), entry(3, Kind.CHARGE, key="k")])

    assert found.outcome is Outcome.CLAIMED


def test_a_try_that_was_taken_back_is_none_and_the_others_stay_in_order() -> None:
    entries = [
        claim(1, "a"),
        result(2, Outcome.DECLINED, "a"),
        claim(3, "b"),
        result(4, Outcome.WITHDRAWN, "b"),
        claim(5, "c"),
    ]

    assert [(one.key, one.outcome) for one in attempts(entries)] == [
        ("a", Outcome.DECLINED),
        ("c", Outcome.CLAIMED),
    ]


def test_only_charges_are_tries_and_only_mails_are_mails() -> None:
    outcomes = {Kind.CHARGE: Outcome.DECLINED}
    entries = [
        entry(seq, kind, key="k", step="s", invoice="in_1", outcome=outcomes.get(kind))
        for seq, kind in enumerate(Kind, start=1)
    ]

    assert [one.outcome for one in attempts(entries)] == [Outcome.DECLINED]
    assert [one.at_ms - AT for one in mailed(entries)] == [
        seq for seq, kind in enumerate(Kind, start=1) if kind in (Kind.MAIL, Kind.MAIL_SKIPPED)
    ]


def test_a_mail_needs_invoice_and_step_to_count() -> None:
    entries = [
        entry(1, Kind.MAIL, invoice="in_1", step="first"),
        entry(2, Kind.MAIL, invoice="in_1"),
        entry(3, Kind.MAIL, step="first"),
    ]

    assert mailed(entries) == (Mailed(invoice="in_1", step="first", at_ms=AT + 1),)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ((), False),
        ((Kind.OPENED, Kind.MAIL), False),
        ((Kind.CANCEL_CLAIMED,), True),
        ((Kind.CANCEL_CLAIMED, Kind.CANCELED), True),
        ((Kind.CANCEL_CLAIMED, Kind.CANCEL_WITHDRAWN), False),
        ((Kind.CANCEL_CLAIMED, Kind.CANCEL_WITHDRAWN, Kind.CANCEL_CLAIMED), True),
        ((Kind.CANCEL_CLAIMED, Kind.MAIL), True),
        ((Kind.CANCEL_CLAIMED, Kind.CANCEL_WITHDRAWN, Kind.ENDED), False),
    ],
)
def test_who_has_set_out_to_end_the_subscription_has_given_up(
    kinds: tuple[Kind, ...], expected: bool
) -> None:
    assert given_up(entry(seq, kind) for seq, kind in enumerate(kinds, start=1)) is expected


def test_whoever_is_not_named_was_the_product_itself() -> None:
    assert claim(1).actor is Actor.STEMTIDE


def test_what_was_left_is_told_by_its_invoice() -> None:
    entries = [entry(1, Kind.LEFT, invoice="in_1"), entry(2, Kind.LEFT), entry(3, Kind.MAIL, invoice="in_2")]

    assert left(entries) == {"in_1"}


def test_one_of_two_subscriptions_that_was_given_up_counts() -> None:
    ended = entry(1, Kind.CANCELED, provider_id="sub_1")
    taken_back = entry(2, Kind.CANCEL_WITHDRAWN, provider_id="sub_2")

    assert given_up([ended, taken_back])
    assert not given_up([taken_back])
