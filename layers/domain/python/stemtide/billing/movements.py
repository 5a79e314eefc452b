"""MRR movements: why an account pays more or less than before, so that opening plus movements is closing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from stemtide.billing.mrr import Level


class Kind(StrEnum):
    """Why revenue moved."""

    NEW = "new"
    """The first subscription ever."""
    EXPANSION = "expansion"
    CONTRACTION = "contraction"
    CHURN = "churn"
    """No subscription remains."""
    REACTIVATION = "reactivation"
    """A subscription after churn."""
    TRANSFER = "transfer"
    """The account is billed in another currency: out of one, into the other, and no movement of either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A change of an account's MRR at an instant: `amount` (signed, minor units of `currency`) and by how
    many the customers of that currency become more (1), fewer (-1) or stay (0)."""

    at_ms: int
    kind: Kind
    currency: str
    amount: int
    customers: int = 0


def movements(found: Iterable[Level]) -> Iterator[Movement]:
    """The movements between an account's levels (`mrr.settled`), the earliest first."""
    before: Level | None = None
    for level in found:
        if before is None or not before.subscribed:
            if level.subscribed:
                kind = Kind.NEW if before is None else Kind.REACTIVATION
                yield _joining(kind, level)
        elif not level.subscribed:
            yield _leaving(Kind.CHURN, before, level.from_ms)
        elif level.currency != before.currency:
            yield _leaving(Kind.TRANSFER, before, level.from_ms)
            yield _joining(Kind.TRANSFER, level)
        elif level.mrr != before.mrr:
            kind = Kind.EXPANSION if level.mrr > before.mrr else Kind.CONTRACTION
            yield Movement(
                at_ms=level.from_ms, kind=kind, currency=level.currency, amount=level.mrr - before.mrr
            )
        before = level


def _joining(kind: Kind, level: Level) -> Movement:
    return Movement(at_ms=level.from_ms, kind=kind, currency=level.currency, amount=level.mrr, customers=1)


def _leaving(kind: Kind, before: Level, at_ms: int) -> Movement:
    return Movement(at_ms=at_ms, kind=kind, currency=before.currency, amount=-before.mrr, customers=-1)
