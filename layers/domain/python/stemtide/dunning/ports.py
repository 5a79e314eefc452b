"""What an episode touches: small ports whose every call is one I/O step, so that a simulator can crash
between any two of them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from stemtide.billing.provider import Json
from stemtide.dunning.decide import Mail
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Facts
from stemtide.dunning.ledger import Entry


class Episodes(Protocol):
    """Where episodes and their ledgers are kept."""

    def read(self, episode_id: str, /) -> tuple[Episode, list[Entry]] | None:
        """The row and all entries as of now, None: no such episode."""

    def open(self, episode: Episode, first: Entry, /) -> bool:
        """Keep a new episode with its first entry; False: it is there, or its customer has one that runs."""

    def append(self, episode: Episode, entries: Sequence[Entry], /) -> Episode:
        """Add entries and write the row (with its new `seq`) in one transaction; the row as it is then.

        Raises:
            ConflictError: the row is not of `episode.version`: somebody else has moved on.
            UnavailableError: outcome unknown.
        """


class Payments(Protocol):
    """The acts of the payment provider that an episode needs (`billing.provider`)."""

    def pay_invoice(self, invoice_id: str, /, *, key: str, payment_method: str | None = None) -> Json: ...

    def cancel_subscription(self, subscription_id: str, /, *, key: str, reason: str) -> Json: ...


class ReadFacts(Protocol):
    """Reads all that a decision rests on, the provider's side of it live."""

    def __call__(self, episode: Episode, entries: Sequence[Entry], /) -> Facts: ...


class Fate(StrEnum):
    """What became of a mail. Only a deferred one is asked for again."""

    SENT = "sent"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    DEFERRED = "deferred"


class MailFate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a mail, under which key and why; `until_ms` when a deferred one may go, `template` which
    letter it was where that is chosen as it is written, `provider_id` what SES calls one that was sent."""

    fate: Fate
    key: str
    reason: str | None = None
    until_ms: int | None = None
    template: str | None = None
    provider_id: str | None = None


class SendMail(Protocol):
    """Writes to the customer through the mail service, which claims each mail once and asks the budget.

    Raises `ConflictError` where what is due is not what the facts say any more.
    """

    def __call__(self, episode: Episode, mail: Mail, facts: Facts, /) -> MailFate: ...
