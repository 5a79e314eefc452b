"""Which way a feature may move a probability, where that is known whatever the data say.

Few positives let a tree learn that much use is a danger because two busy accounts left. A constraint keeps
such luck out, and drivers from saying what no customer success manager would believe. Declared for losses:
less use never makes leaving less likely. What may go either way (money, age, tickets, mix) is free.
"""

from collections.abc import Iterable
from typing import Final

LESS_LIKELY: Final = frozenset(
    (
        *(
            f"avg_{what}_{days}d"
            for what in ("dau", "core_actions", "events")
            for days in (7, 14, 30, 60, 90)
        ),
        *("avg_dau_180d", "avg_dau_360d", "avg_events_180d", "avg_events_360d"),
        *(f"active_days_{days}d" for days in (7, 14, 30, 60, 90, 180, 360)),
        *("active_days_ew14", "active_days_ew30", "activity_ew14", "activity_ew30", "activity_ew60"),
        *("usage_trend_ratio_7d_30d", "usage_trend_ratio_30d_90d", "action_trend_ratio"),
        *("core_actions_trend_ratio_30d_90d", "events_trend_ratio_7d_30d", "events_trend_ratio_30d_90d"),
        *("logins_7d", "features_adopted", "feature_breadth", "users_30d", "users_commenting"),
        *("invites_sent_30d", "seat_utilization", "events_rank", "users_rank", "active_days_rank"),
        *("active_days_ew14_rank", "active_days_ew30_rank", "events_percentile", "active_days_percentile"),
        *("active_days_ew14_percentile", "active_days_ew30_percentile", "activity_ew14_percentile"),
        *(f"total_{what}" for what in ("events", "active_days", "core_actions", "logins", "invites")),
        *("avg_csat", "nps_score", "ticket_sentiment_30d"),
    )
)
"""The more of it, the less likely a loss."""
MORE_LIKELY: Final = frozenset(
    (
        *("days_since_last_event", "days_since_last_login", "champion_last_seen", "longest_gap_30d"),
        *("usual_gap", "longest_gap_percentile", "recency_percentile"),
    )
)
"""The more of it, the likelier a loss."""


def signs(features: Iterable[str], *, loss: bool) -> list[int]:
    """For each feature -1 (a loss becomes less likely with it), 1 (likelier) or 0 (either way).

    Upgrades are free: heavy use leads to them, but so does a plan that is too small for little use.
    """
    if not loss:
        return [0 for _ in features]
    return [-1 if name in LESS_LIKELY else 1 if name in MORE_LIKELY else 0 for name in features]
