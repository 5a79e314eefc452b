"""The features of half a year and more."""

from dataclasses import replace
from typing import Final

from stemtide.features import formulas as f
from stemtide.features import sentences as s
from stemtide.features.feature import Feature
from stemtide.features.formulas import Formula
from stemtide.features.history import Counter
from stemtide.features.templates import active, average


def _half_known(short: Feature, formula: Formula) -> Feature:
    """The same of a long window, of which half must be known."""
    return replace(short, meaning=f"{short.meaning}; unknown before half of them is known", formula=formula)


def _average(name: str, counter: Counter, days: int, label: str, one: str, many: str) -> Feature:
    return _half_known(average(name, counter, days, label, one, many), f.long_average(counter, days))


def _active(days: int) -> Feature:
    return _half_known(active(days), f.long_count(Counter.ACTIVE, days))


def _yearly(name: str, counter: Counter, what: str) -> Feature:
    return Feature(
        name=name,
        unit="ratio",
        windows=(90, 360),
        label=f"{what[0].upper()}{what[1:]}, 90 against 360 days",
        subject=f"the trend of {what} over quarters",
        meaning=f"{what}: daily average of 90 days / that of 360; unknown before 180 known days "
        "or without any",
        wording=s.against(
            what, "in the last 90 days", "its own 360-day average", some="in the months before"
        ),
        formula=f.yearly(counter),
    )


def _last_year(name: str, counter: Counter, what: str) -> Feature:
    return Feature(
        name=name,
        unit="ratio",
        windows=(28, 392),
        label=f"{what[0].upper()}{what[1:]}, against the same season a year ago",
        subject=f"how many {what} there are against a year ago",
        meaning=f"{what}: sum of 28 days / that of the 28 days 52 weeks before; unknown before 392 known "
        "days or without any then",
        wording=s.against(
            what, "in the last 28 days", "in the same weeks a year ago", some="in the same weeks a year ago"
        ),
        formula=f.against_last_year(counter),
    )


def _total(name: str, counter: Counter, one: str, many: str) -> Feature:
    return Feature(
        name=name,
        unit=many,
        windows=(360,),
        dtype="whole",
        label=f"{many[0].upper()}{many[1:]}, 360 days",
        subject=f"the number of {many} in a year",
        meaning=f"{many} of the last 360 days, at most 100,000",
        wording=s.level(one, many, "in the last 360 days"),
        formula=f.saturating(counter),
    )


LONG_TERM: Final = (
    *(
        _average(f"avg_dau_{d}d", Counter.USERS, d, "Daily active users", "active user", "active users")
        for d in (180, 360)
    ),
    *(_average(f"avg_events_{d}d", Counter.EVENTS, d, "Events", "event", "events") for d in (180, 360)),
    *(_active(days) for days in (180, 360)),
    _yearly("events_trend_ratio_90d_360d", Counter.EVENTS, "events"),
    _yearly("usage_trend_ratio_90d_360d", Counter.USERS, "daily active users"),
    _last_year("events_against_last_year", Counter.EVENTS, "events"),
    _last_year("users_against_last_year", Counter.USERS, "daily active users"),
    _total("total_events", Counter.EVENTS, "event", "events"),
    _total("total_active_days", Counter.ACTIVE, "active day", "active days"),
    _total("total_core_actions", Counter.CORE_ACTIONS, "core action", "core actions"),
    _total("total_api_calls", Counter.API_CALLS, "API call", "API calls"),
    _total("total_logins", Counter.LOGINS, "login", "logins"),
    _total("total_invites", Counter.INVITES, "invitation", "invitations"),
)
