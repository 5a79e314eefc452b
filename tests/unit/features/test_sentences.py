"""Values in the words that a customer success manager reads."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.features.registry import BY_NAME, FEATURES, Feature

UNKNOWN = math.nan
EXAMPLES = [
    ("avg_dau_7d", 0.0, None, "no active users a day in the last 7 days"),
    ("avg_dau_7d", 1.0, None, "1 active user a day in the last 7 days"),
    ("avg_dau_7d", 0.04, None, "less than 0.1 active users a day in the last 7 days"),
    ("avg_dau_30d", 4.25, 12.4, "4.2 active users a day in the last 30 days (typical: 12)"),
    ("avg_dau_30d", 4.21, 4.19, "4.2 active users a day in the last 30 days"),
    ("avg_events_7d", 12345.6, None, "12,346 events a day in the last 7 days"),
    ("action_trend_ratio", 0.38, 1.0,
     "62 % fewer core actions in the last 7 days than its own 30-day average"),
    ("login_trend", 1.004, 1.0, "as many logins in the last 7 days as its own 30-day average"),
    ("api_against_usual", 0.38, None,
     "API calls of the last 7 days down 62 % against its own 12-week baseline"),
    ("api_against_usual", 1.5, None,
     "API calls of the last 7 days up 50 % against its own 12-week baseline"),
    ("api_against_usual", 4.0, None,
     "API calls of the last 7 days 4 times those of its own 12-week baseline"),
    ("logins_against_usual", 0.0, None, "no logins in the last 7 days, some in its own 12-week baseline"),
    ("logins_against_usual", 1.0, None,
     "as many logins in the last 7 days as in its own 12-week baseline"),
    ("events_deviation", -2.3, None,
     "events of the last 7 days below its own 11-week baseline, by 2.3 times its usual variation"),
    ("users_deviation", 1.04, None,
     "daily users of the last 7 days above its own 11-week baseline, by its usual variation"),
    ("users_deviation", 0.99, None, "daily users of the last 7 days within what is usual for the account"),
    ("recency_in_gaps", 1.04, None, "used as recently as usual for the account"),
    ("recency_in_gaps", 1.06, None, "not used for 1.1 times its usual pause"),
    ("action_trend_ratio", 0.0, 1.0, "no core actions in the last 7 days, some in the weeks before"),
    ("events_change_7d", 0.0, 0.0, "as many events as in the week before"),
    ("events_change_7d", -0.001, 0.0, "about as many events as in the week before"),
    ("events_change_7d", 2.04, 0.0, "events 3 times those of the week before"),
    ("api_change_7d", -0.62, 0.0, "API calls down 62 % against the week before"),
    ("api_change_7d", -0.999, 0.0, "API calls down 99 % against the week before"),
    ("api_change_7d", -1.0, 0.0, "no API calls, after some in the week before"),
    ("api_change_7d", 0.5, None, "API calls up 50 % against the week before"),
    ("api_calls_7d", 1.0, 1.0, "1 API call in the last 7 days"),
    ("active_days_7d", 0.0, 5.0, "active on none of the last 7 days (typical: 5)"),
    ("active_days_ew14", 0.301, 0.8, "30 % of days active, the last 14 days counting most (typical: 80 %)"),
    ("active_days_ew14", 0.001, None, "less than 1 % of days active, the last 14 days counting most"),
    ("seat_utilization", 0.2, 0.75, "20 % of the seats used in the last 30 days (typical: 75 %)"),
    ("seat_utilization", 1.2, None, "120 % of the seats used in the last 30 days"),
    ("features_adopted_change", -1.0, 0.0, "1 fewer feature in use than in the 30 days before"),
    ("features_adopted_change", 3.0, 0.0, "3 more features in use than in the 30 days before"),
    ("users_change", 1.0, None, "users up 100 % against the 30 days before"),
    ("days_since_last_login", 12.0, 1.0, "nobody has logged in for 12 days"),
    ("days_since_last_login", 1.0, 1.0, "nobody has logged in for 1 day"),
    ("days_since_last_login", 0.0, 1.0, "somebody logged in on the last day"),
    ("days_since_last_event", 90.0, 0.0, "not used for 90 days or more"),
    ("longest_gap_30d", 6.0, 2.0, "longest pause in the last 30 days: 6 days (typical: 2)"),
    ("account_age_days", 800.0, None, "account exists for 2.1 years"),
    ("account_age_days", 730.0, None, "account exists for 730 days"),
    ("account_age_days", 731.0, None, "account exists for 2 years"),
    ("tenure_days", 0.0, None, "customer since today"),
    ("mrr", 1999.5, None, "2,000 a month in recurring revenue"),
    ("mrr_change_last_period", 0.0, None, "the same monthly revenue as in the term before"),
    ("mrr_change_last_period", 0.001, None, "about the same monthly revenue as in the term before"),
    ("mrr_change_last_period", -1.0, None, "no monthly revenue, after some in the term before"),
    ("mrr_change_last_period", -0.2, None, "monthly revenue down 20 % against the term before"),
    ("mrr_change_last_period", 2.0, None, "monthly revenue 3 times that of the term before"),
    ("days_to_renewal", 9.0, None, "renewal in 9 days"),
    ("days_to_renewal", 1.0, None, "renewal tomorrow"),
    ("days_to_renewal", 0.0, None, "renewal is due"),
    ("term_months", 12.0, None, "12-month term"),
    ("history_days", 12.0, 90.0, "usage is known for 12 days"),
    ("users_commenting", 1.0, 4.0, "1 user commented in the last 30 days (typical: 4)"),
    ("top_user_share", 0.8, None, "80 % of the days on which users came in 30 days are those of one user"),
    ("champion_last_seen", 9.0, None, "the most frequent user was not there for 9 days"),
    ("champion_last_seen", 0.0, None, "the most frequent user was there"),
    ("seat_utilization_change", -0.12, None,
     "seats in use: 12 % of all seats fewer than in the 30 days before"),
    ("seat_utilization_change", 0.3, None, "seats in use: 30 % of all seats more than in the 30 days before"),
    ("seat_utilization_change", 0.0, None, "seats in use: about as many as in the 30 days before"),
    ("event_concentration", 0.5, None, "use is spread as over 2 event types used alike"),
    ("event_mix_shift", 0.25, None,
     "25 % of the events moved to other event types, against the 60 days before"),
    ("events_trend_ratio_90d_360d", 0.0, None, "no events in the last 90 days, some in the months before"),
    ("usage_trend_ratio_90d_360d", 1.0, None,
     "as many daily active users in the last 90 days as its own 360-day average"),
    ("events_against_last_year", 0.0, None,
     "no events in the last 28 days, some in the same weeks a year ago"),
    ("events_against_last_year", 1.0, None,
     "as many events in the last 28 days as in the same weeks a year ago"),
    ("events_against_last_year", 0.4, None,
     "60 % fewer events in the last 28 days than in the same weeks a year ago"),
    ("total_logins", 1.0, None, "1 login in the last 360 days"),
    ("users_rank", 0.125, None, "12 % of the accounts of its age have less: daily active users"),
    ("seats_limit_use", 1.1, None, "110 % of the limit of seats used"),
    ("seats_days_to_limit", 0.0, None, "the limit of seats is reached"),
    ("seats_days_to_limit", 12.0, None, "reaches the limit of seats in 12 days if use goes on growing"),
    ("seats_days_to_limit", 365.0, None, "the limit of seats is not in sight within a year"),
    ("ticket_sentiment_30d", -0.62, None,
     "support tickets sound negative (0.6 below 0 on a scale from -1 to 1)"),
    ("ticket_sentiment_30d", 0.1, None,
     "support tickets sound neutral (0.1 above 0 on a scale from -1 to 1)"),
    ("ticket_sentiment_30d", 0.0, None, "support tickets sound neutral (0 on a scale from -1 to 1)"),
    ("ticket_sentiment_30d", -0.04, None, "support tickets sound neutral (0 on a scale from -1 to 1)"),
    ("ticket_sentiment_trend", -0.5, None,
     "support tickets sound worse than before, by 0.5 on a scale from -1 to 1"),
    ("ticket_sentiment_trend", 0.05, None, "support tickets sound as before"),
    ("discount", 0.2, None, "pays 20 % less than the list price"),
    ("discount", -0.1, None, "pays 10 % more than the list price"),
    ("discount", 0.001, None, "pays the list price"),
    ("api_change_7d", UNKNOWN, 0.0, "the weekly change in API calls is unknown"),
    ("days_to_renewal", None, None, "when it renews is unknown"),
    ("avg_dau_7d", 1.5, UNKNOWN, "1.5 active users a day in the last 7 days"),
]  # fmt: skip
SIGNED = {
    "events_change_7d", "api_change_7d", "users_change", "features_adopted_change", "seat_utilization_change",
    "ticket_sentiment_30d", "ticket_sentiment_trend", "discount", "mrr_change_last_period",
}  # fmt: skip


@pytest.mark.parametrize(("name", "value", "baseline", "text"), EXAMPLES)
def test_a_value_reads_as_a_person_would_say_it(
    name: str, value: float | None, baseline: float | None, text: str
) -> None:
    assert BY_NAME[name].sentence(value, baseline) == text


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
@given(size=st.floats(0, 1e7), baseline=st.none() | st.floats(0, 1e5) | st.just(math.nan))
def test_no_value_breaks_a_sentence(feature: Feature, size: float, baseline: float | None) -> None:
    value = max(-1.0, -size) if feature.name in SIGNED and size < 1 else size
    value = float(round(value)) if feature.dtype == "whole" else value
    value = min(value, 1.0) if feature.name.endswith("_rank") else value

    text = feature.sentence(value, baseline)

    assert re.fullmatch(r"[A-Za-z0-9 %,.():-]+", text), text
    assert "-0" not in text
    assert "nan" not in text
    assert not re.search(r"(?<![\d.,])1 (days|users|logins|calls|features)\b", text), text
    assert not re.search(r"\b(\w+) \1\b|(?<![\d.,])1 times\b|\(0.0 ", text), text
    assert len(text) < 110


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_feature_says_that_it_is_unknown(feature: Feature) -> None:
    assert feature.sentence(math.nan).endswith(" is unknown")
