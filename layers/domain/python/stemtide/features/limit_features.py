"""How near an account is to its plan's limits, and when it will be there."""

from typing import Final

from stemtide.features import formulas as f
from stemtide.features import sentences as s
from stemtide.features.feature import Feature
from stemtide.features.formulas import Formula
from stemtide.features.history import Counter
from stemtide.features.usage_at import Distinct
from stemtide.features.view import Fact


def of_meter(meter: str, what: str, now: Formula, before: Formula, limit: int) -> tuple[Feature, Feature]:
    """The two features of a meter; `what` it counts in words, `limit` the column of the plan's limit."""
    known = "of the profile's `limits`, else of the plan's"
    return (
        Feature(
            name=f"{meter}_limit_use",
            unit="share",
            windows=(30,),
            source="both",
            label=f"Use of the limit of {what}",
            subject=f"how much of the limit of {what} is used",
            meaning=f"{what} of 30 days / the limit `{meter}` ({known}); unknown where unlimited or 0",
            wording=s.share(f"of the limit of {what} used"),
            formula=f.limit_use(now, limit),
        ),
        Feature(
            name=f"{meter}_days_to_limit",
            unit="days",
            windows=(30, 60),
            source="both",
            dtype="whole",
            label=f"Days to the limit of {what}",
            subject=f"when the limit of {what} is reached",
            meaning=f"(limit - {what} of 30 days) * 30 / their growth over the 30 days before, rounded up; "
            "0 when reached, 365 when later or not growing; unknown before 60 days or where unlimited",
            wording=s.days_to(f"the limit of {what}", f.FAR_DAYS),
            formula=f.days_to_limit(now, before, limit),
        ),
    )


def counted(counter: int) -> tuple[Formula, Formula]:
    """What a counter says of 30 days, and of the 30 before."""
    return f.count(counter, 30), lambda view: view.total(counter, 30, 30)


LIMITS: Final = (
    *of_meter(
        "seats",
        "seats",
        f.distinct(Distinct.USERS_30),
        lambda view: view.distinct(Distinct.USERS_30_BEFORE),
        Fact.SEATS_LIMIT,
    ),
    *of_meter("api_calls", "API calls", *counted(Counter.API_CALLS), Fact.API_LIMIT),
)
"""Of the meters that every deployment counts."""
