"""Opening plays: when a customer has left, when an account has come into a risk tier.

The row decides (see `stemtide.runs`): the same event again, or another one of the account, opens nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from stemtide.billing.objects import UNPAID_CAUSE
from stemtide.calls import DAY_MS
from stemtide.config_billing import Provider
from stemtide.config_plays import Cause
from stemtide.config_schema import Config
from stemtide.dunning.ledger import Entry, Kind
from stemtide.facts import Fact, profile_before
from stemtide.plays.plan import RETENTION_POLICY, has_play, policy_for
from stemtide.plays.play import Journey, Play, drawn, play_id
from stemtide.profile import Profile
from stemtide.runs import Rows, RunKeeper
from stemtide.scoring.assessment import Tier

OFFERS: Final = "offers"
"""The lot of those who get no offer."""


class Kept(Rows[Play], Protocol):
    """Where plays are kept."""

    def open(self, play: Play, first: Entry, /) -> bool:
        """Keep a new play with its first entry; False: the account has, or lately had, one."""

    def running_of(self, account: str, journey: Journey, /) -> str | None:
        """The id of the play of a journey that runs about an account."""


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription has ended: whose, which, when (epoch ms), and why in the provider's and its customer's
    words."""

    account: str
    customer: str
    subscription: str
    at_ms: int
    cause: str | None = None
    feedback: str | None = None


class AtRisk(msgspec.Struct, frozen=True, kw_only=True):
    """An account has come into a risk tier, by the event `id`, as of an instant (epoch ms)."""

    id: str
    account: str
    tier: Tier
    as_of_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayKeeper(RunKeeper[Play]):
    """Opens, wakes and restarts; `facts_of` answers all that was said of an account, `profile_of` what is
    known of it now, `customers_of` who at the payment provider is the account's, the largest first."""

    episodes: Kept
    config: Config
    facts_of: Callable[[str], Iterable[Fact]]
    profile_of: Callable[[str], Profile]
    customers_of: Callable[[str], Sequence[str]]

    def left(self, left: Left) -> str | None:
        """Begin to win a customer back; the play's id, None: no policy fits, or it has or had one.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        self.happened(left.account)
        before = profile_before(self.facts_of(left.account), left.at_ms)
        cause = cause_of(left)
        policy = policy_for(cause, before.mrr, self.config.win_back)
        if policy is None:
            return None
        play = Play(
            id=play_id(Journey.WIN_BACK, left.account, left.subscription),
            journey=Journey.WIN_BACK,
            policy=policy.name,
            customer=left.customer,
            subscription=left.subscription,
            cause=cause,
            until_ms=left.at_ms + policy.outcome_days * DAY_MS,
            again_ms=left.at_ms + self.config.win_back.again_after_days * DAY_MS,
            **self._about(left.account, before, left.at_ms),
        )
        return self._open(play, cause)

    def at_risk(self, risk: AtRisk) -> str | None:
        """Begin to keep an account, or let its play look; the play's id, None: no play is for its tier, or it
        had one lately.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        self.happened(risk.account)
        running = self.episodes.running_of(risk.account, Journey.RETENTION)
        if running is not None or not has_play(risk.tier, self.config.retention):
            return running
        profile = self.profile_of(risk.account)
        now_ms = self.now_ms()
        play = Play(
            id=play_id(Journey.RETENTION, risk.account, risk.id),
            journey=Journey.RETENTION,
            policy=RETENTION_POLICY,
            customer=self._customer(risk.account, profile),
            tier=risk.tier,
            tier_ms=now_ms,
            until_ms=now_ms + self.config.retention.outcome_days * DAY_MS,
            again_ms=now_ms + self.config.retention.again_after_days * DAY_MS,
            **self._about(risk.account, profile, now_ms),
        )
        return self._open(play, risk.tier)

    def happened(self, account: str) -> int:
        """Something has happened to an account: its plays look at once; how many those are.

        Raises:
            UnavailableError: outcome unknown; the same again is safe.
        """
        running = [self.episodes.running_of(account, journey) for journey in Journey]
        return sum(self.look(one) for one in running if one is not None)

    @property
    def _asks_provider(self) -> bool:
        return self.config.billing.provider is not Provider.NONE

    def _about(self, account: str, profile: Profile, started_ms: int) -> dict[str, Any]:
        return {
            "account": account,
            "started_ms": started_ms,
            "opened_ms": self.now_ms(),
            "plan": profile.plan,
            "mrr": profile.mrr,
            "currency": profile.currency or self.config.company.currency,
            "since_ms": profile.since_ms,
            "no_offer": drawn(OFFERS, account, self.config.offers.holdout_pct),
        }

    def _customer(self, account: str, profile: Profile) -> str | None:
        """Who is written to: the customer that the account names, else its largest at the provider."""
        if not self._asks_provider:
            return None
        return profile.stripe_customer_id or next(iter(self.customers_of(account)), None)

    def _open(self, play: Play, reason: str) -> str | None:
        percent = _holdout_pct(play.journey, self.config)
        play = msgspec.structs.replace(play, held_out=drawn(play.journey, play.account, percent))
        first = Entry(seq=1, at_ms=play.opened_ms, kind=Kind.OPENED, reason=reason)
        if not self.episodes.open(play, first):
            found = self.episodes.read(play.id)
            if found is None:
                return None
            play = found[0]
        if not play.is_over:
            self.runs.start(play)
        return play.id


def cause_of(left: Left) -> Cause:
    """Why a subscription ended: unpaid, or what its owner said."""
    if left.cause == UNPAID_CAUSE:
        return Cause.UNPAID
    try:
        return Cause(left.feedback or Cause.NOT_TOLD)
    except ValueError:
        return Cause.OTHER


def _holdout_pct(journey: Journey, config: Config) -> int:
    if journey is Journey.WIN_BACK:
        return config.win_back.holdout_pct
    return config.retention.holdout_pct
