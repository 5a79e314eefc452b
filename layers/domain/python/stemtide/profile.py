"""What is known of a customer apart from usage: traits and subscription, as of an instant."""

from typing import Final

import msgspec

from stemtide.as_of import last_closed_day
from stemtide.calls import DAY_MS

RECENTLY_DAYS: Final = 90
"""An account nobody ever told a plan of counts as a customer while it was active in so many days."""


class Term(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A running subscription term. `mrr` in minor units, `start_ms` epoch ms, `months` None: open-ended."""

    plan: str
    start_ms: int
    months: int | None = None
    mrr: int | None = None
    quantity: float | None = None
    units: str | None = None
    addon: bool = False
    """Sold beside a plan: does not make an account a customer by itself."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a profile says from an instant on, because terms begin or run out then; see `Profile`."""

    from_ms: int
    plan: str | None = None
    seats: int | None = None
    mrr: int | None = None
    renewal_date: str | None = None
    subscribed: bool | None = None
    terms: tuple[Term, ...] = ()


class Profile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An account's traits (the contract's names) and subscription. None is 'unknown'.

    `subscribed` is True with a current plan, False after it ended or ran out, None when nothing was said.
    `plan`, `seats`, `mrr` and `renewal_date` follow the running terms where there are any, else the traits.
    `since_ms` is when the account is first known to have been a customer.
    """

    name: str | None = None
    plan: str | None = None
    seats: int | None = None
    limits: dict[str, int] = {}
    mrr: int | None = None
    currency: str | None = None
    renewal_date: str | None = None
    csm: str | None = None
    time_zone: str | None = None
    employees: int | None = None
    created_at: str | None = None
    stripe_customer_id: str | None = None
    zendesk_organization_id: str | None = None
    do_not_contact: bool = False
    subscribed: bool | None = None
    since_ms: int | None = None
    terms: tuple[Term, ...] = ()
    ahead: tuple[Step, ...] = ()
    """Only in a stored profile: what is known to change later, by instant; see `facts.at_instant`."""

    @property
    def base_term(self) -> Term | None:
        """The running term of the plan itself."""
        return next((term for term in self.terms if not term.addon), None)


UNKNOWN: Final = Profile()


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A support ticket: when it was first heard of (epoch ms), and what was said of it last.

    `sentiment` is that of its last text, from -1 to 1; None without a text whose sentiment is known.
    """

    opened_ms: int
    priority: str | None = None
    csat: float | None = None
    sentiment: float | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All that facts say of an account as of an instant.

    `terms` are the plans' terms (not add-ons) that had begun, the earliest first; `nps` is the latest answer.
    """

    profile: Profile = UNKNOWN
    terms: tuple[Term, ...] = ()
    tickets: tuple[Ticket, ...] = ()
    nps: int | None = None


NOTHING_SAID: Final = Standing()


def is_customer(profile: Profile, *, last_active_day: int | None, as_of_ms: int) -> bool:
    """Whether the account is scored at this instant: it has a current plan, or was never said to have one
    and has been active lately.

    Args:
        last_active_day: the latest closed day with usage, days since 1970-01-01.
    """
    if profile.subscribed is not None:
        return profile.subscribed
    return last_active_day is not None and last_closed_day(as_of_ms) - last_active_day < RECENTLY_DAYS


def tenure_days(profile: Profile, as_of_ms: int) -> int | None:
    """Whole days since the account became a customer."""
    return None if profile.since_ms is None else max(0, (as_of_ms - profile.since_ms) // DAY_MS)
