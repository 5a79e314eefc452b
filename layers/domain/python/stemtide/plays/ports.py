"""What a play touches: small ports whose every call is one I/O step, so that a simulator can crash between
any two of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from stemtide.billing.provider import Json
from stemtide.dunning.ledger import Entry
from stemtide.dunning.ports import MailFate
from stemtide.plays.decide import Do
from stemtide.plays.facts import Facts
from stemtide.plays.labels import Label
from stemtide.plays.play import Play


class Plays(Protocol):
    """Where plays and their ledgers are kept."""

    def read(self, play_id: str, /) -> tuple[Play, list[Entry]] | None:
        """The row and all entries as of now, None: no such play."""

    def append(self, play: Play, entries: Sequence[Entry], /, *, label: Label | None = None) -> Play:
        """Add entries and write the row (with its new `seq`) in one transaction, with the label of an
        outcome; the row as it is then.

        Raises:
            ConflictError: the row is not of `play.version`: somebody else has moved on.
            UnavailableError: outcome unknown.
        """


class OfferClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's right to its one offer: which play has it, on what terms, since when and until when no
    other is made (epoch ms)."""

    customer: str
    play: str
    percent: int
    months: int
    code: str
    claimed_ms: int
    expires_ms: int
    free_ms: int


class OfferRows(Protocol):
    """Who has an offer: one row a customer."""

    def claim(self, claim: OfferClaim, /, *, now_ms: int) -> OfferClaim | None:
        """The claim as it is kept: this one, or an earlier one of the same play; None: another play's holds
        until it cools off.

        Raises:
            UnavailableError: outcome unknown; the same again changes nothing.
        """


class Promotions(Protocol):
    """The acts of the payment provider that an offer needs (`billing.provider`)."""

    def create_coupon(self, *, key: str, coupon: Mapping[str, Any]) -> Json: ...

    def create_promotion_code(self, *, key: str, promotion_code: Mapping[str, Any]) -> Json: ...

    def promotion_codes(self, *, coupon: str) -> Iterator[Json]: ...


class ReadFacts(Protocol):
    """Reads all that a decision rests on, the provider's side of it live."""

    def __call__(self, play: Play, entries: Sequence[Entry], /) -> Facts: ...


class SendStep(Protocol):
    """Does what a step is: writes through the mail service, which claims each mail once and asks the
    budget."""

    def __call__(self, play: Play, step: Do, facts: Facts, /) -> MailFate: ...


Clock = Callable[[], int]
