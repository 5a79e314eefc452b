"""What is done about a notice of SES: suppress first, then note, then judge the campaign.

Each step may be repeated, and notices may come late, twice and in any order: an address once stopped stays
stopped, a mail's row remembers the first of each kind, counts go with it in one transaction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from stemtide.calls import DAY_MS
from stemtide.clock import ModelClock
from stemtide.config_mail import Mail
from stemtide.mail.campaigns import Campaign, why_to_pause
from stemtide.mail.message import MailClass
from stemtide.mail.notices import Notice, NoticeKind
from stemtide.mail.ports import Stop


class NotedMail(NamedTuple):
    """The mail that a notice is about."""

    account: str
    campaign: str
    mail_class: MailClass


class AddressRows(Protocol):
    """What stops mail to an address."""

    def stop(self, address_key: str, stop: Stop, /, *, at_ms: int) -> bool: ...

    def soft_bounce(self, address_key: str, /, *, message_id: str, at_ms: int, since_ms: int) -> int: ...


class MailRows(Protocol):
    """The rows of mails."""

    def note(self, notice: Notice, /, *, at_ms: int) -> NotedMail | None:
        """Note in the mail's row, its timeline and its campaign's counts, once; None: no mail of ours."""


class CampaignRows(Protocol):
    """The rows of campaigns."""

    def read(self, campaign: str, /, *, at_ms: int, window_days: int) -> Campaign: ...

    def pause(self, campaign: str, /, *, why: str, at_ms: int) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticing:
    """Works off notices. `real_ms` is what time it is; `paused` hears of each campaign that is about to be
    stopped, of one perhaps more than once."""

    addresses: AddressRows
    mails: MailRows
    campaigns: CampaignRows
    config: Mail
    clock: ModelClock
    real_ms: Callable[[], int]
    paused: Callable[[str, str], None]

    def take(self, notice: Notice) -> None:
        """Do what a notice asks for.

        Raises:
            UnavailableError: an outcome is unknown; the same again does what is left.
        """
        at_ms = self.clock.at(notice.at_ms)
        self._suppress(notice, at_ms)
        mail = self.mails.note(notice, at_ms=at_ms)
        if mail is None or notice.kind not in (NoticeKind.BOUNCED, NoticeKind.COMPLAINED):
            return
        if notice.kind is NoticeKind.COMPLAINED and mail.mail_class is MailClass.TRANSACTIONAL:
            self._stop(notice, Stop.COMPLAINED_OF_SERVICE_MAIL, at_ms)
        self._judge(mail.campaign)

    def _suppress(self, notice: Notice, at_ms: int) -> None:
        if notice.kind is NoticeKind.BOUNCED:
            self._stop(notice, Stop.BOUNCED, at_ms)
        if notice.kind is NoticeKind.COMPLAINED:
            self._stop(notice, Stop.COMPLAINED, at_ms)
        if notice.kind is NoticeKind.SOFT_BOUNCED:
            since_ms = at_ms - self.config.soft_bounce_days * DAY_MS
            for address in notice.addresses:
                found = self.addresses.soft_bounce(
                    address, message_id=notice.message_id, at_ms=at_ms, since_ms=since_ms
                )
                if found >= self.config.soft_bounces:
                    self.addresses.stop(address, Stop.BOUNCED, at_ms=at_ms)

    def _stop(self, notice: Notice, stop: Stop, at_ms: int) -> None:
        for address in notice.addresses:
            self.addresses.stop(address, stop, at_ms=at_ms)

    def _judge(self, name: str) -> None:
        at_ms = self.clock.at(self.real_ms())
        campaign = self.campaigns.read(name, at_ms=at_ms, window_days=self.config.pause.window_days)
        why = None if campaign.paused else why_to_pause(campaign.counts, self.config.pause)
        if why is not None:
            self.paused(name, why)  # whoever finds it paused tells nobody: a crash between tells twice
            self.campaigns.pause(name, why=why, at_ms=at_ms)
