"""What billing needs of the outside: small ports whose every call is one I/O step.

The `store` package implements them on DynamoDB; simulations implement them in memory, with a crash between
any two steps.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from stemtide.billing.book import EMPTY, Book
from stemtide.billing.objects import Kind, Known
from stemtide.billing.plan_names import PlanNames
from stemtide.billing.provider import PaymentProvider
from stemtide.clock import ModelClock
from stemtide.facts import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An object in its row: whose it is, its version, and when the read had ended that it is from: in real
    time (`read_ms`, epoch ms), by which reads are ordered, and in model time (`seen_ms`). `former` are the
    accounts that a customer was of before."""

    known: Known
    version: int
    read_ms: int
    seen_ms: int
    account: str | None = None
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBook:
    """An account's book and its version, 0 before it is first written."""

    book: Book = EMPTY
    version: int = 0


class Objects(Protocol):
    """The provider's objects as they were last seen."""

    def get(self, customer: str, kind: Kind, object_id: str, /) -> Stored | None:
        """One of them as of now.

        Raises:
            UnavailableError: no answer.
        """

    def all_of(self, customer: str, kind: Kind, /) -> list[Stored]:
        """A customer's objects of a sort as of now.

        Raises:
            UnavailableError: no answer.
        """

    def put(self, stored: Stored, /) -> None:
        """Write version n over version n - 1 (version 1: over nothing).

        Raises:
            ConflictError: the row has another version.
            UnavailableError: outcome unknown.
        """

    def invoice_of(self, payment: str, /) -> tuple[str, str] | None:
        """The customer and invoice that a payment (or charge) belongs to, as far as is known.

        Raises:
            UnavailableError: no answer.
        """


class Books(Protocol):
    """The accounts' books."""

    def get(self, account: str, /) -> StoredBook:
        """The book as of now.

        Raises:
            UnavailableError: no answer.
        """

    def put(self, account: str, stored: StoredBook, /) -> None:
        """Write version n over version n - 1 (version 1: over nothing).

        Raises:
            ConflictError: the book has another version.
            UnavailableError: outcome unknown.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingPorts:
    """What working off an event touches, and what is configured.

    `account_of` finds the account whose traits name a customer; `now_ms` is real time (epoch ms), of which
    `clock` makes model time.
    """

    provider: PaymentProvider
    objects: Objects
    books: Books
    account_of: Callable[[str], str | None]
    put_facts: Callable[[str, Iterable[Fact]], None]
    now_ms: Callable[[], int]
    clock: ModelClock
    names: PlanNames
    account_key: str
