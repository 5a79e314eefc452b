"""One customer as its traits say: name, place, people, contract."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from simulator.plans import PLANS, plan_for

FIRST: Final = (
    "Alder", "Amber", "Aster", "Birch", "Bright", "Cedar", "Cobalt", "Copper", "Coral", "Crane", "Delta",
    "Ember", "Falcon", "Fern", "Flint", "Granite", "Harbor", "Hazel", "Heron", "Indigo", "Juniper", "Kestrel",
    "Lark", "Linden", "Maple", "Meridian", "North", "Oak", "Orchid", "Otter", "Pine", "Polar", "Quartz",
    "River", "Rowan", "Sable", "Silver", "Sparrow", "Summit", "Willow",
)  # fmt: skip
SECOND: Final = (
    "Analytics", "Biotech", "Builders", "Cargo", "Clinics", "Dental", "Energy", "Foods", "Freight", "Garden",
    "Health", "Hotels", "Insurance", "Labs", "Legal", "Logistics", "Media", "Mobility", "Motors", "Optics",
    "Outdoor", "Packaging", "Partners", "Payroll", "Pharma", "Press", "Printing", "Properties", "Research",
    "Retail", "Robotics", "Schools", "Security", "Software", "Sports", "Studios", "Textiles", "Tools",
    "Travel", "Water",
)  # fmt: skip
ZONES: Final = {
    "America/New_York": 0.24,
    "America/Chicago": 0.14,
    "America/Los_Angeles": 0.16,
    "Europe/London": 0.12,
    "Europe/Berlin": 0.16,
    "Europe/Madrid": 0.06,
    "Asia/Singapore": 0.06,
    "Australia/Sydney": 0.06,
}
"""Time zone -> share of the customers."""
CURRENCY: Final = "USD"
"""One price list for all."""
CSMS: Final = ("ada@example.com", "ben@example.com", "chloe@example.com", "dev@example.com")
LONGEST_TENURE_DAYS: Final = 720
FOUNDING_SHARE: Final = 0.6
"""Customers that were there before the log begins; the others join while it runs."""
ANNUAL_SHARE: Final = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """What does not change (days: since 1970-01-01). `mood` is a lasting satisfaction nobody sees."""

    account: str
    name: str
    csm: str
    time_zone: str
    employees: int
    seats: int
    start: int
    term_months: int
    discount: float
    mood: float

    @property
    def plan(self) -> int:
        """Index of the plan it begins with."""
        return plan_for(self.seats)

    @property
    def api_limit(self) -> int | None:
        """Enterprise contracts name a limit of their own; the other plans have the one in the price list."""
        return None if PLANS[self.plan].api_calls is not None else self.seats * 10_000


def account_id(number: int) -> str:
    return f"acct-{number:04d}"


def draw_customer(rng: np.random.Generator, number: int, *, first: int, days: int) -> Customer:
    """The customer of that number in a log of `days` days from day `first`; none joins in the last tenth."""
    zones = list(ZONES)
    zone = zones[int(rng.choice(len(zones), p=list(ZONES.values())))]
    size = float(rng.lognormal(2.0, 1.05))
    seats = int(np.clip(round(size), 2, 220))
    founding = rng.random() < FOUNDING_SHARE
    back, ahead = rng.random(), rng.random()
    start = first - int(back * LONGEST_TENURE_DAYS) if founding else first + int(ahead * 0.9 * days)
    return Customer(
        account=account_id(number),
        name=f"{FIRST[int(rng.integers(len(FIRST)))]} {SECOND[int(rng.integers(len(SECOND)))]}",
        csm=CSMS[int(rng.integers(len(CSMS)))],
        time_zone=zone,
        employees=int(seats * rng.uniform(1.5, 12.0)),
        seats=seats,
        start=start,
        term_months=12 if rng.random() < ANNUAL_SHARE else 1,
        discount=float(rng.choice([0.0, 0.0, 0.0, 0.1, 0.2])),
        mood=float(rng.normal(0.0, 0.5)),
    )
