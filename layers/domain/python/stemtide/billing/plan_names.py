"""What a price is called: the plan of `[[plans]]` that it sells, else what the provider calls it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from stemtide.billing.provider import Json
from stemtide.billing.reading import needed_reference, part, text
from stemtide.config_plans import Plan
from stemtide.subscriptions import SEAT_UNITS
from stemtide.traits import MAX_TEXT_CHARS

SEATS = "seats"


class Named(NamedTuple):
    """A plan's name, its rank if it is configured, and what its quantity counts if that is known."""

    name: str
    rank: int | None
    units: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNames:
    """The configured plans, and `by_id`: the plan that a price or product stands for."""

    plans: Sequence[Plan] = ()
    by_id: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, plans: Sequence[Plan], by_id: Mapping[str, str]) -> Self:
        """As configured."""
        return cls(plans=plans, by_id=by_id)

    def of_price(self, price: Json) -> Named:
        """What a price is called: as `by_id` says of it or of its product; else by the first of its lookup
        key, its nickname and its product's name that is a configured plan; else by the first of these that
        there is, or the product's id.

        Raises:
            MalformedError: the price has no id, or names no product.
        """
        product = needed_reference(price, "product")
        named = self.by_id.get(text(price, "id")) or self.by_id.get(product)
        shown = [price.get("lookup_key"), price.get("nickname"), part(price, "product").get("name")]
        called = [name for name in (named, *shown) if isinstance(name, str) and name.strip()]
        plan = next((found for name in called if (found := self._plan(name)) is not None), None)
        units = _units(part(price, "product").get("unit_label"), plan)
        if plan is not None:
            return Named(plan.name, plan.rank, units)
        return Named(_printable(called[0] if called else product), None, units)

    def _plan(self, name: str) -> Plan | None:
        wanted = name.strip().casefold()
        return next((plan for plan in self.plans if plan.name.casefold() == wanted), None)


def _units(label: object, plan: Plan | None) -> str | None:
    """As facts call them: seats by the product's label, or where the plan has a price per seat."""
    if isinstance(label, str) and label.strip():
        word = label.strip().lower()
        return f"{word}s" if f"{word}s" in SEAT_UNITS else _printable(word)
    return SEATS if plan is not None and plan.mrr_per_seat else None


def _printable(name: str) -> str:
    """As facts may hold it."""
    return "".join(char if char.isprintable() else " " for char in name.strip())[:MAX_TEXT_CHARS]
