"""The JSON bodies of the route about labels."""

from datetime import date
from typing import Literal

from msgspec import field

from stemtide.as_of import as_of_text
from stemtide.config_plays import Cause
from stemtide.http.account_bodies import Instant
from stemtide.http.bodies import Body, Count
from stemtide.plays.labels import Label
from stemtide.plays.play import Journey
from stemtide.scoring.assessment import Tier


class Treated(Body, frozen=True):
    """From when to when something was done, `to` the halt or the outcome."""

    first: Instant = field(name="from")
    last: Instant = field(name="to")


class LabelOffer(Body, frozen=True):
    """The offer that was made, and whether it was taken."""

    percent: Count
    months: Count
    redeemed: bool


class PlayLabel(Body, frozen=True):
    """What came of a play: it happened `at`, and was `known_at` then; a training set as of an earlier instant
    does not know it.

    `began` is when the subscription ended, or the account came into the tier; `tier` the highest it reached,
    `entry_tier` the one it came in by. `treated` is null where nothing was done: the play was `held_out`, or
    stopped before its first act. `treatments` counts mails and tasks, `offer_held_out` says that the account
    could get no offer, by lot. `cost` is what the offer costs if it was taken, in minor units of `currency`.
    """

    account: str
    journey: Journey
    episode: str
    outcome: Literal["reactivated", "lost", "saved", "churned"]
    reason: str
    at: Instant
    known_at: Instant
    policy: str
    cause: Cause | None
    tier: Tier | None
    entry_tier: Tier | None
    began: Instant
    held_out: bool
    offer_held_out: bool
    treated: Treated | None
    treatments: Count
    halt_reason: str | None
    offer: LabelOffer | None
    cost: Count
    currency: str | None


class Labels(Body, frozen=True):
    """The labels that became known on the days `from` to `to`, both included, oldest first; `cursor` leads to
    the next page, null at the end. A page may hold fewer than `limit` before the end."""

    first: date = field(name="from")
    last: date = field(name="to")
    labels: list[PlayLabel]
    cursor: str | None


def label_body(label: Label) -> PlayLabel:
    """A label as people see it."""
    same = ("account", "journey", "reason", "policy", "cause", "tier", "entry_tier", "held_out")
    more = ("offer_held_out", "treatments", "halt_reason", "cost", "currency", "outcome")
    return PlayLabel(
        episode=label.play,
        at=as_of_text(label.at_ms),
        known_at=as_of_text(label.known_ms),
        began=as_of_text(label.started_ms),
        treated=_treated(label),
        offer=None
        if label.percent is None
        else LabelOffer(percent=label.percent, months=label.months or 0, redeemed=label.redeemed),
        **{name: getattr(label, name) for name in (*same, *more)},
    )


def _treated(label: Label) -> Treated | None:
    if not label.is_treated:
        return None
    return Treated(first=as_of_text(label.from_ms), last=as_of_text(label.until_ms))
