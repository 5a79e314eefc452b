"""Which features mean the same sort of thing: what is left out together, and told together.

Neighbours stand in for each other: without the 30-day average the 60-day one takes its place and nothing is
seen to change. So a sort of knowledge is left out as a whole.
"""

from collections.abc import Iterable
from typing import Final

LEVELS: Final = "levels of use"
TRENDS: Final = "trends"
RHYTHM: Final = "rhythm and recency"
BREADTH: Final = "breadth and mix"
PEOPLE: Final = "people"
LONG: Final = "long history"
RANKS: Final = "cohort ranks"
PERCENTILES: Final = "places among all"
AGE: Final = "age"
BILLING: Final = "plan and billing"
SUPPORT: Final = "support and NPS"
LIMITS: Final = "limits"
PARTS: Final = "use of each part"

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    LEVELS: (
        *(
            f"avg_{what}_{days}d"
            for what in ("dau", "core_actions", "events")
            for days in (7, 14, 30, 60, 90)
        ),
        *("api_calls_7d", "avg_api_calls_30d", "avg_api_calls_90d", "logins_7d", "invites_sent_30d"),
    ),
    TRENDS: (
        *("usage_trend_ratio_7d_30d", "usage_trend_ratio_30d_90d", "action_trend_ratio"),
        *("core_actions_trend_ratio_30d_90d", "events_change_7d", "events_trend_ratio_7d_30d"),
        *("events_trend_ratio_30d_90d", "events_deviation", "users_deviation", "api_change_7d"),
        *("api_trend_ratio_30d_90d", "api_against_usual", "login_trend", "logins_against_usual"),
    ),
    RHYTHM: (
        *(f"active_days_{days}d" for days in (7, 14, 30, 60, 90)),
        *("active_days_ew14", "active_days_ew30", "activity_ew14", "activity_ew30", "activity_ew60"),
        *("days_since_last_login", "days_since_last_event"),
        *("longest_gap_30d", "usual_gap", "gap_variation", "recency_in_gaps"),
    ),
    BREADTH: (
        *("features_adopted", "features_adopted_change", "feature_breadth", "core_action_share"),
        *("event_concentration", "event_mix_shift"),
    ),
    PEOPLE: (
        *("users_30d", "users_change", "users_commenting", "top_user_share", "champion_last_seen"),
        *("seat_utilization", "seat_utilization_change"),
    ),
    LONG: (
        *("avg_dau_180d", "avg_dau_360d", "avg_events_180d", "avg_events_360d"),
        *("active_days_180d", "active_days_360d", "events_trend_ratio_90d_360d"),
        *("usage_trend_ratio_90d_360d", "events_against_last_year", "users_against_last_year"),
        *(
            f"total_{what}"
            for what in ("events", "active_days", "core_actions", "api_calls", "logins", "invites")
        ),
    ),
    RANKS: (
        *("events_rank", "users_rank", "active_days_rank"),
        *("active_days_ew14_rank", "active_days_ew30_rank"),
    ),
    PERCENTILES: (
        *("events_percentile", "active_days_percentile", "active_days_ew14_percentile"),
        *("active_days_ew30_percentile", "activity_ew14_percentile", "longest_gap_percentile"),
        "recency_percentile",
    ),
    AGE: ("account_age_days", "tenure_days", "history_days"),
    BILLING: (
        *("mrr", "days_to_renewal", "term_months", "past_upgrades", "past_downgrades"),
        *("downgraded_last_period", "upgraded_last_period", "mrr_change_last_period", "plans_above"),
        *("terms_so_far", "discount"),
    ),
    SUPPORT: (
        *("support_tickets_30d", "urgent_tickets_30d", "avg_csat", "ticket_sentiment_30d"),
        *("ticket_sentiment_trend", "nps_score"),
    ),
    LIMITS: (),
    PARTS: (),
}
"""The features that everybody has, by group; those of meters are told by their names' ends."""
_GROUP_OF: Final = {name: group for group, names in GROUPS.items() for name in names}
_ENDINGS: Final = (
    ("_limit_use", LIMITS),
    ("_days_to_limit", LIMITS),
    ("_share_30d", BREADTH),
    ("_total", PARTS),
    ("_per_day_90d", PARTS),
    ("_per_day_360d", PARTS),
)
"""Of the features that a configuration's meters and parts of the product have."""


def group_of(feature: str) -> str:
    """The group of a feature.

    Raises:
        KeyError: the feature is in none: name it in `GROUPS`.
    """
    group = _GROUP_OF.get(feature)
    if group is not None:
        return group
    for ending, group in _ENDINGS:
        if feature.endswith(ending):
            return group
    raise KeyError(f"{feature} belongs to no group: name it in models/feature_groups.py")


def grouped(features: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The features of each group, in the groups' order; groups without any are left out."""
    found: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in features:
        found[group_of(name)].append(name)
    return {group: tuple(names) for group, names in found.items() if names}
