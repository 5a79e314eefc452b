"""Designs that are broken on purpose: what each leaves out is what the right one has."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Any, Final

import msgspec
from stemtide.config_plays import Offers
from stemtide.dunning.ledger import Entry
from stemtide.plays.decide import Action
from stemtide.plays.facts import Facts
from stemtide.plays.labels import Label
from stemtide.plays.offering import Offering
from stemtide.plays.play import Play
from stemtide.plays.ports import OfferClaim
from stemtide.plays.steps import PlayStepper

from tests.simulation.plays.memory import MemoryOffers, MemoryPlays
from tests.simulation.plays.world import stepper_of


class _FirstLook:
    """What was true when the play was looked at first is taken for true ever after, but for what was done."""

    def __init__(self, read: Any) -> None:
        self._read = read
        self._first: dict[str, Facts] = {}

    def __call__(self, play: Play, entries: list[Entry]) -> Facts:
        now = self._read(play, entries)
        first = self._first.setdefault(play.id, now)
        return msgspec.structs.replace(first, done=now.done, offer=now.offer)


class _Unheard:
    """An offer is made whether or not any mail may tell of it."""

    def __init__(self, read: Any) -> None:
        self._read = read

    def __call__(self, play: Play, entries: list[Entry]) -> Facts:
        return msgspec.structs.replace(self._read(play, entries), unmailed=None)


class _NoCoolOff(MemoryOffers):
    """Each play has an offer to make, whatever the customer had before."""

    def claim(self, claim: OfferClaim, /, *, now_ms: int) -> OfferClaim | None:
        super().claim(claim, now_ms=now_ms)
        return claim


class _RandomCoupons(Offering):
    """Each try has a coupon and a code of its own."""

    _numbers = count()

    def make(self, play: Play, claim: OfferClaim) -> str:
        number, provider = next(self._numbers), self.provider()
        about = {"metadata": {"account": play.account, "episode": play.id}, "max_redemptions": 1}
        worth = {"percent_off": claim.percent, "duration": "repeating", "duration_in_months": claim.months}
        coupon = provider.create_coupon(key=f"{play.id}-{number}", coupon={**about, **worth})
        promotion = {"type": "coupon", "coupon": coupon["id"]}
        code = {"promotion": promotion, "code": f"{claim.code}-{number}", "customer": claim.customer}
        made = provider.create_promotion_code(
            key=f"{play.id}-{number}-code", promotion_code={**code, **about}
        )
        return str(made["id"])


class _Everybody(PlayStepper):
    """Who is held out is treated as all others are."""

    def _decide(self, play: Play, facts: Facts) -> Action:
        return super()._decide(msgspec.structs.replace(play, held_out=False), facts)


class _NoVersion(MemoryPlays):
    """Whoever writes last is right."""

    def append(self, play: Play, entries: list[Entry], /, *, label: Label | None = None) -> Play:
        now = self._rows[play.id].version
        return super().append(msgspec.structs.replace(play, version=now), entries, label=label)


class _NoGuard(MemoryPlays):
    """Each event opens a play."""

    def open(self, play: Play, first: Entry, /) -> bool:
        self._guards.pop((play.account, play.journey), None)
        return super().open(play, first)


def _stepper(change: Callable[[PlayStepper], PlayStepper]) -> dict[str, Any]:
    return {"stepper_of": lambda world: change(stepper_of(world))}


def _treat_everybody(right: PlayStepper) -> PlayStepper:
    return _Everybody(**{name: getattr(right, name) for name in right.__dataclass_fields__})


def _no_floor(right: PlayStepper) -> PlayStepper:
    generous = Offers(
        percents=(50,), margin_floor_pct=0, min_tenure_days=30, holdout_pct=15, max_cost_months=12
    )
    return replace(right, offering=replace(right.offering, policy=generous))


def _random_coupons(right: PlayStepper) -> PlayStepper:
    one = right.offering
    return replace(right, offering=_RandomCoupons(rows=one.rows, provider=one.provider, policy=one.policy))


BROKEN: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {
    "no_live_read": lambda: _stepper(lambda right: replace(right, read_facts=_FirstLook(right.read_facts))),
    "offer_without_mail": lambda: _stepper(
        lambda right: replace(right, read_facts=_Unheard(right.read_facts))
    ),
    "mail_without_claim": lambda: {"mail_claims": False},
    "no_cool_off": lambda: {"offers_of": lambda world: _NoCoolOff(world.at_a_point)},
    "random_coupons": lambda: _stepper(_random_coupons),
    "no_margin_floor": lambda: _stepper(_no_floor),
    "treat_everybody": lambda: _stepper(_treat_everybody),
    "no_version": lambda: {"plays_of": lambda world: _NoVersion(world.at_a_point)},
    "no_guard": lambda: {"plays_of": lambda world: _NoGuard(world.at_a_point)},
}
"""What of a world each replaces."""
