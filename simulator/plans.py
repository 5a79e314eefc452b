"""What the simulated company sells: the plans of the shipped `stemtide.toml`, with prices."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan. `seats` and `api_calls` are its limits (None: unlimited), `seat_price` is in the account's
    currency per seat and month, `api_per_seat` the usual API volume of a working day per seat."""

    name: str
    seats: int | None
    api_calls: int | None
    seat_price: float
    api_per_seat: float


PLANS: Final = (
    Plan(name="starter", seats=5, api_calls=10_000, seat_price=19.0, api_per_seat=25.0),
    Plan(name="business", seats=50, api_calls=250_000, seat_price=39.0, api_per_seat=160.0),
    Plan(name="enterprise", seats=None, api_calls=None, seat_price=64.0, api_per_seat=220.0),
)


def plan_for(seats: int) -> int:
    """Index of the smallest plan that has room for so many seats."""
    return next(i for i, plan in enumerate(PLANS) if plan.seats is None or seats <= plan.seats)
