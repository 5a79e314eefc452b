"""A play: one run of win-back or retention about an account, from what opened it to its outcome.

Its row is the truth; the state machine's execution only moves it along. What is done may stop long before
the outcome is known; until then the play looks on, so that those who were held out are seen just as long.
"""

from enum import StrEnum
from hashlib import blake2b
from typing import Final

import msgspec

from stemtide.calls import DAY_MS
from stemtide.config_plays import Cause
from stemtide.scoring.assessment import Tier

ID_BYTES: Final = 12
HUNDRED: Final = 100


class Journey(StrEnum):
    """What a play is for."""

    WIN_BACK = "win_back"
    RETENTION = "retention"


class Outcome(StrEnum):
    """What came of it. `unobserved`: it cannot be known (erased, deleted), or there was nothing to do."""

    REACTIVATED = "reactivated"
    LOST = "lost"
    SAVED = "saved"
    CHURNED = "churned"
    UNOBSERVED = "unobserved"


GOOD: Final = frozenset({Outcome.REACTIVATED, Outcome.SAVED})


class Play(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The row. Times in epoch ms of model time; money in minor units of `currency`.

    `cause` is a win-back's, `tier` (the highest so far, since `tier_ms`) a retention's. `started_ms` is when
    the subscription ended, or the account came into the tier, `until_ms` when its outcome is known at the
    latest, `again_ms` from when on another one may begin; `mrr` what it paid then, `since_ms` since when.
    `held_out` says that it gets nothing, `no_offer` that it gets no offer, both by lot. `halted_ms` is since
    when nothing is done any more, and why (`halt_reason`).
    `seq`, `run`, `version`, `next_reason`, `next_ms` and `token` are as in a dunning episode.
    """

    id: str
    account: str
    journey: Journey
    policy: str
    started_ms: int
    opened_ms: int
    until_ms: int
    again_ms: int
    customer: str | None = None
    subscription: str | None = None
    cause: Cause | None = None
    tier: Tier | None = None
    tier_ms: int | None = None
    plan: str | None = None
    mrr: int | None = None
    currency: str | None = None
    since_ms: int | None = None
    held_out: bool = False
    no_offer: bool = False
    seq: int = 0
    run: int = 1
    version: int = 0
    next_reason: str | None = None
    next_ms: int | None = None
    token: str | None = None
    halted_ms: int | None = None
    halt_reason: str | None = None
    ended_ms: int | None = None
    outcome: Outcome | None = None
    outcome_ms: int | None = None
    outcome_reason: str | None = None
    cost: int | None = None

    @property
    def execution(self) -> str:
        """The name of the execution that moves it along."""
        return f"{self.id}-{self.run}"

    @property
    def is_over(self) -> bool:
        """Whether its outcome is known."""
        return self.ended_ms is not None

    @property
    def tenure_days(self) -> int:
        """Whole days that the account had been a customer when the play began; 0 if unknown."""
        return 0 if self.since_ms is None else max(0, (self.started_ms - self.since_ms) // DAY_MS)


def play_id(journey: Journey, account: str, trigger: str) -> str:
    """24 hex digits that follow from what opened it: the same event again is the same play."""
    return _digest(journey, account, trigger)


def drawn(lot: str, account: str, percent: int) -> bool:
    """Whether an account is drawn by a lot: `percent` of a hundred are, each lot anew, an account always the
    same way, so that whoever is held out stays so and the comparison stays clean."""
    return int(_digest("lot", lot, account)[:12], 16) % HUNDRED < percent


def _digest(*parts: str) -> str:
    return blake2b(msgspec.json.encode(parts), digest_size=ID_BYTES).hexdigest()
