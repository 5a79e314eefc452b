"""The features of an account's usage."""

from typing import Final

from stemtide.features import formulas as f
from stemtide.features import sentences as s
from stemtide.features.feature import Feature
from stemtide.features.formulas import Formula
from stemtide.features.history import Counter
from stemtide.features.view import DAYS, HALF_LIVES, Distinct


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


USAGE: Final = (
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
HISTORY: Final = Feature(
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
