"""What a decision about a play rests on: what is true of the account now, and what was done."""

from enum import StrEnum
from hashlib import blake2b

import msgspec

from stemtide.scoring.assessment import Driver, Tier


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A step that needs no doing any more: done, or found to be never done, at an instant (epoch ms)."""

    step: str
    at_ms: int


class OfferState(StrEnum):
    """How far the play's offer has come."""

    CLAIMED = "claimed"
    MADE = "made"
    WITHHELD = "withheld"


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """The play's offer, as its ledger tells: a share of the price for some months, under a code of the
    provider's. `expires_ms` is when it can no longer be taken."""

    state: OfferState
    percent: int = 0
    months: int = 0
    code: str = ""
    promotion: str | None = None
    cost: int = 0
    expires_ms: int = 0


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All of an account, read just now. Times in epoch ms.

    `gone`: why its outcome can never be known. `turned_ms`: when what the play waits for happened: a customer
    who left subscribes again, one at risk has ended the subscription. `redeemed`: it took the play's offer.
    `stops`: why nothing is done any more. `unmailed`: why no mail goes to it, whatever else is done; then it
    gets no offer either, as it would not hear of it. `waits`: what keeps the play waiting.
    `score`, `tier` and `drivers` are the record's, of an account at risk, `csm` is whose account it is.
    """

    gone: str | None = None
    turned_ms: int | None = None
    redeemed: bool = False
    stops: str | None = None
    unmailed: str | None = None
    waits: str | None = None
    score: int | None = None
    tier: Tier | None = None
    drivers: tuple[Driver, ...] = ()
    csm: str | None = None
    done: tuple[Done, ...] = ()
    offer: Given | None = None

    def is_done(self, step: str) -> bool:
        """Whether a step needs no doing any more."""
        return any(one.step == step for one in self.done)

    def seen(self) -> str:
        """A digest of what others say: it is another when something has happened, whatever was done here."""
        theirs = msgspec.structs.replace(self, done=(), offer=None)
        return blake2b(msgspec.json.encode(theirs), digest_size=8).hexdigest()
