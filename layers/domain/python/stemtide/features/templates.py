"""How features of one sort are declared."""

from stemtide.features import formulas as f
from stemtide.features import sentences as s
from stemtide.features.feature import Feature
from stemtide.features.formulas import Formula
from stemtide.features.history import Counter
from stemtide.features.usage_at import DAYS


def average(name: str, counter: Counter, days: int, label: str, one: str, many: str) -> Feature:
    """Per day of a window."""
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


def weekly(name: str, counter: Counter, what: str) -> Feature:
    """Week over week."""
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


def trend(name: str, what: str, label: str, formula: Formula) -> Feature:
    """A week against a month."""
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


def quarterly(name: str, counter: Counter, what: str) -> Feature:
    """A month against a quarter."""
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


def usual(name: str, what: str, formula: Formula) -> Feature:
    """A week against the account's own weeks before."""
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


def deviation(name: str, counter: Counter, what: str) -> Feature:
    """A week against the usual weeks and their variation."""
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


def active(days: int) -> Feature:
    """Days with events."""
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


def weighted(half_life: int) -> Feature:
    """The share of active days, recent ones weighing most."""
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


def activity(half_life: int) -> Feature:
    """Use as a stock that wears away."""
    return Feature(
        name=f"activity_ew{half_life}",
        unit="levels",
        windows=(DAYS,),
        label=f"Activity, half-life {half_life} days",
        subject="the activity",
        meaning=f"sum over 90 days of log2(1 + events), rounded to sixteenths, a day weighing half after "
        f"{half_life} days: 1 for a day with one event, 10 for one with a thousand",
        wording=s.activity(half_life),
        formula=f.activity(half_life),
    )
