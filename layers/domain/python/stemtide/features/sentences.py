"""Values in plain words for a customer success manager; plain text without markup."""

from collections.abc import Callable
from typing import TypeAlias

Wording: TypeAlias = Callable[[float, float | None], str]
"""(value, the typical value or None) -> a sentence without a full stop; values are never NaN."""


def number(value: float) -> str:
    """One digit after the point below 10, none from there on; thousands grouped; never negative."""
    if 0 < value < 0.1:
        return "less than 0.1"
    rounded = round(value, 1) if value < 10 else float(round(value))
    return f"{int(rounded):,}" if rounded == int(rounded) else f"{rounded}"


def percent(share: float) -> str:
    """A share in whole per cent; only all is 100 %, only nothing is 0 %."""
    whole = round(abs(share) * 100)
    if whole == 0 and share != 0:
        return "less than 1 %"
    if whole == 100 and abs(share) < 1:
        whole = 99
    return f"{whole:,} %"


def plural(count: float, one: str, many: str) -> str:
    """`1 day`, `2 days`, `1.5 days`."""
    shown = number(count)
    return f"{shown} {one if shown == '1' else many}"


def typical(value: float, baseline: float | None, show: Callable[[float], str]) -> str:
    """The usual value in brackets, where it is known and another."""
    if baseline is None or show(value) == show(baseline):
        return ""
    return f" (typical: {show(baseline)})"


def level(one: str, many: str, rest: str) -> Wording:
    """`12 users a day over 7 days (typical: 20)`, `no users …` for zero."""

    def wording(value: float, baseline: float | None) -> str:
        text = f"no {many}" if value == 0 else plural(value, one, many)
        return f"{text} {rest}{typical(value, baseline, number)}"

    return wording


def activity(half_life: int) -> Wording:
    """`activity of 12 (typical: 20), what is 14 days old counting half`."""

    def wording(value: float, baseline: float | None) -> str:
        if value == 0:
            return "no activity in the last 90 days"
        shown = f"activity of {number(value)}{typical(value, baseline, number)}"
        return f"{shown}, what is {half_life} days old counting half"

    return wording


def share(of: str) -> Wording:
    """`62 % of …`."""
    return lambda value, baseline: f"{percent(value)} {of}{typical(value, baseline, percent)}"


def change(what: str, against: str) -> Wording:
    """`API calls down 62 % against the week before`; from a relative change."""

    def wording(value: float, baseline: float | None) -> str:
        if round(value * 100) == 0:
            return f"{'as' if value == 0 else 'about as'} many {what} as in {against}"
        if value <= -1:
            return f"no {what}, after some in {against}"
        if value >= 2:
            return f"{what} {number(value + 1)} times those of {against}"
        return f"{what} {'up' if value > 0 else 'down'} {percent(value)} against {against}"

    return wording


def amount_change(what: str, against: str) -> Wording:
    """As `change`, of what is one amount and no number of things."""
    counted = change(what, against)

    def wording(value: float, baseline: float | None) -> str:
        if round(value * 100) == 0:
            return f"{'the same' if value == 0 else 'about the same'} {what} as in {against}"
        if value >= 2:
            return f"{what} {number(value + 1)} times that of {against}"
        return counted(value, baseline)

    return wording


def trend(what: str) -> Wording:
    """From a ratio of the 7-day average to that of 30 days."""

    def wording(value: float, baseline: float | None) -> str:
        if value == 0:
            return f"no {what} in the last 7 days, some in the weeks before"
        if round(value * 100) == 100:
            return f"as many {what} in the last 7 days as its own 30-day average"
        less = value < 1
        return (
            f"{percent(value - 1)} {'fewer' if less else 'more'} {what} in the last 7 days"
            " than its own 30-day average"
        )

    return wording


def months(what: str) -> Wording:
    """From a ratio of the 30-day average to that of 90 days."""
    return against(what, "in the last 30 days", "its own 90-day average", some="in the months before")


def usual(what: str) -> Wording:
    """`API calls of the last 7 days down 62 % against …`; from a ratio of the last week to those before."""
    baseline_of = "its own 12-week baseline"

    def wording(value: float, baseline: float | None) -> str:
        if value == 0:
            return f"no {what} in the last 7 days, some in {baseline_of}"
        if round(value * 100) == 100:
            return f"as many {what} in the last 7 days as in {baseline_of}"
        if value >= 3:
            return f"{what} of the last 7 days {number(value)} times those of {baseline_of}"
        side = "down" if value < 1 else "up"
        return f"{what} of the last 7 days {side} {percent(value - 1)} against {baseline_of}"

    return wording


def deviation(what: str) -> Wording:
    """`events of the last 7 days below its own baseline …, by 2.3 times its usual variation`."""

    def wording(value: float, baseline: float | None) -> str:
        if abs(value) < 1:
            return f"{what} of the last 7 days within what is usual for the account"
        side = "below" if value < 0 else "above"
        times = "" if number(abs(value)) == "1" else f"{number(abs(value))} times "
        return f"{what} of the last 7 days {side} its own 11-week baseline, by {times}its usual variation"

    return wording


def gap(value: float, baseline: float | None) -> str:
    """`active every 2.5 days on average`."""
    if number(value) == "1":
        return f"active every day{typical(value, baseline, number)}"
    return f"active every {number(value)} days on average{typical(value, baseline, number)}"


def regularity(value: float, baseline: float | None) -> str:
    """From the variation of the gaps over their mean."""
    kind = "regularly" if value < 0.5 else "irregularly" if value > 1 else "fairly regularly"
    return f"used {kind}: pauses vary by {percent(value)} of their average"


def recency(value: float, baseline: float | None) -> str:
    """From the days since the last active day over the usual gap."""
    if value <= 1 or number(value) == "1":
        return "used as recently as usual for the account"
    return f"not used for {number(value)} times its usual pause"


def active_days(length: int) -> Wording:
    """`active on 3 of the last 30 days`."""

    def wording(value: float, baseline: float | None) -> str:
        shown = "none" if value == 0 else number(value)
        return f"active on {shown} of the last {length} days{typical(value, baseline, number)}"

    return wording


def silence(negative: str, today: str, cap: int) -> Wording:
    """`nobody has logged in for 12 days`; 0 is the last closed day."""

    def wording(value: float, baseline: float | None) -> str:
        if value == 0:
            return today
        more = " or more" if value >= cap else ""
        return f"{negative} for {plural(value, 'day', 'days')}{more}"

    return wording


def difference(one: str, many: str, against: str) -> Wording:
    """`2 fewer event types in use than in the 30 days before`."""

    def wording(value: float, baseline: float | None) -> str:
        if value == 0:
            return f"as many {many} as in {against}"
        size = abs(value)
        more = "more" if value > 0 else "fewer"
        return f"{number(size)} {more} {one if size == 1 else many} than in {against}"

    return wording


def longest_gap(value: float, baseline: float | None) -> str:
    """`longest pause of the last 30 days: 6 days`."""
    if value == 0:
        return "no pause in the last 30 days"
    days = plural(value, "day", "days")
    return f"longest pause in the last 30 days: {days}{typical(value, baseline, number)}"


def age(for_days: str, today: str) -> Wording:
    """`customer for 3 days`; from two years on in years."""

    def wording(value: float, baseline: float | None) -> str:
        if value >= 731:
            return f"{for_days} for {number(value // 36.525 / 10)} years"
        return f"{for_days} for {plural(value, 'day', 'days')}" if value >= 1 else today

    return wording


def money(value: float, baseline: float | None) -> str:
    """`250 a month in recurring revenue`."""
    text = "no recurring revenue" if value == 0 else f"{number(value)} a month in recurring revenue"
    return f"{text}{typical(value, baseline, number)}"


def renewal(value: float, baseline: float | None) -> str:
    """`renewal in 9 days`."""
    if value == 0:
        return "renewal is due"
    return "renewal tomorrow" if value == 1 else f"renewal in {plural(value, 'day', 'days')}"


def downgraded(value: float, baseline: float | None) -> str:
    """From a flag."""
    return "downgraded with the running term" if value else "not downgraded with the running term"


def upgraded(value: float, baseline: float | None) -> str:
    """From a flag."""
    return "upgraded with the running term" if value else "not upgraded with the running term"


def rating(what: str) -> Wording:
    """`satisfaction with support: 4.2`."""
    return lambda value, baseline: f"{what}: {number(value)}{typical(value, baseline, number)}"


def term(value: float, baseline: float | None) -> str:
    """`12-month term`."""
    return f"{number(value)}-month term"


def history(value: float, baseline: float | None) -> str:
    """`usage is known for 12 days`."""
    if value == 0:
        return "no usage is known"
    more = " or more" if value >= 90 else ""
    return f"usage is known for {plural(value, 'day', 'days')}{more}"


def against(what: str, now: str, before: str, *, some: str) -> Wording:
    """From a ratio of what is now to what was `before`; with nothing now there were `some`."""

    def wording(value: float, baseline: float | None) -> str:
        if value == 0:
            return f"no {what} {now}, some {some}"
        if round(value * 100) == 100:
            return f"as many {what} {now} as {before}"
        return f"{percent(value - 1)} {'fewer' if value < 1 else 'more'} {what} {now} than {before}"

    return wording


def points_of(what: str) -> Wording:
    """From a difference of shares."""

    def wording(value: float, baseline: float | None) -> str:
        if round(value * 100) == 0:
            return f"{what}: about as many as in the 30 days before"
        more = "more" if value > 0 else "fewer"
        return f"{what}: {percent(value)} of all seats {more} than in the 30 days before"

    return wording


def concentration(value: float, baseline: float | None) -> str:
    """From a sum of squared shares: 1 over it is how many equally used types would be as concentrated."""
    return f"use is spread as over {plural(1 / max(value, 0.001), 'event type', 'event types')} used alike"


def days_to(what: str, far: int) -> Wording:
    """`reaches the limit of seats in 12 days`."""

    def wording(value: float, baseline: float | None) -> str:
        if value == 0:
            return f"{what} is reached"
        if value >= far:
            return f"{what} is not in sight within a year"
        return f"reaches {what} in {plural(value, 'day', 'days')} if use goes on growing"

    return wording


def mood(value: float, baseline: float | None) -> str:
    """From a mean sentiment between -1 and 1."""
    kind = "negative" if value < -0.2 else "positive" if value > 0.2 else "neutral"
    shown = f"{abs(value):.1f}"
    place = "0" if shown == "0.0" else f"{shown} {'below' if value < 0 else 'above'} 0"
    return f"support tickets sound {kind} ({place} on a scale from -1 to 1)"


def mood_change(value: float, baseline: float | None) -> str:
    """From the difference of two mean sentiments."""
    if abs(value) < 0.1:
        return "support tickets sound as before"
    side = "better" if value > 0 else "worse"
    return f"support tickets sound {side} than before, by {abs(value):.1f} on a scale from -1 to 1"


def discount(value: float, baseline: float | None) -> str:
    """From the share by which a price is below the list price."""
    if round(value * 100) == 0:
        return "pays the list price"
    return f"pays {percent(value)} {'less' if value > 0 else 'more'} than the list price"
