"""Levels of MRR as the tests say them."""

from stemtide.as_of import parse_as_of
from stemtide.billing.mrr import Level, levels, settled
from stemtide.calls import iso_of
from stemtide.facts import Fact

from tests.customer_facts import subscription

Told = list[tuple[str, int | None]]


def told(found: tuple[Level, ...]) -> Told:
    """Instant (without zeros at its end) and MRR; None without a subscription."""
    return [
        (
            iso_of(one.from_ms).removesuffix("Z").removesuffix(":00.000").removesuffix("T00:00"),
            one.mrr if one.subscribed else None,
        )
        for one in found
    ]


def raw(*facts: Fact, as_of: str = "2027-12-31") -> Told:
    return told(levels(facts, parse_as_of(as_of), currency="USD"))


def counted(*facts: Fact, as_of: str = "2027-12-31") -> Told:
    return told(settled(levels(facts, parse_as_of(as_of), currency="USD")))


def term(number: int, start: str, mrr: int | None = 100, months: int | None = 1, **said: object) -> Fact:
    return subscription("Started", f"t-{number}", f"{start}T00:00:00Z", mrr=mrr, term_months=months, **said)


def change(number: int, at: str, mrr: int | None, **said: object) -> Fact:
    return subscription("Changed", f"c-{number}", at, mrr=mrr, **said)
