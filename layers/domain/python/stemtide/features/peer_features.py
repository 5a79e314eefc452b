"""An account's place among the others of its day: of the same age, and all who are active."""

from typing import Final

from stemtide.features import formulas as f
from stemtide.features import sentences as s
from stemtide.features.feature import Feature
from stemtide.features.peers import ACTIVE_DAYS, OF_NOTHING, PLACED, RANKED
from stemtide.features.usage_features import USAGE

_OF: Final = {feature.name: feature for feature in USAGE}
_MADE_OF: Final = (
    "by 101 quantiles of the customers of the last nightly run, so 0.021 off at most; unknown without a run "
    "of the last 2 closed days before"
)


def _rank(name: str, what: str) -> Feature:
    of = RANKED[name]
    ranked = _OF[of]
    return Feature(
        name=name,
        unit="share",
        windows=ranked.windows,
        source="both",
        label=f"{what[0].upper()}{what[1:]}, among accounts of the same age",
        subject=f"the place of its {what} among accounts of the same age",
        meaning=f"share of the customers of the same age (under 90, 180, 360, 720 days, or more) whose {of} "
        f"is lower, half of those that equal it; {_MADE_OF}, or for a cohort of "
        "fewer than 20 accounts. Where the age is unknown, the days that are known of its use count instead",
        wording=s.share(f"of the accounts of its age have less: {what}"),
        formula=f.cohort_rank(of, ranked.formula),
    )


def _percentile(name: str, what: str, others: str) -> Feature:
    of = PLACED[name]
    placed = _OF[of]
    nothing = OF_NOTHING.get(of, 0.0)
    return Feature(
        name=name,
        unit="share",
        windows=placed.windows,
        label=f"{what[0].upper()}{what[1:]}, among all active accounts",
        subject=f"the place of its {what} among all active accounts",
        meaning=f"share of the customers with an event in the last {ACTIVE_DAYS} days whose {of} is lower, "
        f"half of those that equal it; {nothing:.0f} for an account that was never used; {_MADE_OF}, or with "
        "fewer than 20 such customers",
        wording=s.share(f"of all active accounts {others}"),
        formula=f.place_among_all(of, placed.formula, of_nothing=nothing),
    )


PEERS: Final = (
    _rank("events_rank", "events a day"),
    _rank("users_rank", "daily active users"),
    _rank("active_days_rank", "active days"),
    _rank("active_days_ew14_rank", "active days, mostly the last 14"),
    _rank("active_days_ew30_rank", "active days, mostly the last 30"),
    _percentile("events_percentile", "events a day", "have fewer events a day"),
    _percentile("active_days_percentile", "active days", "have fewer active days in 30"),
    _percentile("active_days_ew14_percentile", "active days, mostly the last 14", "were less active of late"),
    _percentile(
        "active_days_ew30_percentile", "active days, mostly the last 30", "were less active in weeks"
    ),
    _percentile("activity_ew14_percentile", "activity, mostly the last 14 days", "have less activity"),
    _percentile("longest_gap_percentile", "longest pause", "have a shorter longest pause in 30 days"),
    _percentile("recency_percentile", "days since the last event", "were used more recently"),
)
