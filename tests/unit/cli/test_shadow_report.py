"""What would have happened had nothing been in shadow."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from stemtide.as_of import as_of_text, end_of_day_ms
from stemtide.config_shadow import Capability
from stemtide.scoring.assessment import AT_RISK, Assessment, Basis, Trigger, tier_of
from stemtide.shadow import Withheld
from stemtide.store.record_keys import StoredScore
from stemtide_cli.shadow_report import AccountRows, crossings_of, report

DAY = 20_526


def stored(day: int, score: int | None, *shadow: str, account: str = "a") -> StoredScore:
    return StoredScore(
        account=account,
        assessment=Assessment(
            basis=Basis.MODEL,
            completeness=1.0,
            score=score,
            tier=None if score is None else tier_of(score),
            shadow=shadow,
        ),
        as_of_ms=end_of_day_ms(day),
        scored_at_ms=end_of_day_ms(day) + 1,
        trigger=Trigger.SCHEDULE,
        model_version="v1",
        vector=b"",
    )


def rows(*scores: StoredScore, before: StoredScore | None = None, **changes: Any) -> AccountRows:
    return AccountRows(**{"account": "a", "before": before, "scores": scores, "withheld": (), **changes})


def change(day: int, tier: str, *, account: str = "a", because: str = "model") -> Withheld:
    as_of = as_of_text(end_of_day_ms(day))
    said = {"account": account, "as_of": as_of, "tier": tier, "previous": "low", "score": 60}
    return Withheld(
        id=f"{account}{day}",
        account=account,
        as_of=as_of,
        event="RiskTierChanged",
        capabilities=(Capability.CHURN_ALERTS,),
        reason="shadow",
        because=because,
        detail=said | {"previous_score": 10, "model_version": "v1", "trigger": "schedule"},
    )


def drop(day: int, rule: str) -> Withheld:
    made = change(day, "low")
    return Withheld(
        id=f"{rule}{day}",
        account="a",
        as_of=made.as_of,
        event="UsageDropDetected",
        capabilities=made.capabilities,
        reason="shadow",
        because="capability",
        detail={"rule": rule},
    )


def test_a_score_that_reaches_at_risk_in_shadow_would_have_been_an_alert() -> None:
    [found] = crossings_of(rows(stored(DAY, 64, "churn_alerts"), stored(DAY + 1, 65, "churn_alerts")))

    assert (found.account, found.previous_score, found.score) == ("a", 64, 65)
    assert found.as_of == as_of_text(end_of_day_ms(DAY + 1))


def test_who_stays_at_risk_is_no_second_alert_and_who_comes_back_is() -> None:
    scores = [stored(DAY + i, score, "model") for i, score in enumerate((70, 90, 66, 20, 80))]

    assert [one.score for one in crossings_of(rows(*scores))] == [70, 80]
    assert [one.score for one in crossings_of(rows(*scores, before=stored(DAY - 1, 65)))] == [80]


def test_what_was_live_was_an_alert_and_would_not_have_been_one() -> None:
    assert list(crossings_of(rows(stored(DAY, 10), stored(DAY + 1, 90)))) == []
    assert list(crossings_of(rows(stored(DAY, 10), stored(DAY + 1, 90, "upsell")))) == []


def test_a_score_in_shadow_after_a_live_one_at_risk_is_no_crossing() -> None:
    assert list(crossings_of(rows(stored(DAY, 90), stored(DAY + 1, 91, "model")))) == []


def test_instants_without_a_score_are_passed_over() -> None:
    scores = rows(stored(DAY, 90, "model"), stored(DAY + 1, None, "model"), stored(DAY + 2, 90, "model"))

    assert [one.score for one in crossings_of(scores)] == [90]


@given(st.lists(st.tuples(st.integers(0, 100), st.booleans()), max_size=30))
def test_crossings_are_the_rises_to_at_risk_while_in_shadow(course: list[tuple[int, bool]]) -> None:
    scores = [
        stored(DAY + i, score, *(["model"] if shadow else [])) for i, (score, shadow) in enumerate(course)
    ]

    found = [one.as_of for one in crossings_of(rows(*reversed(scores)))]

    expected = [
        as_of_text(now.as_of_ms)
        for was, now in pairwise([stored(DAY - 1, 0), *scores])
        if (now.assessment.score or 0) >= AT_RISK > (was.assessment.score or 0) and now.assessment.shadow
    ]
    assert found == expected


def test_the_report_counts_by_day_and_tier_and_names_accounts() -> None:
    found = report(
        [
            rows(
                stored(DAY, 70, "model"),
                withheld=[change(DAY, "high"), drop(DAY, "api_calls_down")],
            ),
            rows(
                stored(DAY, 30, "model", account="b"),
                account="b",
                withheld=[change(DAY, "medium", account="b"), change(DAY + 1, "high", account="b")],
            ),
            rows(account="c"),
        ]
    )

    first, second = found["days"]
    assert first == {
        "date": "2026-03-14",
        "tier_changes": {"low": 0, "medium": 1, "high": 1, "critical": 0},
        "drops": {"api_calls_down": 1},
        "accounts": 2,
        "would_have_alerted": 1,
    }
    assert (second["date"], second["accounts"], second["would_have_alerted"]) == ("2026-03-15", 1, 0)
    assert [(one["account"], one["tier"], one["because"]) for one in found["tier_changes"]] == [
        ("a", "high", "model"),
        ("b", "medium", "model"),
        ("b", "high", "model"),
    ]
    assert [one["account"] for one in found["would_have_alerted"]] == ["a"]
    assert (found["accounts_in_shadow"], found["at_risk"], found["alert_at"]) == (2, ["a"], 65)


def test_without_anything_in_shadow_there_is_nothing_to_report() -> None:
    found = report([rows(stored(DAY, 90))])

    assert (found["days"], found["tier_changes"], found["would_have_alerted"]) == ([], [], [])
