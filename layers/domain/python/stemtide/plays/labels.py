"""What plays teach: an outcome, when it came and when it was known, what was done for it and at what cost.

A label is joined to a training set by the instant at which it became known, never by when it happened.
"""

import msgspec

from stemtide.config_plays import Cause
from stemtide.plays.play import Journey, Outcome
from stemtide.scoring.assessment import Tier


class Label(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An outcome of a play. Times in epoch ms of model time, `cost` in minor units of `currency`.

    `started_ms` is when the subscription ended, or the account came into the tier. `tier` is the highest that
    it reached, `entry_tier` the one in which it came in: groups are compared by that, as whoever is held out
    rises into no other. `from_ms` is when the account came into treatment, `halted_ms` when nothing was done
    any more (None: until the outcome). `held_out` says that nothing was done at all, `offer_held_out` that it
    could get no offer; `treatments` counts the mails and tasks. `percent` and `months` are those of the offer
    that was made, `redeemed` whether it was taken, `cost` what it costs then.
    """

    play: str
    account: str
    journey: Journey
    policy: str
    outcome: Outcome
    started_ms: int
    from_ms: int
    at_ms: int
    known_ms: int
    reason: str
    cause: Cause | None = None
    tier: Tier | None = None
    entry_tier: Tier | None = None
    halted_ms: int | None = None
    halt_reason: str | None = None
    held_out: bool = False
    offer_held_out: bool = False
    treatments: int = 0
    percent: int | None = None
    months: int | None = None
    redeemed: bool = False
    cost: int = 0
    currency: str | None = None

    @property
    def until_ms(self) -> int:
        """When nothing was done any more: the halt, or the outcome."""
        return self.at_ms if self.halted_ms is None else min(self.at_ms, self.halted_ms)

    @property
    def is_treated(self) -> bool:
        """Whether anything was done: a play that was held out, or stopped before its first act, leaves an
        account as it is."""
        return not self.held_out and (self.treatments > 0 or self.percent is not None)
