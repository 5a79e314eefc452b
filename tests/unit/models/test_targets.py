"""The protocol's rules, one by one, on accounts of a few days. Day 100 is the snapshot if none is given."""

import numpy as np
import pytest
from stemtide_cli.mapping_training import Kind, Population, Snapshots, Target

from models.targets import (
    BaseTerm,
    Enrolment,
    Outcomes,
    PlayOutcome,
    Window,
    happened,
    is_in_population,
    known_on,
    snapshot_days,
    split_day,
)

CHURN = Target(kind=Kind.SUBSCRIPTION_ENDED, horizon_days=30)
UPSELL = Target(kind=Kind.UPGRADED, horizon_days=30)
SILENT = Target(kind=Kind.SILENT, horizon_days=28)
WITHDRAWN = Target(kind=Kind.WITHDRAWN, horizon_days=28)
RENEWAL = Target(kind=Kind.NOT_RENEWED, horizon_days=60)
REACTIVATED = Target(kind=Kind.OUTCOME, horizon_days=30, outcome="reactivated")
SUBSCRIBED = Population(subscribed=True)


def active(*days: int) -> Outcomes:
    return Outcomes(active=np.array(sorted(days), dtype=np.int64))


def with_terms(*terms: tuple[int, int | None, int | None]) -> Outcomes:
    found = tuple(BaseTerm(start=start, ends=ends, tier=tier) for start, ends, tier in terms)
    return Outcomes(active=np.array([], dtype=np.int64), terms=found)


def with_plays(*told: tuple[int, str]) -> Outcomes:
    plays = tuple(PlayOutcome(day=day, outcome=outcome) for day, outcome in told)
    return Outcomes(active=np.array([], dtype=np.int64), plays=plays)


def enrolled(registered: int | None, left: int | None, *days: int) -> Outcomes:
    return Outcomes(
        active=np.array(days, dtype=np.int64), enrolment=Enrolment(registered=registered, left=left)
    )


@pytest.mark.parametrize(
    ("ends", "expected"),
    [(99, False), (100, False), (101, True), (130, True), (131, False), (None, False)],
)
def test_churn_is_the_last_term_running_out_after_the_snapshot_and_within_the_horizon(
    ends: int | None, expected: bool
) -> None:
    assert happened(CHURN, with_terms((71, ends, None)), 100) is expected


def test_a_term_that_a_later_one_follows_is_no_churn_even_after_a_gap() -> None:
    assert not happened(CHURN, with_terms((71, 102, None), (105, 136, None)), 100)
    assert happened(CHURN, with_terms((71, 102, None), (105, 136, None)), 110)


@pytest.mark.parametrize(
    ("day", "expected"), [(70, False), (71, True), (101, True), (102, False), (103, False)]
)
def test_a_subscriber_has_a_term_that_began_by_the_end_of_the_day_and_has_not_run_out(
    day: int, expected: bool
) -> None:
    assert is_in_population(SUBSCRIBED, CHURN, with_terms((71, 102, None)), day) is expected


def test_another_plan_replaces_the_running_one_even_if_the_former_was_paid_for_longer() -> None:
    account = with_terms((10, 375, 0), (50, 81, 1))

    assert is_in_population(SUBSCRIBED, CHURN, account, 80)
    assert not is_in_population(SUBSCRIBED, CHURN, account, 81)


@pytest.mark.parametrize(("start", "expected"), [(100, False), (101, True), (130, True), (131, False)])
def test_an_upgrade_is_a_higher_tier_that_starts_within_the_horizon(start: int, expected: bool) -> None:
    assert happened(UPSELL, with_terms((70, start, 1), (start, start + 31, 2)), 100) is expected


@pytest.mark.parametrize("tier", [0, 1, None])
def test_the_same_a_lower_or_an_unknown_tier_is_no_upgrade(tier: int | None) -> None:
    assert not happened(UPSELL, with_terms((70, 110, 1), (110, 140, tier)), 100)


def test_who_has_no_tier_yet_does_not_move_to_a_higher_one() -> None:
    assert not happened(UPSELL, with_terms((110, 140, 2)), 100)
    assert not happened(UPSELL, with_terms((70, 110, None), (110, 140, 2)), 100)
    assert not happened(UPSELL, with_terms((40, 60, 2), (70, 110, 1)), 100)
    assert not happened(UPSELL, with_terms((100, 130, 2), (100, 130, 1)), 100)


@pytest.mark.parametrize(("start", "expected"), [(60, True), (86, True), (87, False)])
def test_tenure_counts_whole_days_from_the_first_term(start: int, expected: bool) -> None:
    population = Population(subscribed=True, min_tenure_days=14)

    assert is_in_population(population, CHURN, with_terms((start, 200, None)), 100) is expected


def test_tenure_begins_with_the_first_of_all_terms() -> None:
    population = Population(min_tenure_days=40)

    assert is_in_population(population, CHURN, with_terms((60, 91, None), (91, 200, None)), 100)
    assert not is_in_population(population, CHURN, with_terms((61, 91, None), (91, 200, None)), 100)
    assert not is_in_population(population, CHURN, with_terms(), 100)


@pytest.mark.parametrize(("day", "expected"), [(72, False), (73, True), (100, True), (101, False)])
def test_active_within_28_days_means_the_snapshot_and_the_27_days_before(day: int, expected: bool) -> None:
    target = Target(kind=Kind.SILENT, horizon_days=28, active_within_days=28)

    assert is_in_population(Population(), target, active(day), 100) is expected


def test_a_number_of_active_days_is_counted_within_its_window() -> None:
    population = Population(active_within_days=90, min_active_days=2, min_active_days_within=720)

    assert is_in_population(population, SILENT, active(281, 990), 1000)
    assert is_in_population(population, SILENT, active(281, 600, 990), 1000)
    assert not is_in_population(population, SILENT, active(280, 990), 1000)
    assert not is_in_population(population, SILENT, active(281, 910), 1000)


@pytest.mark.parametrize(("day", "expected"), [(100, True), (101, False), (128, False), (129, True)])
def test_silence_is_no_event_in_the_whole_horizon(day: int, expected: bool) -> None:
    assert happened(SILENT, active(day), 100) is expected


def test_silence_may_include_leaving() -> None:
    target = Target(kind=Kind.SILENT, horizon_days=28, or_withdrawn=True)

    assert happened(target, enrolled(50, 128, 101), 100)
    assert not happened(target, enrolled(50, 129, 101), 100)
    assert not happened(SILENT, enrolled(50, 128, 101), 100)


@pytest.mark.parametrize(
    ("left", "expected"), [(99, False), (100, False), (101, True), (128, True), (129, False)]
)
def test_withdrawal_is_leaving_within_the_horizon(left: int, expected: bool) -> None:
    assert happened(WITHDRAWN, enrolled(50, left), 100) is expected


@pytest.mark.parametrize(
    ("registered", "left", "expected"),
    [
        *((100, None, True), (101, None, False), (None, None, False)),
        *((50, 99, False), (50, 100, False), (50, 101, True)),
    ],
)
def test_enrolled_is_who_registered_by_the_end_of_the_day_and_has_not_left(
    registered: int | None, left: int | None, expected: bool
) -> None:
    population = Population(enrolled=True)

    assert is_in_population(population, WITHDRAWN, enrolled(registered, left), 100) is expected


@pytest.mark.parametrize(
    ("ends", "expected"), [(None, False), (100, False), (101, True), (160, True), (161, False)]
)
def test_a_renewal_is_at_stake_where_the_running_term_runs_out_within_the_horizon(
    ends: int | None, expected: bool
) -> None:
    assert is_in_population(Population(), RENEWAL, with_terms((71, ends, None)), 100) is expected


def test_no_renewal_is_at_stake_before_a_term_begins_or_without_any() -> None:
    assert not is_in_population(Population(), RENEWAL, with_terms((101, 120, None)), 100)
    assert not is_in_population(Population(), RENEWAL, with_terms(), 100)


@pytest.mark.parametrize(("start", "renewed"), [(101, True), (120, True), (134, True), (135, False)])
def test_a_renewal_begins_by_the_end_of_the_term_and_its_days_of_grace(start: int, renewed: bool) -> None:
    account = with_terms((71, 120, 1), (start, None, 0))

    assert happened(RENEWAL, account, 100) is not renewed


def test_the_terms_up_to_the_snapshot_are_no_renewal() -> None:
    assert happened(RENEWAL, with_terms((40, 71, 1), (71, 120, 1)), 100)
    assert happened(RENEWAL, with_terms((71, 120, 1)), 71)
    assert not happened(RENEWAL, with_terms((71, 120, 1), (100, 131, 1), (131, 160, 1)), 100)


@pytest.mark.parametrize(("grace", "renewed"), [(0, False), (2, False), (3, True)])
def test_the_grace_is_the_target_s(grace: int, renewed: bool) -> None:
    target = Target(kind=Kind.NOT_RENEWED, horizon_days=60, grace_days=grace)
    account = with_terms((71, 120, None), (123, None, None))

    assert happened(target, account, 100) is not renewed
    assert known_on(target, account, 100) == 120 + grace


def test_the_outcome_of_a_renewal_is_known_when_the_grace_is_over_and_others_when_the_horizon_is() -> None:
    account = with_terms((71, 120, None))

    assert known_on(RENEWAL, account, 100) == 134
    assert known_on(RENEWAL, with_terms((71, None, None)), 100) == 160
    assert known_on(RENEWAL, with_terms(), 100) == 160
    assert known_on(CHURN, account, 100) == 130


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ((), False),
        (((101, "offered"),), False),
        (((100, "offered"),), True),
        (((90, "reactivated"),), False),
        (((90, "reactivated"), (95, "offered")), True),
        (((90, "offered"), (95, "declined"), (110, "reactivated")), True),
        (((90, "offered"), (95, "reactivated"), (110, "offered")), False),
    ],
)
def test_an_outcome_is_at_stake_where_a_play_is_known_whose_last_word_was_another(
    told: tuple[tuple[int, str], ...], expected: bool
) -> None:
    assert is_in_population(Population(), REACTIVATED, with_plays(*told), 100) is expected


@pytest.mark.parametrize(("day", "expected"), [(100, False), (101, True), (130, True), (131, False)])
def test_an_outcome_is_one_that_becomes_known_within_the_horizon(day: int, expected: bool) -> None:
    assert happened(REACTIVATED, with_plays((90, "offered"), (day, "reactivated")), 100) is expected
    assert not happened(REACTIVATED, with_plays((90, "offered"), (day, "declined"), (day, "referred")), 100)
    assert not happened(REACTIVATED, with_plays((90, "reactivated"), (95, "offered")), 100)


def test_what_was_known_last_counts_the_end_of_the_day() -> None:
    account = with_plays((90, "offered"), (90, "declined"), (92, "offered"))

    assert [account.last_outcome(day) for day in (89, 90, 91, 92)] == [
        None,
        "declined",
        "declined",
        "offered",
    ]


def test_snapshots_lie_in_the_time_that_was_observed() -> None:
    window = Window(origin=1000, observed=1065)

    assert list(snapshot_days(Snapshots(every_days=10, first_day=35), window)) == [1035, 1045, 1055, 1065]
    assert list(snapshot_days(Snapshots(every_days=31, first_day=35), window)) == [1035]
    assert list(snapshot_days(Snapshots(every_days=1, first_day=66), window)) == []


def test_a_log_is_divided_at_65_percent_of_its_days() -> None:
    assert split_day(1000, 1100) == 1065
    assert split_day(1000, 1003) == 1001
