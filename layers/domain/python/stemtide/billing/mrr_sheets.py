"""Revenue and customers by period and currency: opening, movements, closing."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from stemtide.billing.churn import Retention
from stemtide.billing.months import Period
from stemtide.billing.movements import Kind, Movement, movements
from stemtide.billing.mrr import Level


@dataclass(slots=True, kw_only=True)
class Sheet:
    """A period in one currency: MRR in minor units and customers, what moved with its sign.

    `unknown` are the customers at the end whose price is not known in full: what is known of it is counted.
    """

    opening: int = 0
    moved: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    closing: int = 0
    customers_opening: int = 0
    customers_moved: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    customers_closing: int = 0
    unknown: int = 0
    retention: Retention = field(default_factory=Retention)

    @property
    def reconciles(self) -> bool:
        """Whether opening and movements make the closing: revenue to the minor unit, and customers."""
        return (
            self.opening + sum(self.moved.values()) == self.closing
            and self.customers_opening + sum(self.customers_moved.values()) == self.customers_closing
        )

    def open(self, opening: Level, later: Sequence[Level]) -> None:
        """Count an account that is a customer when the period begins, with its levels in the period."""
        self.opening += opening.mrr
        self.customers_opening += 1
        self.retention.count(opening, later)

    def move(self, movement: Movement) -> None:
        """Count a movement."""
        self.moved[movement.kind] += movement.amount
        self.customers_moved[movement.kind] += movement.customers

    def close(self, closing: Level) -> None:
        """Count an account that is a customer when the period ends."""
        self.closing += closing.mrr
        self.customers_closing += 1
        self.unknown += bool(closing.unknown)


def sheets(accounts: Iterable[Sequence[Level]], periods: Sequence[Period]) -> dict[str, list[Sheet]]:
    """The sheet of each period by currency.

    Opening and closing are read off the levels and movements are told between them: neither is made from the
    other.

    Args:
        accounts: the levels of each (`mrr.settled`).
        periods: may overlap, e.g. months and the year that they make.
    """
    found: dict[str, list[Sheet]] = defaultdict(lambda: [Sheet() for _ in periods])
    for levels in accounts:
        account = _Account.of(levels)
        for place, period in enumerate(periods):
            opening, closing = account.before(period.start_ms), account.before(period.end_ms)
            if opening is not None:
                found[opening.currency][place].open(opening, account.levels_in(period))
            for movement in account.movements_in(period):
                found[movement.currency][place].move(movement)
            if closing is not None:
                found[closing.currency][place].close(closing)
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class _Account:
    """An account's levels and movements, with their instants, by which those of a period are found."""

    levels: Sequence[Level]
    level_ms: Sequence[int]
    movements: Sequence[Movement]
    movement_ms: Sequence[int]

    @classmethod
    def of(cls, levels: Sequence[Level]) -> "_Account":
        moved = list(movements(levels))
        return cls(levels, [one.from_ms for one in levels], moved, [one.at_ms for one in moved])

    def before(self, at_ms: int) -> Level | None:
        """The level just before an instant; None: no customer then."""
        place = bisect_left(self.level_ms, at_ms)
        return self.levels[place - 1] if place and self.levels[place - 1].subscribed else None

    def levels_in(self, period: Period) -> Sequence[Level]:
        return self.levels[_within(self.level_ms, period)]

    def movements_in(self, period: Period) -> Sequence[Movement]:
        return self.movements[_within(self.movement_ms, period)]


def _within(instants: Sequence[int], period: Period) -> slice:
    return slice(bisect_left(instants, period.start_ms), bisect_left(instants, period.end_ms))
