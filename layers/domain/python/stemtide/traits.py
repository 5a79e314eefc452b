"""What may stand in a customer's profile: each trait and each subscription property with its check.

A value of a wrong type is left out and named; the others are kept. Nothing here knows of calls or tables.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from stemtide.as_of import parse_as_of
from stemtide.calls import day_of, iso_of, show, timestamp_ms

Check = Callable[[Any], Any]
"""The value as it is kept, or a ValueError whose text says what to send instead."""

MAX_TEXT_CHARS: Final = 256
MAX_MAIL_CHARS: Final = 254
MAX_WHOLE: Final = 2**53
"""Larger integers are not whole in JSON's readers."""
MAX_METERS: Final = 64
MAX_BODY_CHARS: Final = 2000
"""What is looked at of a ticket's text."""
PRIORITIES: Final = ("low", "normal", "high", "urgent")
MAX_NPS: Final = 10
MAX_TERM_MONTHS: Final = 1200
"""A longer term is a typing error."""
_METER: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_MAIL: Final = re.compile(r"[^@\s<>\"',;]+@[^@\s<>\"',;]+")
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)


def text(value: Any) -> str:
    """A short printable string."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_TEXT_CHARS or not value.isprintable():
        raise ValueError(f"a string of 1 to {MAX_TEXT_CHARS} printable characters")
    return value


def whole(value: Any) -> int:
    """A whole number, not negative; a fraction or a string of digits is none."""
    if type(value) is not int or not 0 <= value <= MAX_WHOLE:
        raise ValueError("a whole number, not negative")
    return value


def minor_units(value: Any) -> int:
    """An amount of money."""
    try:
        return whole(value)
    except ValueError:
        raise ValueError("a whole number of minor units (cents), not negative") from None


def amount(value: Any) -> float:
    """A quantity, which may have a fraction."""
    if type(value) not in (int, float) or not 0 <= value <= MAX_WHOLE:
        raise ValueError("a number, not negative")
    return float(value)


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 (every check raises the same)
    return value


def mail_address(value: Any) -> str:
    """An e-mail address: it becomes an index key and is compared with a person's verified address."""
    if not isinstance(value, str) or len(value) > MAX_MAIL_CHARS or not value.isprintable():
        raise ValueError("one e-mail address")
    if _MAIL.fullmatch(value) is None:
        raise ValueError("one e-mail address")
    return value


def day(value: Any) -> str:
    """A UTC date; of an instant its day."""
    try:
        return day_of(parse_as_of(value))
    except (TypeError, ValueError):
        raise ValueError("a UTC date as YYYY-MM-DD") from None


def instant(value: Any) -> str:
    """An ISO 8601 instant, in UTC."""
    try:
        return iso_of(timestamp_ms(value))
    except (TypeError, ValueError):
        raise ValueError("an ISO 8601 instant such as 2022-01-31T09:30:00Z") from None


def zone(value: Any) -> str:
    """An IANA time zone by its form; whether it exists is asked where it is used, with a fallback."""
    if not isinstance(value, str) or _ZONE.fullmatch(value) is None:
        raise ValueError("an IANA time zone such as Europe/Berlin")
    return value


def currency(value: Any) -> str:
    """An ISO 4217 code, in capitals."""
    code = value.upper() if isinstance(value, str) else ""
    if _CURRENCY.fullmatch(code) is None:
        raise ValueError("an ISO 4217 code such as EUR")
    return code


def meters(value: Any) -> dict[str, int]:
    """Included units by meter; one that is null is left out, so what the plan includes counts."""
    if not isinstance(value, dict) or len(value) > MAX_METERS:
        raise ValueError(f"an object of at most {MAX_METERS} meters with whole numbers")
    for meter, units in value.items():
        if _METER.fullmatch(meter) is None or (units is not None and (type(units) is not int or units < 0)):
            raise ValueError("an object by meter (a-z, 0-9, _) with whole numbers, not negative")
        if units is not None and units > MAX_WHOLE:
            raise ValueError(f"an object by meter with whole numbers up to {MAX_WHOLE}")
    return {meter: units for meter, units in value.items() if units is not None}


def months(value: Any) -> int:
    """The length of a term."""
    if type(value) is not int or not 1 <= value <= MAX_TERM_MONTHS:
        raise ValueError(f"whole months from 1 to {MAX_TERM_MONTHS}")
    return value


def body(value: Any) -> str:
    """A text of any length, of which the beginning is kept."""
    if not isinstance(value, str):
        raise ValueError("a text")  # noqa: TRY004 (every check raises the same)
    return value[:MAX_BODY_CHARS]


def priority(value: Any) -> str:
    """How urgent a ticket is."""
    found = value.lower() if isinstance(value, str) else ""
    if found not in PRIORITIES:
        raise ValueError(f"one of {', '.join(PRIORITIES)}")
    return found


def polarity(value: Any) -> float:
    """A sentiment as its producer measured it."""
    if type(value) not in (int, float) or not -1 <= value <= 1:
        raise ValueError("a number from -1 to 1")
    return float(value)


def nps(value: Any) -> int:
    """An answer to "how likely are you to recommend us"."""
    if type(value) is not int or not 0 <= value <= MAX_NPS:
        raise ValueError(f"a whole number from 0 to {MAX_NPS}")
    return value


TRAITS: Final[Mapping[str, Check]] = {
    "name": text,
    "plan": text,
    "seats": whole,
    "limits": meters,
    "mrr": minor_units,
    "currency": currency,
    "renewal_date": day,
    "csm": mail_address,
    "time_zone": zone,
    "employees": whole,
    "created_at": instant,
    "stripe_customer_id": text,
    "zendesk_organization_id": text,
    "do_not_contact": flag,
}
"""The traits of `group` calls that the profile has; others are no part of it."""

SUBSCRIPTION: Final[Mapping[str, Check]] = {
    "plan": text,
    "mrr": minor_units,
    "quantity": amount,
    "units": text,
    "term_start": instant,
    "term_months": months,
    "reason": text,
    "addon": flag,
}
"""The properties of `Subscription Started/Changed/Ended`."""


TICKET: Final[Mapping[str, Check]] = {
    "ticket_id": text,
    "priority": priority,
    "text": body,
    "csat": amount,
    "sentiment": polarity,
}
"""The properties of `Support Ticket Created/Updated`."""

SURVEY: Final[Mapping[str, Check]] = {"score": nps}
"""The property of `NPS Submitted`."""


def checked(values: Any, checks: Mapping[str, Check]) -> tuple[dict[str, Any], dict[str, str]]:
    """The usable values by name, and for each unusable one what it is and what to send instead.

    Null is usable: it takes an earlier value back.
    """
    data: dict[str, Any] = {}
    dropped: dict[str, str] = {}
    for name, check in checks.items():
        if not isinstance(values, Mapping) or name not in values:
            continue
        value = values[name]
        try:
            data[name] = None if value is None else check(value)
        except ValueError as error:
            what = type(value).__name__ if check is body else show(value)  # what people wrote is not kept
            dropped[name] = f"{name} is {what}: send {error}"
    return data, dropped
