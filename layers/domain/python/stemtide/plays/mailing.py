"""Does a step: writes to the customer, or briefs the CSM, through the mail service."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from stemtide.billing.provider import Json
from stemtide.config_retention import Act
from stemtide.config_schema import Config
from stemtide.dunning.ports import Fate, MailFate
from stemtide.mail.message import AddressError, MailRequest, normal_address
from stemtide.plays.decide import Do
from stemtide.plays.facts import Facts
from stemtide.plays.letters import (
    NO_ADDRESS,
    Addressee,
    Letter,
    NoLetter,
    person,
    request,
    retention_letter,
    task_letter,
    win_back_letter,
)
from stemtide.plays.play import Journey, Play
from stemtide.profile import Profile

ALERTS: Final = "alerts"
"""The journey of what is written to the company's own people."""


class Customers(Protocol):
    """What of `billing.provider.PaymentProvider` a letter needs."""

    def customer(self, customer_id: str, /) -> Json | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayLetterbox:
    """`plays.ports.SendStep`; `profile_of` answers what is known of an account, `send` is the mail
    service."""

    provider: Callable[[], Customers]
    profile_of: Callable[[str], Profile]
    send: Callable[[MailRequest], MailFate]
    config: Config
    now_ms: Callable[[], int]

    def __call__(self, play: Play, step: Do, facts: Facts, /) -> MailFate:
        """Write what the step is; one that cannot be done is refused with its reason.

        Raises:
            UnavailableError: the provider or the mail service does not answer; the same again is safe.
        """
        profile = self.profile_of(play.account)
        if step.act == Act.CSM_TASK:
            return self._brief(play, step, facts, profile)
        letter = self._letter(play, step, facts, profile)
        if isinstance(letter, NoLetter):
            return _refused(letter.reason)
        to = self._addressee(play)
        if to is None:
            return _refused(NO_ADDRESS, letter)
        return self._sent(request(play, step, letter, to, zone=profile.time_zone, journey=play.journey))

    def _letter(self, play: Play, step: Do, facts: Facts, profile: Profile) -> Letter | NoLetter:
        if play.journey is Journey.WIN_BACK:
            return win_back_letter(play, step, facts, self.config.win_back, now_ms=self.now_ms())
        return retention_letter(play, step, facts, profile, self.config.retention, now_ms=self.now_ms())

    def _brief(self, play: Play, step: Do, facts: Facts, profile: Profile) -> MailFate:
        letter = task_letter(play, step, facts, profile)
        if not profile.csm:
            return _refused("no_csm", letter)
        try:
            address = normal_address(profile.csm)
        except AddressError:
            return _refused(NO_ADDRESS, letter)
        to = Addressee(address=address, name=person(profile.csm))
        zone = self.config.company.time_zone
        return self._sent(request(play, step, letter, to, zone=zone, journey=ALERTS))

    def _sent(self, asked: MailRequest) -> MailFate:
        return msgspec.structs.replace(self.send(asked), template=asked.template)

    def _addressee(self, play: Play) -> Addressee | None:
        customer = None if play.customer is None else self.provider().customer(play.customer)
        if customer is None or not customer.get("email"):
            return None
        locales = customer.get("preferred_locales") or ()
        return Addressee(
            address=str(customer["email"]),
            name=customer.get("name") or None,
            locale=next(iter(locales), None),
        )


def _refused(reason: str, letter: Letter | None = None) -> MailFate:
    return MailFate(
        fate=Fate.REFUSED, key="", reason=reason, template=None if letter is None else letter.template
    )
