"""Whether a night may be scored: each check at its bounds, and what an unmet one does."""

from statistics import median

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.as_of import end_of_day_ms, parse_as_of
from stemtide.calls import DAY_MS
from stemtide.config_sweep import AccountCount, Check, Completeness, Failures, Freshness, Severity, Sweep
from stemtide.event_days import QUARTER_MS, EventDays, quarters_of
from stemtide.quality_gate import (
    CheckResult,
    Extracted,
    Night,
    Outcome,
    cause_of,
    checks_named,
    judge,
    marks_of,
    may_be_scored,
)

DAY = 20_526
NIGHT = "2026-03-14T23:59:59.999Z"
MINUTE = 60_000
GOOD = Extracted(accounts=4200, customers=4187, others=13, counted=4187)


def heard(*at: int) -> EventDays:
    return EventDays(quarters=tuple(sorted(quarters_of(at))))


def night(
    *,
    silent_min: float = 2,
    lag_min: float = 0,
    before: tuple[int, ...] = (),
    events: EventDays | None = None,
    **changes: object,
) -> Night:
    last = end_of_day_ms(DAY) - int(silent_min * MINUTE)
    return Night(
        night=NIGHT,
        as_of_ms=parse_as_of(NIGHT),
        extracted=Extracted(**{**{f: getattr(GOOD, f) for f in GOOD.__dataclass_fields__}, **changes}),
        events=heard(last) if events is None else events,
        lag_ms=int(lag_min * MINUTE),
        customers_before=before,
    )


def result(check: Check, found: Night, config: Sweep | None = None, *ignored: Check) -> CheckResult:
    [one] = [one for one in judge([found], config or Sweep(), ignored=ignored) if one.name is check]
    return one


def test_a_good_night_passes_every_check_in_order() -> None:
    results = judge([night()], Sweep())

    assert [one.name for one in results] == list(Check)
    assert {one.outcome for one in results} == {Outcome.PASSED}
    assert may_be_scored(results, NIGHT)
    assert marks_of(results, NIGHT) == ()
    assert [one.words for one in results] == [
        "latest event: 23:59 UTC, lag: 0 min",
        "no events are missing",
        "null rate: 0.0 %",
        "4,187 customers, no night before to compare with",
        "0 of 4,200 accounts could not be read",
    ]


@pytest.mark.parametrize(
    ("silent_min", "lag_min", "outcome"),
    [
        (120, 0, Outcome.PASSED),
        (135.1, 0, Outcome.FAILED),
        (2, 120, Outcome.PASSED),
        (2, 120.1, Outcome.FAILED),
    ],
)
def test_events_may_be_two_hours_old_and_the_consumers_two_hours_behind(
    silent_min: float, lag_min: float, outcome: Outcome
) -> None:
    found = result(Check.EVENT_DATA_FRESHNESS, night(silent_min=silent_min, lag_min=lag_min))

    assert found.outcome is outcome


def test_a_silence_that_came_at_that_hour_of_two_weeks_is_usual_and_one_of_one_week_is_not() -> None:
    def quiet_nights(*ago: int) -> EventDays:
        """Events around the clock, but not on the evenings so many days ago."""
        ends = {
            day: end_of_day_ms(day) - (300 * MINUTE if DAY - day in (0, *ago) else 0)
            for day in range(DAY - 40, DAY + 1)
        }
        return heard(*(at for day, end in ends.items() for at in range(day * DAY_MS, end, QUARTER_MS)))

    outcomes = {
        ago: result(Check.EVENT_DATA_FRESHNESS, night(events=quiet_nights(*ago))).outcome
        for ago in [(), (7,), (7, 14), (6, 13), (35,)]
    }

    assert outcomes == {
        (): Outcome.FAILED,
        (7,): Outcome.FAILED,
        (7, 14): Outcome.PASSED,
        (6, 13): Outcome.FAILED,
        (35,): Outcome.FAILED,
    }


def test_without_any_event_the_stream_is_stale() -> None:
    found = result(Check.EVENT_DATA_FRESHNESS, night(events=EventDays()))

    assert (found.outcome, found.words) == (Outcome.FAILED, "no event is on record")


def test_events_after_the_night_do_not_make_a_stale_evening_fresh() -> None:
    events = heard(DAY * DAY_MS, (DAY + 1) * DAY_MS, (DAY + 2) * DAY_MS)

    found = result(Check.EVENT_DATA_FRESHNESS, night(events=events))

    assert found.outcome is Outcome.FAILED


@pytest.mark.parametrize("ago", range(9))
def test_a_day_without_events_marks_the_scores_of_the_week_after(ago: int) -> None:
    events = heard(
        *(
            day * DAY_MS + number * QUARTER_MS
            for day in range(DAY - 40, DAY + 1)
            for number in range(96)
            if day != DAY - ago
        )
    )
    found = night(events=events)
    results = judge([found], Sweep())

    one = result(Check.RECENT_DAYS, found)

    assert may_be_scored(results, NIGHT) == (ago != 0)
    assert marks_of(results, NIGHT) == (("gate:recent_days",) if 1 <= ago <= 6 else ())
    assert one.outcome is (Outcome.WARNING if 1 <= ago <= 6 else Outcome.PASSED)
    assert one.words == (
        f"events are missing at the end of 2026-03-{14 - ago:02}"
        if 1 <= ago <= 6
        else "no events are missing"
    )


@pytest.mark.parametrize(("nulls", "outcome"), [(5, Outcome.PASSED), (6, Outcome.WARNING)])
def test_more_than_five_per_cent_without_a_key_column_is_a_warning_and_marks_the_scores(
    nulls: int, outcome: Outcome
) -> None:
    found = night(counted=100, nulls={"account": 0, "avg_dau_7d": nulls, "features_adopted": 1})
    results = judge([found], Sweep())

    one = result(Check.FEATURE_COMPLETENESS, found)

    assert one.outcome is outcome
    assert one.words == f"null rate: {nulls:.1f} % of avg_dau_7d"
    assert may_be_scored(results, NIGHT)
    assert marks_of(results, NIGHT) == (("gate:feature_completeness",) if nulls > 5 else ())


@pytest.mark.parametrize(
    ("customers", "outcome"),
    [(3400, Outcome.PASSED), (3399, Outcome.FAILED), (4800, Outcome.PASSED), (4801, Outcome.FAILED)],
)
def test_the_number_of_customers_is_measured_by_the_nights_before(customers: int, outcome: Outcome) -> None:
    found = night(customers=customers, before=(4000, 3990, 4010, 9, 4100))

    assert result(Check.ACCOUNT_COUNT, found).outcome is outcome


@given(st.integers(0, 3000), st.lists(st.integers(0, 3000), max_size=12))
def test_a_number_passes_within_the_share_or_the_few_of_the_recent_median(
    customers: int, before: list[int]
) -> None:
    config = AccountCount(recent_nights=5)
    found = result(
        Check.ACCOUNT_COUNT,
        night(customers=customers, before=tuple(before)),
        Sweep(account_count=config),
    )

    usual = median(before[:5]) if before else customers
    near = abs(customers - usual) <= 25 or 0.85 * usual <= customers <= 1.2 * usual
    expected = near and not (customers == 0 < usual)
    assert (found.outcome is Outcome.PASSED) == expected


@pytest.mark.parametrize(
    ("failed", "accounts", "outcome"),
    [(5, 6, Outcome.PASSED), (6, 6, Outcome.FAILED), (42, 4200, Outcome.PASSED), (43, 4200, Outcome.FAILED)],
)
def test_few_accounts_may_be_unreadable(failed: int, accounts: int, outcome: Outcome) -> None:
    found = night(failed=failed, accounts=accounts, first_failed="acme")

    one = result(Check.EXTRACTION_FAILURES, found)

    assert one.outcome is outcome
    assert one.words == f"{failed} of {accounts:,} accounts could not be read, the first: acme"


def test_what_is_configured_decides() -> None:
    config = Sweep(
        event_data_freshness=Freshness(max_stale_minutes=1, severity=Severity.WARNING),
        feature_completeness=Completeness(columns=("mrr",), max_null_pct=0.0, severity=Severity.CRITICAL),
        extraction_failures=Failures(max_failed_pct=0.0, few=0),
    )

    results = judge([night(silent_min=20, nulls={"mrr": 1}, failed=1)], config)

    assert [one.outcome for one in results] == [
        Outcome.WARNING,
        Outcome.PASSED,
        Outcome.FAILED,
        Outcome.PASSED,
        Outcome.FAILED,
    ]
    assert marks_of(results, NIGHT) == ("gate:event_data_freshness",)
    assert cause_of(results) == (
        "the quality gate tripped: feature_completeness of 2026-03-14 (null rate: 0.0 % of mrr); "
        "extraction_failures of 2026-03-14 (1 of 4,200 accounts could not be read)"
    )


def test_a_person_may_let_an_unmet_check_pass_and_the_scores_say_so() -> None:
    found = night(silent_min=500, failed=4000)

    results = judge([found], Sweep(), ignored=[Check.EVENT_DATA_FRESHNESS, Check.EXTRACTION_FAILURES])

    assert may_be_scored(results, NIGHT)
    assert marks_of(results, NIGHT) == ("gate:event_data_freshness", "gate:extraction_failures")
    assert result(Check.ACCOUNT_COUNT, night(), None, Check.ACCOUNT_COUNT).outcome is Outcome.PASSED


def test_a_night_that_trips_does_not_keep_another_from_its_scores() -> None:
    other = "2026-03-15T23:59:59.999Z"
    good = of_night(night(), other)

    results = judge([night(silent_min=500), good], Sweep())

    assert (may_be_scored(results, NIGHT), may_be_scored(results, other)) == (False, True)


def of_night(found: Night, as_of: str) -> Night:
    at = parse_as_of(as_of)
    return Night(
        night=as_of,
        as_of_ms=at,
        extracted=found.extracted,
        events=heard(at),
        lag_ms=0,
    )


def test_checks_are_named_or_refused() -> None:
    assert checks_named(["account_count"]) == (Check.ACCOUNT_COUNT,)
    with pytest.raises(ValueError, match=r"'workspace_count' is no check .*: known are event"):
        checks_named(["workspace_count"])


def test_a_result_is_plain_data() -> None:
    [one, *_] = judge([night()], Sweep())

    assert msgspec.convert(msgspec.to_builtins(one), type=CheckResult) == one
