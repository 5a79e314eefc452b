"""The features' names for whoever cannot load NumPy, which the features themselves need.

The configuration names some of them, and every function reads it. A test compares them with the registry.
"""

from collections.abc import Iterable
from typing import Final

_NAMES: Final = """
avg_dau_7d avg_dau_14d avg_dau_30d avg_dau_60d avg_dau_90d usage_trend_ratio_7d_30d
usage_trend_ratio_30d_90d action_trend_ratio avg_core_actions_7d avg_core_actions_30d avg_core_actions_14d
avg_core_actions_60d avg_core_actions_90d core_actions_trend_ratio_30d_90d avg_events_7d avg_events_30d
avg_events_14d avg_events_60d avg_events_90d events_change_7d events_trend_ratio_7d_30d
events_trend_ratio_30d_90d events_deviation users_deviation api_calls_7d api_change_7d avg_api_calls_30d
avg_api_calls_90d api_trend_ratio_30d_90d api_against_usual active_days_7d active_days_14d active_days_30d
active_days_60d active_days_90d active_days_ew14 active_days_ew30 activity_ew14 activity_ew30
activity_ew60 logins_7d login_trend logins_against_usual features_adopted features_adopted_change
feature_breadth invites_sent_30d core_action_share seat_utilization users_30d users_change
days_since_last_login days_since_last_event longest_gap_30d usual_gap gap_variation recency_in_gaps
users_commenting top_user_share champion_last_seen seat_utilization_change event_concentration
event_mix_shift avg_dau_180d avg_dau_360d avg_events_180d avg_events_360d active_days_180d
active_days_360d events_trend_ratio_90d_360d usage_trend_ratio_90d_360d events_against_last_year
users_against_last_year total_events total_active_days total_core_actions total_api_calls total_logins
total_invites events_rank users_rank active_days_rank active_days_ew14_rank active_days_ew30_rank
events_percentile active_days_percentile active_days_ew14_percentile active_days_ew30_percentile
activity_ew14_percentile longest_gap_percentile recency_percentile account_age_days tenure_days mrr
days_to_renewal term_months past_upgrades past_downgrades downgraded_last_period upgraded_last_period
mrr_change_last_period plans_above terms_so_far support_tickets_30d urgent_tickets_30d avg_csat
ticket_sentiment_30d ticket_sentiment_trend nps_score discount seats_limit_use seats_days_to_limit
api_calls_limit_use api_calls_days_to_limit history_days
"""
EVERYBODYS: Final = frozenset(_NAMES.split())
OF_PART: Final = ("share_30d", "per_day_90d", "per_day_360d", "total")
OF_METER: Final = ("limit_use", "days_to_limit")


def feature_names(parts: Iterable[str], meters: Iterable[str]) -> frozenset[str]:
    """Every feature of a configuration that names these parts of the product and meters."""
    of_parts = {f"{part}_{what}" for part in parts for what in OF_PART}
    return EVERYBODYS | of_parts | {f"{meter}_{what}" for meter in meters for what in OF_METER}
