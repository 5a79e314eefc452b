"""Puts dunning together from its ports and the configuration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from stemtide.billing.provider import PaymentProvider
from stemtide.config_billing import CollectionOwner
from stemtide.config_dunning import Policy
from stemtide.config_schema import Config
from stemtide.config_shadow import Capability
from stemtide.dunning.episode import Episode
from stemtide.dunning.keeping import Keeper, Kept
from stemtide.dunning.live_facts import LiveFacts
from stemtide.dunning.mailing import Letterbox
from stemtide.dunning.ports import Episodes, MailFate
from stemtide.dunning.steps import Stepper
from stemtide.mail.message import MailRequest
from stemtide.mail.quiet_hours import zone_of
from stemtide.profile import UNKNOWN, Profile
from stemtide.runs import Runs
from stemtide.shadow import may_act

HELD = "held"
ERASED = "erased"
DO_NOT_CONTACT = "do_not_contact"


class _Record(Protocol):
    @property
    def profile(self) -> Profile: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is known of accounts: their records, their holds, and the configuration."""

    config: Config
    record: Callable[[str], _Record | None]
    hold: Callable[[str], Mapping[str, Any]]

    def profile(self, account: str) -> Profile:
        """The account's profile as of now."""
        found = self.record(account)
        return UNKNOWN if found is None else found.profile

    def held(self, account: str) -> str | None:
        """Why an account is let alone, None: it is not."""
        hold = self.hold(account)
        if "erased_ms" in hold:
            return ERASED
        if "held" in hold:
            return HELD
        return DO_NOT_CONTACT if self.profile(account).do_not_contact else None

    def policy(self, account: str) -> Policy:
        """The policy that fits an account."""
        profile = self.profile(account)
        return self.config.dunning.policy_for(plan=profile.plan, mrr=profile.mrr)

    def policy_of(self, episode: Episode) -> Policy:
        """The policy that an episode was opened with; the account's, if that one is gone."""
        named = (one for one in self.config.dunning.policies if one.name == episode.policy)
        return next(named, None) or self.policy(episode.account)

    def zone_of(self, episode: Episode) -> ZoneInfo:
        """The account's zone, the company's where it has none that exists."""
        own = self.profile(episode.account).time_zone
        return zone_of((own,), company=self.config.company.time_zone).zone

    def owner(self) -> CollectionOwner:
        """Who collects; in shadow dunning only looks on."""
        acts = may_act(Capability.DUNNING, shadow=self.config.shadow).act
        return self.config.billing.collection_owner if acts else CollectionOwner.OBSERVE


def stepper(
    *,
    episodes: Episodes,
    provider: PaymentProvider,
    send: Callable[[MailRequest], MailFate],
    about: About,
    now_ms: Callable[[], int],
    lease_ms: int,
    card_url: str,
) -> Stepper:
    """What moves episodes along."""
    box = Letterbox(
        provider=provider,
        profile_of=about.profile,
        send=send,
        policy_of=about.policy_of,
        zone_of=about.zone_of,
        owner=about.owner,
        card_url=card_url,
    )
    return Stepper(
        episodes=episodes,
        payments=provider,
        read_facts=LiveFacts(provider=provider, held=about.held, now_ms=now_ms),
        send_mail=box,
        policy_of=about.policy_of,
        zone_of=about.zone_of,
        owner=about.owner,
        now_ms=now_ms,
        lease_ms=lease_ms,
    )


def keeper(*, episodes: Kept, runs: Runs, about: About, now_ms: Callable[[], int]) -> Keeper:
    """What opens, wakes and restarts episodes; in shadow they only look on."""
    return Keeper(
        episodes=episodes,
        runs=runs,
        owner=about.owner(),
        policy_name=lambda account: about.policy(account).name,
        now_ms=now_ms,
    )
