"""The features of what is said of an account: profile, terms, support."""

from dataclasses import replace
from typing import Final

from stemtide.features import formulas as f
from stemtide.features import sentences as s
from stemtide.features.feature import Dtype, Feature
from stemtide.features.formulas import Formula
from stemtide.features.profile_columns import SUPPORT_DAYS
from stemtide.features.sentences import Wording
from stemtide.features.view import Fact


def _profile(
    name: str, unit: str, label: str, subject: str, meaning: str, wording: Wording, formula: Formula,
    dtype: Dtype = "whole", version: int = 1,
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
        version=version,
    )


def _support(
    name: str, unit: str, label: str, subject: str, meaning: str, wording: Wording, formula: Formula,
    dtype: Dtype = "whole", windows: tuple[int, ...] = (SUPPORT_DAYS,),
) -> Feature:  # fmt: skip
    found = _profile(name, unit, label, subject, meaning, wording, formula, dtype)
    return replace(found, windows=windows)


CUSTOMER: Final = (
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
        "of the running terms, else of the traits, in whole units of the account's currency (cents as a "
        "fraction)",
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
        "two prices", s.downgraded, f.fell(Fact.PRICE_STEP), "flag", version=2,
    ),
    _profile(
        "upgraded_last_period", "flag", "Upgraded with the running term", "whether it was upgraded",
        "1 if the latest term's plan has a higher `rank` than the one before, else 0; unknown without two "
        "ranks", s.upgraded, f.rose(Fact.LAST_RENEWAL), "flag",
    ),
    _profile(
        "mrr_change_last_period", "relative change", "Change of the price with the running term",
        "the change of the price",
        "(monthly price of the latest term - that of the term before) / the latter; unknown without two or "
        "after one of 0",
        s.amount_change("monthly revenue", "the term before"), f.fact(Fact.MRR_CHANGE), "float64",
    ),
    _profile(
        "plans_above", "plans", "Higher plans left", "how many higher plans there are",
        "configured plans with a higher `rank` than the latest term's; unknown without terms, or for a "
        "plan that is not configured",
        s.level("higher plan", "higher plans", "to move to"), f.fact(Fact.HEADROOM),
    ),
    _profile(
        "terms_so_far", "terms", "Terms so far", "the number of terms",
        "terms of plans that have begun, the running one included, each change being one; unknown without "
        "any",
        s.level("term", "terms", "so far"), f.fact(Fact.TERM_NUMBER),
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
    _support(
        "ticket_sentiment_30d", "-1 to 1", "Sentiment of support tickets, 30 days",
        "the sentiment of support tickets",
        "mean sentiment of the texts of support_tickets_30d (-1 negative to 1 positive); unknown without one",
        s.mood, f.fact(Fact.SENTIMENT_30), "float64",
    ),
    _support(
        "ticket_sentiment_trend", "difference", "Sentiment of support tickets, against before",
        "the change of the sentiment of support tickets",
        "ticket_sentiment_30d less that of the tickets of the 60 days before; unknown without either",
        s.mood_change, f.fact(Fact.SENTIMENT_TREND), "float64", (30, 90),
    ),
    _profile(
        "nps_score", "points of 10", "Latest NPS answer", "the latest NPS answer",
        "`score` of the latest NPS Submitted", s.rating("latest NPS answer"), f.fact(Fact.NPS),
    ),
    _profile(
        "discount", "share", "Discount on the list price", "the discount",
        "(list price - mrr) / list price, which is the plan's `mrr` + `mrr_per_seat` * seats; unknown "
        "without them or in another currency than the company's", s.discount, f.fact(Fact.DISCOUNT),
    "float64", ),
)  # fmt: skip
