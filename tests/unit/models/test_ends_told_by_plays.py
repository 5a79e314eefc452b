"""What plays say of ends of subscriptions, rule by rule, at the snapshot of day 100."""

from dataclasses import replace

import numpy as np
import pytest
from stemtide_cli.mapping_training import Kind, Target

from models.targets import BaseTerm, OfEnd, Outcomes, PlayOutcome, decided_on, happened

DAY = 100
CHURN = Target(kind=Kind.SUBSCRIPTION_ENDED, horizon_days=30)
RENEWAL = Target(kind=Kind.NOT_RENEWED, horizon_days=60, grace_days=14)
UPSELL = Target(kind=Kind.UPGRADED, horizon_days=30)
OTHER = PlayOutcome(day=140, outcome="saved")
"""Of a retention play, which is about no end."""


def account(*terms: tuple[int, int | None], plays: tuple[PlayOutcome, ...] = ()) -> Outcomes:
    found = tuple(BaseTerm(start=start, ends=ends, tier=1) for start, ends in terms)
    return Outcomes(active=np.empty(0, dtype=np.int64), terms=found, plays=plays)


def lost(ended: int, *, day: int = 200) -> PlayOutcome:
    return PlayOutcome(day=day, outcome="lost", of_end=OfEnd(ended=ended, until=ended + 60, is_lost=True))


def back(ended: int, until: int, *, day: int = 200) -> PlayOutcome:
    return PlayOutcome(day=day, outcome="reactivated", of_end=OfEnd(ended=ended, until=until, is_lost=False))


def churns(of: Outcomes, known: Outcomes | None = None) -> bool:
    return happened(CHURN, of, DAY, known=known)


def is_not_renewed(of: Outcomes) -> bool:
    return happened(RENEWAL, of, DAY)


@pytest.mark.parametrize(
    ("ended", "expected"), [(99, False), (100, False), (101, True), (130, True), (131, False)]
)
def test_who_was_lost_within_the_horizon_has_left_though_it_came_back_later(
    ended: int, expected: bool
) -> None:
    assert churns(account((71, ended), (150, None), plays=(lost(ended),))) is expected


def test_among_several_plays_one_that_lost_the_customer_is_enough() -> None:
    assert churns(account((71, 110), (150, None), plays=(OTHER, lost(110), back(300, 310))))
    assert not churns(account((71, 110), (150, None), plays=(OTHER, back(110, 120))))


@pytest.mark.parametrize(
    ("begun", "expected"), [(94, True), (95, False), (100, False), (101, True), (None, True)]
)
def test_a_loss_before_the_snapshot_counts_where_nobody_knew_unless_it_has_begun_again(
    begun: int | None, expected: bool
) -> None:
    terms = [(71, 95)] if begun is None else [(71, 95), (begun, None)]

    assert churns(account(*terms, plays=(lost(95),)), known=account((71, None))) is expected


def test_a_loss_before_the_snapshot_that_was_known_of_is_over() -> None:
    assert not churns(account((71, 95), (150, None), plays=(lost(95),)), known=account((71, 95)))


@pytest.mark.parametrize(("until", "expected"), [(109, True), (110, False), (111, False)])
def test_who_came_back_after_the_last_end_has_not_left(until: int, expected: bool) -> None:
    assert churns(account((71, 110), plays=(back(105, until),))) is expected


def test_a_term_without_an_end_is_left_by_nobody_whatever_a_play_says_of_a_return() -> None:
    assert not churns(account((71, None), plays=(back(105, 120),)))
    assert not churns(account(plays=(back(105, 120),)))


@pytest.mark.parametrize(
    ("ends", "known_end", "expected"),
    [
        (95, None, True),
        (95, 95, False),
        (100, None, True),
        (100, 100, False),
        (130, 130, True),
        (131, 131, False),
    ],
)
def test_an_end_before_the_snapshot_is_one_to_come_for_whoever_did_not_know_of_it(
    ends: int, known_end: int | None, expected: bool
) -> None:
    assert churns(account((71, ends)), known=account((71, known_end))) is expected


@pytest.mark.parametrize(("ended", "expected"), [(101, True), (134, True), (135, False)])
def test_a_customer_lost_by_the_end_of_the_grace_has_not_renewed_though_a_term_began(
    ended: int, expected: bool
) -> None:
    assert is_not_renewed(account((71, 120), (125, None), plays=(lost(ended),))) is expected


@pytest.mark.parametrize(("ended", "expected"), [(99, True), (100, True), (101, False), (120, False)])
def test_who_came_back_after_the_end_of_the_running_term_has_renewed(ended: int, expected: bool) -> None:
    assert is_not_renewed(account((71, 120), plays=(back(ended, 170),))) is expected


@pytest.mark.parametrize(("begun", "expected"), [(135, True), (140, True), (141, False)])
def test_a_return_after_the_end_of_a_later_term_is_no_renewal_of_this_one(begun: int, expected: bool) -> None:
    """The grace ends on day 134; the play is about an end on day 140."""
    assert is_not_renewed(account((71, 120), (begun, None), plays=(back(140, 170),))) is expected


def test_the_term_that_runs_is_not_its_own_renewal() -> None:
    assert is_not_renewed(account((100, 120)))
    assert not is_not_renewed(account((100, 120), plays=(back(120, 170),)))


@pytest.mark.parametrize(
    ("agreed", "expected"), [(71, True), (100, True), (101, False), (134, False), (135, True), (None, False)]
)
def test_a_renewal_is_a_bill_period_that_begins_in_time_not_a_change_amid_one(
    agreed: int | None, expected: bool
) -> None:
    change = BaseTerm(start=110, ends=None, tier=2, agreed=agreed)

    assert is_not_renewed(replace(account((71, 120)), terms=(*account((71, 120)).terms, change))) is expected


@pytest.mark.parametrize(("truth", "known", "expected"), [(2, 1, True), (1, 1, False), (1, 2, False)])
def test_an_upgrade_that_was_not_known_of_yet_comes_true_for_whoever_looked(
    truth: int, known: int, expected: bool
) -> None:
    def on_tier(tier: int) -> Outcomes:
        return Outcomes(active=np.empty(0, dtype=np.int64), terms=(BaseTerm(start=90, ends=None, tier=tier),))

    assert happened(UPSELL, on_tier(truth), DAY, known=on_tier(known)) is expected


def decided(target: Target, of: Outcomes) -> int:
    return decided_on(target, of, DAY, known=of)


@pytest.mark.parametrize("told", [120, 130, 131, 150])
def test_a_label_that_a_play_changed_is_known_from_the_day_of_the_play_on_or_the_horizon_s_end(
    told: int,
) -> None:
    assert decided(CHURN, account((71, 110), plays=(back(110, 115, day=told),))) == max(130, told)
    assert decided(CHURN, account((71, 110), (150, None), plays=(lost(110, day=told),))) == max(130, told)
    assert decided(RENEWAL, account((71, 120), plays=(back(120, 125, day=told),))) == max(134, told)


def test_a_label_that_plays_did_not_change_is_known_when_the_horizon_ends() -> None:
    assert decided(CHURN, account((71, 110), plays=(lost(110),))) == 130
    assert decided(CHURN, account((71, 110), plays=(OTHER,))) == 130
    assert decided(CHURN, account((71, 110))) == 130
    assert decided(UPSELL, account((71, 110), plays=(back(110, 115),))) == 130


def test_of_several_plays_the_last_that_changed_the_label_decides_when_it_is_known() -> None:
    changed, changed_again = back(110, 115, day=150), lost(110, day=160)

    assert decided(CHURN, account((71, 110), plays=(changed, OTHER))) == 150
    assert decided(CHURN, account((71, 110), plays=(OTHER, changed))) == 150
    assert decided(CHURN, account((71, 110), plays=(changed, changed_again))) == 160
    assert decided(CHURN, account((71, 110), plays=(changed, changed_again, replace(OTHER, day=170)))) == 160
