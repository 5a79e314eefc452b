"""Reads the facts of a decision about a play: the provider live, the record, who may be written to."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from stemtide.billing.provider import Json, ProviderRefusedError
from stemtide.dunning.ledger import Entry
from stemtide.mail.outcomes import Reason
from stemtide.plays import telling
from stemtide.plays.facts import Facts, OfferState
from stemtide.plays.offering import coupon_id
from stemtide.plays.play import Play
from stemtide.plays.reading import Seen, facts_of
from stemtide.profile import UNKNOWN, Profile
from stemtide.scoring.assessment import Assessment

MISSING: Final = "resource_missing"


class Reads(Protocol):
    """The reads of `billing.provider.PaymentProvider` that a decision needs."""

    def customer(self, customer_id: str, /) -> Json | None: ...

    def subscriptions(self, *, customer: str | None = None) -> Iterator[Json]: ...

    def promotion_codes(self, *, coupon: str) -> Iterator[Json]: ...


class Record(Protocol):
    """A customer record."""

    @property
    def profile(self) -> Profile: ...

    @property
    def assessment(self) -> Assessment | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePlayFacts:
    """`plays.ports.ReadFacts`.

    `provider` answers with the provider's client, asked only where a play has a customer; `record` with an
    account's record; `left` when an account left by what was told of its terms, asked where the provider
    knows no subscription; `refusal` why no lifecycle mail of a play may go to an address (None: to any of the
    account's); `dunned` whether a run of dunning about a customer is under way.
    """

    provider: Callable[[], Reads]
    record: Callable[[str], Record | None]
    left: Callable[[str], int | None]
    refusal: Callable[[Play, str | None], Reason | None]
    dunned: Callable[[str], bool]
    now_ms: Callable[[], int]

    def __call__(self, play: Play, entries: Sequence[Entry], /) -> Facts:
        """All that a decision rests on.

        Raises:
            UnavailableError: the provider or a table does not answer.
        """
        record = self.record(play.account)  # first: what it knows of a return, the provider knows by then
        customer, subscriptions = self._at_provider(play)
        address = None if customer is None else customer.get("email")
        seen = Seen(
            customer=customer,
            subscriptions=subscriptions,
            codes=self._codes(play, entries),
            profile=UNKNOWN if record is None else record.profile,
            assessment=None if record is None else record.assessment,
            left_ms=None if subscriptions else self.left(play.account),
            refusal=self.refusal(play, address),
            in_dunning=play.customer is not None and self.dunned(play.customer),
        )
        return facts_of(play, entries, seen, now_ms=self.now_ms())

    def _codes(self, play: Play, entries: Sequence[Entry]) -> list[Json]:
        offer = telling.offer(entries)
        if offer is None or offer.state is not OfferState.MADE:
            return []
        try:
            return list(self.provider().promotion_codes(coupon=coupon_id(play)))
        except ProviderRefusedError as refused:
            if refused.code != MISSING:
                raise
            return []  # somebody has taken the coupon away: what it gave is not known any more

    def _at_provider(self, play: Play) -> tuple[Json | None, list[Json]]:
        if play.customer is None:
            return None, []
        provider = self.provider()
        customer = provider.customer(play.customer)
        if customer is None or customer.get("deleted"):
            return None, []
        return customer, list(provider.subscriptions(customer=play.customer))
