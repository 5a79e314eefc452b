"""What the mail service needs of the outside: small ports whose calls a simulator may crash between."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from stemtide.mail.budget import Contact
from stemtide.mail.message import MailClass, Rendered
from stemtide.mail.outcomes import Reason


class Stop(StrEnum):
    """What keeps mail from an address: names of attributes of its row, which hold the instant."""

    ERASED = "erased"
    SUPPRESSED = "suppressed"
    BOUNCED = "bounced"
    COMPLAINED_OF_SERVICE_MAIL = "complained_of_service_mail"
    COMPLAINED = "complained"
    OPTED_OUT = "opted_out"
    NO_WIN_BACK = "no_win_back"
    NO_UPSELL = "no_upsell"
    NO_RETENTION = "no_retention"


STOPS_ALL: Final = (Stop.ERASED, Stop.SUPPRESSED, Stop.BOUNCED, Stop.COMPLAINED_OF_SERVICE_MAIL)
"""Whoever reports even a failed payment's mail as spam gets no mail at all: SES counts it against the whole
account, and a person can still call."""
STOPS: Final[Mapping[MailClass, tuple[Stop, ...]]] = MappingProxyType(
    {MailClass.TRANSACTIONAL: STOPS_ALL, MailClass.LIFECYCLE: (*STOPS_ALL, Stop.COMPLAINED, Stop.OPTED_OUT)}
)


JOURNEY_STOPS: Final[Mapping[str, Stop]] = MappingProxyType(
    {"win_back": Stop.NO_WIN_BACK, "upsell": Stop.NO_UPSELL, "retention": Stop.NO_RETENTION}
)
"""What an address's owner has chosen not to get, though other lifecycle mail."""


def stops_of(mail_class: MailClass, journey: str) -> tuple[Stop, ...]:
    """What keeps a mail of this class and journey from an address."""
    if mail_class is MailClass.LIFECYCLE and journey in JOURNEY_STOPS:
        return (*STOPS[mail_class], JOURNEY_STOPS[journey])
    return STOPS[mail_class]


class MailState(StrEnum):
    """How far a mail has come. There is no way back from `sent` or `unknown` to being sent."""

    CLAIMED = "claimed"
    SENT = "sent"
    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRow:
    """A mail that was claimed: by whom (`token`), when in real time, and what became of it."""

    account: str
    key: str
    state: MailState
    token: str
    claimed_real_ms: int
    message_id: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose rows a request hangs on."""

    account: str
    key: str
    address: str
    campaign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known at the moment of a decision.

    `stops` are those of the address with their instants; `held` is the reason of a hold; `paused` that of the
    campaign's pause, `run` counts its resumptions; `zone` is the one of the account's profile.
    """

    stops: Mapping[Stop, int] = field(default_factory=dict)
    held: str | None = None
    erased: bool = False
    do_not_contact: bool = False
    zone: str | None = None
    paused: str | None = None
    run: int = 0
    contacts: tuple[Contact, ...] = ()
    budget_version: int = 0
    mail: MailRow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A mail that is about to be sent, with all that was read to decide it: the claim holds only if that is
    still so. `address` is the key of `to`; `contacts` the budget with this mail."""

    asked: Asked
    token: str
    to: str
    mail_class: MailClass
    template: str
    journey: str
    episode: str
    step: str
    at_ms: int
    real_ms: int
    run: int
    contacts: tuple[Contact, ...]
    budget_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that happened to an account, or was withheld, for its timeline. `about` keeps apart what
    happens at one instant; `facts` say more by name."""

    account: str
    at_ms: int
    kind: str
    about: str = ""
    reason: str | None = None
    facts: Mapping[str, str | int] = field(default_factory=dict)


class ContactRows(Protocol):
    """The rows of mails, addresses, holds, budgets and campaigns.

    Every method raises `ports.UnavailableError` when its outcome is unknown.
    """

    def look(self, asked: Asked, /) -> Standing:
        """All that a decision goes by, as of now."""

    def claim(self, claim: Claim, /) -> None:
        """Write the claim and count the contact, all or nothing.

        Raises:
            ConflictError: something is no longer as it was read; nothing was written.
        """

    def confirm(self, claim: Claim, /, *, message_id: str, at_ms: int) -> None:
        """The mail is sent. Repeating changes nothing."""

    def give_back(self, claim: Claim, /) -> None:
        """The mail was certainly not sent: as if it had never been claimed. Repeating changes nothing."""

    def refuse(self, claim: Claim, /, *, why: str, at_ms: int) -> None:
        """The mail was certainly not sent and never will be; the contact is not counted."""

    def mark_unknown(self, mail: MailRow, /, *, reason: Reason, at_ms: int) -> bool:
        """Nobody knows whether the claimed mail was sent; False: meanwhile somebody does."""

    def pause(self, campaign: str, /, *, why: str, at_ms: int) -> bool:
        """Stop a campaign until a person resumes it; False: it stands already."""

    def note(self, note: Note, /) -> None:
        """Tell the timeline."""


class NotAcceptedError(Exception):
    """SES has certainly not taken the mail. `code` is its reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class TooFastError(NotAcceptedError):
    """For its rate, or because it could not be reached: the same succeeds later."""


class SendingStoppedError(NotAcceptedError):
    """Because the account may not send, or is not set up to: no mail succeeds until a person has acted."""


class MailRefusedError(NotAcceptedError):
    """For what this mail is: it never succeeds."""


class MailSender(Protocol):
    """The way out."""

    def send(self, claim: Claim, content: Rendered, /) -> str:
        """Hand the mail to SES, once; its message id.

        Raises:
            NotAcceptedError: it was certainly not taken.
            UnavailableError: nobody knows.
        """
