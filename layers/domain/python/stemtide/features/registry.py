"""The features, each declared once: name, unit, windows, words and formula.

Serving, training, explanations and docs/features.md all read this list; its order is the vector's.
"""

import hashlib
import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

from stemtide.features import formulas as f
from stemtide.features import sentences as s
from stemtide.features.formulas import Formula
from stemtide.features.history import Counter
from stemtide.features.profile_columns import SUPPORT_DAYS
from stemtide.features.sentences import Wording
from stemtide.features.view import DAYS, DISTINCT, HALF_LIVES, SUMS, WEIGHT_UNIT, Distinct, Fact

Source = Literal["usage", "profile", "both"]
Dtype = Literal["float64", "whole", "flag"]
"""All are float64 in a vector; `whole` and `flag` (0 or 1) say which values occur."""

LAYOUT: Final = 1
"""Version of what the formulas are given: days, classification of events, distinct counts, profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature. `windows` are the days it looks at (none: only the profile), `subject` names it inside a
    sentence, `version` rises with every change of its meaning."""

    name: str
    unit: str
    label: str
    subject: str
    meaning: str
    wording: Wording
    formula: Formula
    windows: tuple[int, ...] = ()
    source: Source = "usage"
    dtype: Dtype = "float64"
    version: int = 1

    def sentence(self, value: float | None, baseline: float | None = None) -> str:
        """The value in plain words; `baseline` is the typical value. None and NaN are 'unknown'."""
        if value is None or math.isnan(value):
            return f"{self.subject} is unknown"
        usual = None if baseline is None or math.isnan(baseline) else float(baseline)
        return self.wording(float(value), usual)


def _average(name: str, counter: Counter, days: int, label: str, one: str, many: str) -> Feature:
    return Feature(
        name=name,
        unit=f"{many} a day",
        windows=(days,),
        label=f"{label}, {days}-day average",
        subject=f"the number of {many} a day",
        meaning=f"{label}: sum over the known days of the last {days}, by their number",
        wording=s.level(one, many, f"a day in the last {days} days"),
        formula=f.average(counter, days),
    )


def _weekly(name: str, counter: Counter, what: str) -> Feature:
    return Feature(
        name=name,
        unit="relative change",
        windows=(7, 14),
        label=f"{what[0].upper()}{what[1:]}, week over week",
        subject=f"the weekly change in {what}",
        meaning=f"{what}: (last 7 days - the 7 before) / the 7 before; unknown before 14 days or after none",
        wording=s.change(what, "the week before"),
        formula=f.weekly_change(counter),
    )


def _trend(name: str, what: str, label: str, formula: Formula) -> Feature:
    return Feature(
        name=name,
        unit="ratio",
        windows=(7, 30),
        label=label,
        subject=f"the trend of {what}",
        meaning=f"{what}: daily average of 7 days / that of 30; unknown before 14 known days or without any",
        wording=s.trend(what),
        formula=formula,
    )


def _quarterly(name: str, counter: Counter, what: str) -> Feature:
    return Feature(
        name=name,
        unit="ratio",
        windows=(30, 90),
        label=f"{what[0].upper()}{what[1:]}, 30 against 90 days",
        subject=f"the trend of {what} over months",
        meaning=f"{what}: daily average of 30 days / that of 90; unknown before 60 known days or without any",
        wording=s.months(what),
        formula=f.quarterly(counter),
    )


def _usual(name: str, what: str, formula: Formula) -> Feature:
    return Feature(
        name=name,
        unit="ratio",
        windows=(7, 90),
        label=f"{what}, against the account's usual",
        subject=f"how many {what} there are against what is usual",
        meaning=f"{what}: daily average of 7 days / that of the known days before them (of 90 in all); "
        "unknown before 35 known days or when there were none before",
        wording=s.usual(what),
        formula=formula,
    )


def _deviation(name: str, counter: Counter, what: str) -> Feature:
    return Feature(
        name=name,
        unit="usual variations",
        windows=(84,),
        label=f"{what}, this week against the account's usual weeks",
        subject=f"how far {what} are from what is usual",
        meaning=f"{what}: (last 7 days - mean of the whole known weeks before, up to 11) / square root of "
        "(their variance + their mean); unknown before 5 known weeks or without any before",
        wording=s.deviation(what),
        formula=f.deviation(counter),
    )


def _active(days: int) -> Feature:
    return Feature(
        name=f"active_days_{days}d",
        unit="days",
        windows=(days,),
        dtype="whole",
        label=f"Active days of the last {days}",
        subject="the number of active days",
        meaning=f"days with an event among the last {days}",
        wording=s.active_days(days),
        formula=f.count(Counter.ACTIVE, days),
    )


def _weighted(half_life: int) -> Feature:
    return Feature(
        name=f"active_days_ew{half_life}",
        unit="share",
        windows=(DAYS,),
        label=f"Share of active days, half-life {half_life} days",
        subject="the share of active days",
        meaning=f"active days / known days of 90, a day weighing half after {half_life} days",
        wording=s.share(f"of days active, the last {half_life} days counting most"),
        formula=f.weighted_share(half_life),
    )


_USAGE: Final = (
    _average("avg_dau_7d", Counter.USERS, 7, "Daily active users", "active user", "active users"),
    _average("avg_dau_14d", Counter.USERS, 14, "Daily active users", "active user", "active users"),
    _average("avg_dau_30d", Counter.USERS, 30, "Daily active users", "active user", "active users"),
    _average("avg_dau_60d", Counter.USERS, 60, "Daily active users", "active user", "active users"),
    _average("avg_dau_90d", Counter.USERS, 90, "Daily active users", "active user", "active users"),
    _trend(
        "usage_trend_ratio_7d_30d",
        "daily active users",
        "Daily active users, 7 against 30 days",
        f.trend(Counter.USERS),
    ),
    _quarterly("usage_trend_ratio_30d_90d", Counter.USERS, "daily active users"),
    _trend(
        "action_trend_ratio",
        "core actions",
        "Core actions, 7 against 30 days",
        f.trend(Counter.CORE_ACTIONS),
    ),
    _average("avg_core_actions_7d", Counter.CORE_ACTIONS, 7, "Core actions", "core action", "core actions"),
    _average("avg_core_actions_30d", Counter.CORE_ACTIONS, 30, "Core actions", "core action", "core actions"),
    _average("avg_events_7d", Counter.EVENTS, 7, "Events", "event", "events"),
    _average("avg_events_30d", Counter.EVENTS, 30, "Events", "event", "events"),
    *(
        _average(f"avg_events_{days}d", Counter.EVENTS, days, "Events", "event", "events")
        for days in (14, 60, 90)
    ),
    _weekly("events_change_7d", Counter.EVENTS, "events"),
    _trend("events_trend_ratio_7d_30d", "events", "Events, 7 against 30 days", f.trend(Counter.EVENTS)),
    _quarterly("events_trend_ratio_30d_90d", Counter.EVENTS, "events"),
    _deviation("events_deviation", Counter.EVENTS, "events"),
    _deviation("users_deviation", Counter.USERS, "daily users"),
    Feature(
        name="api_calls_7d",
        unit="calls",
        windows=(7,),
        dtype="whole",
        label="API calls, 7 days",
        subject="the number of API calls",
        meaning="API calls of the last 7 days",
        wording=s.level("API call", "API calls", "in the last 7 days"),
        formula=f.count(Counter.API_CALLS, 7),
    ),
    _weekly("api_change_7d", Counter.API_CALLS, "API calls"),
    _usual("api_against_usual", "API calls", f.against_usual(Counter.API_CALLS)),
    *(_active(days) for days in (7, 14, 30, 90)),
    *(_weighted(half_life) for half_life in HALF_LIVES),
    Feature(
        name="logins_7d",
        unit="logins",
        windows=(7, 90),
        dtype="whole",
        label="Logins, 7 days",
        subject="the number of logins",
        meaning="logins of the last 7 days; unknown for an account with events but no login in 90 days",
        wording=s.level("login", "logins", "in the last 7 days"),
        formula=f.when_logins_are_sent(f.count(Counter.LOGINS, 7)),
    ),
    _trend(
        "login_trend",
        "logins",
        "Logins, 7 against 30 days",
        f.when_logins_are_sent(f.trend(Counter.LOGINS)),
    ),
    _usual("logins_against_usual", "logins", f.when_logins_are_sent(f.against_usual(Counter.LOGINS))),
    Feature(
        name="features_adopted",
        unit="event types",
        windows=(30,),
        dtype="whole",
        label="Features in use, 30 days",
        subject="the number of features in use",
        meaning="distinct event types of 30 days, without logins, page views and systems' events",
        wording=s.level("feature", "features", "in use in the last 30 days"),
        formula=f.distinct(Distinct.TYPES_30),
    ),
    Feature(
        name="features_adopted_change",
        unit="event types",
        windows=(30, 60),
        dtype="whole",
        label="Features in use, against the 30 days before",
        subject="the change in features in use",
        meaning="features_adopted less that of the 30 days before; unknown before 60 days",
        wording=s.difference("feature in use", "features in use", "the 30 days before"),
        formula=f.distinct_change(Distinct.TYPES_30, Distinct.TYPES_30_BEFORE, relative=False),
    ),
    Feature(
        name="feature_breadth",
        unit="share",
        windows=(30, 90),
        label="Features in use, against the account's own of 90 days",
        subject="the share of its features that the account still uses",
        meaning="features_adopted / the same of 90 days; unknown before 60 days",
        wording=s.share("of the features used in 90 days were used in the last 30"),
        formula=f.repertoire,
    ),
    Feature(
        name="invites_sent_30d",
        unit="invitations",
        windows=(30,),
        dtype="whole",
        label="Invitations sent, 30 days",
        subject="the number of invitations",
        meaning="invitations sent in the last 30 days",
        wording=s.level("invitation", "invitations", "sent in the last 30 days"),
        formula=f.count(Counter.INVITES, 30),
    ),
    Feature(
        name="core_action_share",
        unit="share",
        windows=(30,),
        label="Core actions among all events, 30 days",
        subject="the share of core actions",
        meaning="core actions / events of the last 30 days; unknown without events",
        wording=s.share("of events in the last 30 days were core actions"),
        formula=f.core_action_share,
    ),
    Feature(
        name="seat_utilization",
        unit="share",
        windows=(30,),
        source="both",
        label="Seats in use, 30 days",
        subject="the share of seats in use",
        meaning="distinct users of 30 days / seats (of the profile, else the plan's limit `seats`)",
        wording=s.share("of the seats used in the last 30 days"),
        formula=f.seat_utilization,
    ),
    Feature(
        name="users_30d",
        unit="users",
        windows=(30,),
        dtype="whole",
        label="Users, 30 days",
        subject="the number of users",
        meaning="distinct users of the last 30 days",
        wording=s.level("user", "users", "in the last 30 days"),
        formula=f.distinct(Distinct.USERS_30),
    ),
    Feature(
        name="users_change",
        unit="relative change",
        windows=(30, 60),
        label="Users, against the 30 days before",
        subject="the change in users",
        meaning="(users_30d - that of the 30 days before) / the latter; unknown before 60 days",
        wording=s.change("users", "the 30 days before"),
        formula=f.distinct_change(Distinct.USERS_30, Distinct.USERS_30_BEFORE, relative=True),
    ),
    Feature(
        name="days_since_last_login",
        unit="days",
        windows=(90,),
        dtype="whole",
        label="Days since the last login",
        subject="when somebody last logged in",
        meaning="0 on the last closed day, at most 90; unknown where logins are (see logins_7d)",
        wording=s.silence("nobody has logged in", "somebody logged in on the last day", DAYS),
        formula=f.when_logins_are_sent(f.days_since(Counter.LOGINS)),
    ),
    Feature(
        name="days_since_last_event",
        unit="days",
        windows=(90,),
        dtype="whole",
        label="Days since the last event",
        subject="when the account was last used",
        meaning="0 on the last closed day, at most 90",
        wording=s.silence("not used", "used on the last day", DAYS),
        formula=f.days_since(Counter.ACTIVE),
    ),
    Feature(
        name="longest_gap_30d",
        unit="days",
        windows=(30,),
        dtype="whole",
        label="Longest pause, 30 days",
        subject="the longest pause",
        meaning="longest run of known days without events among the last 30",
        wording=s.longest_gap,
        formula=f.longest_gap,
    ),
    Feature(
        name="usual_gap",
        unit="days",
        windows=(90,),
        label="Days from one active day to the next",
        subject="how often it is used",
        meaning="mean distance of neighbouring active days of the last 90; unknown before two",
        wording=s.gap,
        formula=f.usual_gap,
    ),
    Feature(
        name="gap_variation",
        unit="ratio",
        windows=(90,),
        label="Regularity of use",
        subject="how regularly it is used",
        meaning="standard deviation / mean of the distances in usual_gap; unknown before three active days",
        wording=s.regularity,
        formula=f.gap_variation,
    ),
    Feature(
        name="recency_in_gaps",
        unit="usual gaps",
        windows=(90,),
        label="Time since the last use, in usual gaps",
        subject="how long ago it was used, against its usual gap",
        meaning="days_since_last_event / usual_gap",
        wording=s.recency,
        formula=f.recency,
    ),
)


def _profile(
    name: str, unit: str, label: str, subject: str, meaning: str, wording: Wording, formula: Formula,
    dtype: Dtype = "whole",
) -> Feature:  # fmt: skip
    return Feature(
        name=name,
        unit=unit,
        label=label,
        subject=subject,
        meaning=meaning,
        wording=wording,
        formula=formula,
        dtype=dtype,
        source="profile",
    )


def _support(
    name: str, unit: str, label: str, subject: str, meaning: str, wording: Wording, formula: Formula,
    dtype: Dtype = "whole",
) -> Feature:  # fmt: skip
    found = _profile(name, unit, label, subject, meaning, wording, formula, dtype)
    return replace(found, windows=(SUPPORT_DAYS,))


_PROFILE: Final = (
    _profile(
        "account_age_days", "days", "Age of the account", "the age of the account",
        "whole days since `created_at`, else since it became a customer",
        s.age("account exists", "account created today"), f.fact(Fact.AGE_DAYS),
    ),
    _profile(
        "tenure_days", "days", "Tenure", "since when it is a customer",
        "whole days since it became a customer",
        s.age("customer", "customer since today"), f.fact(Fact.TENURE_DAYS),
    ),
    _profile(
        "mrr", "currency units a month", "Monthly recurring revenue", "monthly recurring revenue",
        "of the running terms, in whole units of the account's currency (cents as a fraction)",
        s.money, f.fact(Fact.MRR), "float64",
    ),
    _profile(
        "days_to_renewal", "days", "Days to renewal", "when it renews",
        "from the last closed day to the renewal date; unknown when that is past",
        s.renewal, f.fact(Fact.DAYS_TO_RENEWAL),
    ),
    _profile(
        "term_months", "months", "Length of the term", "the length of the term",
        "months of the running base plan's term; unknown when open-ended", s.term, f.fact(Fact.TERM_MONTHS),
    ),
    _profile(
        "past_upgrades", "upgrades", "Upgrades so far", "the number of upgrades",
        "terms whose plan has a higher `rank` than that of the term before; unknown without terms",
        s.level("upgrade", "upgrades", "so far"), f.fact(Fact.UPGRADES),
    ),
    _profile(
        "past_downgrades", "downgrades", "Downgrades so far", "the number of downgrades",
        "terms whose plan has a lower `rank` than that of the term before; unknown without terms",
        s.level("downgrade", "downgrades", "so far"), f.fact(Fact.DOWNGRADES),
    ),
    _profile(
        "downgraded_last_period", "flag", "Downgraded with the running term", "whether it was downgraded",
        "1 if the latest term's monthly price is below that of the term before, else 0; unknown without "
        "two prices", s.downgraded, f.fell(Fact.MRR_CHANGE), "flag",
    ),
    _profile(
        "upgraded_last_period", "flag", "Upgraded with the running term", "whether it was upgraded",
        "1 if the latest term's plan has a higher `rank` than the one before, else 0; unknown without two",
        s.upgraded, f.rose(Fact.LAST_RENEWAL), "flag",
    ),
    _profile(
        "mrr_change_last_period", "relative change", "Change of the price with the running term",
        "the change of the price",
        "(monthly price of the latest term - that of the term before) / the latter; unknown without two",
        s.change("monthly revenue", "the term before"), f.fact(Fact.MRR_CHANGE), "float64",
    ),
    _profile(
        "plans_above", "plans", "Higher plans left", "how many higher plans there are",
        "configured plans with a higher `rank` than the account's; unknown for a plan that is not configured",
        s.level("higher plan", "higher plans", "to move to"), f.fact(Fact.HEADROOM),
    ),
    _profile(
        "terms_so_far", "terms", "Terms so far", "the number of terms",
        "terms of plans that have begun, the running one included", s.level("term", "terms", "so far"),
        f.fact(Fact.TERM_NUMBER),
    ),
    _support(
        "support_tickets_30d", "tickets", "Support tickets, 30 days", "the number of support tickets",
        "tickets first heard of in the last 30 days; unknown before any, unless `[sources]` names tickets",
        s.level("support ticket", "support tickets", "in the last 30 days"), f.fact(Fact.TICKETS_30),
    ),
    _support(
        "urgent_tickets_30d", "tickets", "Urgent support tickets, 30 days",
        "the number of urgent support tickets", "those of support_tickets_30d with priority high or urgent",
        s.level("urgent support ticket", "urgent support tickets", "in the last 30 days"),
        f.fact(Fact.URGENT_TICKETS_30),
    ),
    _support(
        "avg_csat", "rating", "Satisfaction with support, 30 days", "the satisfaction with support",
        "mean `csat` of the rated among support_tickets_30d; unknown without one",
        s.rating("satisfaction with support"), f.fact(Fact.CSAT_30), "float64",
    ),
    _profile(
        "nps_score", "points of 10", "Latest NPS answer", "the latest NPS answer",
        "`score` of the latest NPS Submitted", s.rating("latest NPS answer"), f.fact(Fact.NPS),
    ),
)  # fmt: skip
_HISTORY: Final = Feature(
    name="history_days",
    unit="days",
    windows=(90,),
    dtype="whole",
    label="Days of known usage",
    subject="how long usage is known",
    meaning="days since the account's first known usage, at most 90; 0 without any",
    wording=s.history,
    formula=f.history_days,
)

FEATURES: Final = (*_USAGE, *_PROFILE, _HISTORY)
NAMES: Final = tuple(feature.name for feature in FEATURES)
BY_NAME: Final = {feature.name: feature for feature in FEATURES}


@lru_cache(maxsize=1)
def registry_hash() -> str:
    """Changes with whatever changes a vector: a model with another hash must not be served."""
    frame = [str(part) for part in (LAYOUT, DAYS, SUMS, DISTINCT, HALF_LIVES, WEIGHT_UNIT, f.TREND_DAYS)]
    lines = [f"{e.name} {e.version} {e.unit} {e.dtype} {e.source} {e.windows}" for e in FEATURES]
    return hashlib.sha256("\n".join([*frame, *lines]).encode()).hexdigest()[:16]
