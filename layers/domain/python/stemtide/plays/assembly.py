"""Puts plays together from their ports and the configuration."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from stemtide.billing.provider import PaymentProvider
from stemtide.calls import DAY_MS
from stemtide.config_schema import Config
from stemtide.dunning.ports import MailFate
from stemtide.facts import Fact, left_at
from stemtide.mail.judging import refusal_of
from stemtide.mail.message import AddressError, MailClass, MailRequest, address_key
from stemtide.mail.outcomes import Reason
from stemtide.mail.ports import Asked, Standing
from stemtide.mail.quiet_hours import zone_of
from stemtide.plays.keeping import Kept, PlayKeeper
from stemtide.plays.live_facts import LivePlayFacts, Record
from stemtide.plays.mailing import PlayLetterbox
from stemtide.plays.offering import Offering
from stemtide.plays.plan import plan_of
from stemtide.plays.play import Play
from stemtide.plays.ports import OfferRows, Plays
from stemtide.plays.steps import PlayStepper
from stemtide.profile import UNKNOWN, Profile
from stemtide.runs import Runs

NOBODY = "nobody"
"""Stands for the address of an account of which none is known: no address has this key."""


class Contacts(Protocol):
    """The contacts table."""

    def look(self, asked: Asked, /) -> Standing: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """What is known of accounts: their records, and the configuration."""

    config: Config
    record: Callable[[str], Record | None]

    def profile(self, account: str) -> Profile:
        """The account's profile as of now."""
        found = self.record(account)
        return UNKNOWN if found is None else found.profile


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Accounts):
    """Accounts, all that was said of each, and who at the payment provider is theirs, the largest first."""

    facts: Callable[[str], Iterable[Fact]]
    customers: Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutAccounts(Accounts):
    """Accounts, and who of them may be written to."""

    facts: Callable[[str], Iterable[Fact]]
    contacts: Contacts

    def left(self, account: str, *, as_of_ms: int) -> int | None:
        """When an account left, by what was told of its terms."""
        grace_ms = self.config.training.grace_days * DAY_MS
        return left_at(self.facts(account), as_of_ms, grace_ms=grace_ms)

    def zone_of(self, play: Play) -> ZoneInfo:
        """The account's zone, the company's where it has none that exists."""
        own = self.profile(play.account).time_zone
        return zone_of((own,), company=self.config.company.time_zone).zone

    def refusal(self, play: Play, address: str | None) -> Reason | None:
        """Why no lifecycle mail of a play goes to an address, None: one may."""
        try:
            key = NOBODY if address is None else address_key(address)
        except AddressError:
            key = NOBODY
        asked = Asked(account=play.account, key=play.id, address=key, campaign=play.journey)
        standing = self.contacts.look(asked)
        if standing.erased:
            return Reason.ERASED  # before all others: its play ends, whatever else keeps mail back
        return refusal_of(play.journey, standing, mail_class=MailClass.LIFECYCLE, config=self.config)


def stepper(
    *,
    plays: Plays,
    offers: OfferRows,
    provider: Callable[[], PaymentProvider],
    send: Callable[[MailRequest], MailFate],
    about: AboutAccounts,
    dunned: Callable[[str], bool],
    now_ms: Callable[[], int],
) -> PlayStepper:
    """What moves plays along."""
    config = about.config
    return PlayStepper(
        episodes=plays,
        offering=Offering(rows=offers, provider=provider, policy=config.offers),
        read_facts=LivePlayFacts(
            provider=provider,
            record=about.record,
            left=lambda account: about.left(account, as_of_ms=now_ms()),
            refusal=about.refusal,
            dunned=dunned,
            now_ms=now_ms,
        ),
        do_step=PlayLetterbox(
            provider=provider, profile_of=about.profile, send=send, config=config, now_ms=now_ms
        ),
        plan_of=lambda play: plan_of(play, config),
        zone_of=about.zone_of,
        exit_margin=config.retention.exit_margin,
        now_ms=now_ms,
    )


def keeper(*, plays: Kept, runs: Runs, about: History, now_ms: Callable[[], int]) -> PlayKeeper:
    """What opens, wakes and restarts plays."""
    return PlayKeeper(
        episodes=plays,
        runs=runs,
        config=about.config,
        facts_of=about.facts,
        profile_of=about.profile,
        customers_of=about.customers,
        now_ms=now_ms,
    )
