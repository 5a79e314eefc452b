"""What a letter may be filled with: the kinds of values, as JSON holds them, checked before they are used.

Money is `{"amount": minor units, "currency": code}`, an instant is epoch ms, a day is `YYYY-MM-DD`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from stemtide.currencies import CODES
from stemtide.mail import safe_text

MAX_LABEL_CHARS: Final = 80
MAX_PERSON_CHARS: Final = 60
MAX_SENTENCE_CHARS: Final = 400
MAX_LINK_CHARS: Final = 1000
EARLIEST_MS: Final = 946_684_800_000
"""2000-01-01: an instant before it is seconds taken for milliseconds."""
LATEST_MS: Final = 7_258_118_400_000
"""2200-01-01."""
MOST_MONTHS: Final = 120
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{2,39}")
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LAST_4: Final = re.compile(r"[0-9]{4}")
_BARE_PERCENT: Final = re.compile("%(?![0-9A-Fa-f]{2})")
_SAFE: Final = "/?%:@!$&'()*+,;=~-._"


class Kind(StrEnum):
    """What a value of a letter is, and so how it is checked and written."""

    PERSON = "person"
    LABEL = "label"
    SENTENCE = "sentence"
    CODE = "code"
    LINK = "link"
    MONEY = "money"
    COUNT = "count"
    DAY = "day"
    INSTANT = "instant"
    DEADLINE = "deadline"
    CARD = "card"
    OFFER = "offer"
    REASON = "reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in minor units of its currency."""

    amount: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A payment card as its holder knows it."""

    brand: str
    last4: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A discount for some months: a share of the price (whole per cent), or an amount off each month."""

    percent: int | None
    off: Money | None
    months: int


Checked = str | int | date | Money | Card | Offer


class WrongValueError(ValueError):
    """A value that does not fit its kind; the message says what would."""


def check(kind: Kind, value: object) -> Checked:
    """The value, understood.

    Raises:
        WrongValueError: see there.
    """
    return _CHECKS[kind](value)


def _text(value: object, *, most: int) -> str:
    if not isinstance(value, str):
        raise WrongValueError(f"give a text of at most {most} characters")
    return safe_text.one_line(value, most=most)


def _label(value: object, *, most: int = MAX_LABEL_CHARS) -> str:
    text = _text(value, most=most)
    if not text:
        raise WrongValueError("give a text in which something can be seen")
    return text


def _sentence(value: object) -> str:
    return _label(value, most=MAX_SENTENCE_CHARS)


def _person(value: object) -> str:
    if not isinstance(value, str):
        raise WrongValueError("give a person's name, or leave it out")
    return safe_text.person(value, most=MAX_PERSON_CHARS)


def _code(value: object) -> str:
    if not isinstance(value, str) or not _CODE.fullmatch(value):
        raise WrongValueError("give a code of 3 to 40 letters, digits, - and _")
    return value


def _reason(value: object) -> str:
    if value not in ("declined", "expired"):
        raise WrongValueError('give "declined" or "expired"')
    return str(value)


def _whole(value: object, *, least: int, most: int, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise WrongValueError(f"give {what}")
    return value


def _count(value: object) -> int:
    return _whole(value, least=0, most=2**53, what="a whole number, not below 0")


def _instant(value: object) -> int:
    return _whole(value, least=EARLIEST_MS, most=LATEST_MS, what="an instant in UTC epoch milliseconds")


def _day(value: object) -> date:
    wanted = "give a day of the calendar as YYYY-MM-DD"
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value, re.ASCII):
        raise WrongValueError(wanted)
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise WrongValueError(wanted) from None


def _money(value: object) -> Money:
    shape = 'give {"amount": whole minor units, "currency": "ISO 4217 code"}'
    if not isinstance(value, dict) or set(value) != {"amount", "currency"} or value["currency"] not in CODES:
        raise WrongValueError(shape)
    return Money(
        amount=_whole(value["amount"], least=0, most=2**53, what=shape[5:]), currency=value["currency"]
    )


def _card(value: object) -> Card:
    shape = 'give {"brand": "Visa", "last4": "4242"}'
    if not isinstance(value, dict) or set(value) != {"brand", "last4"}:
        raise WrongValueError(shape)
    if not isinstance(value["last4"], str) or not _LAST_4.fullmatch(value["last4"]):
        raise WrongValueError(shape)
    return Card(brand=_label(value["brand"], most=20), last4=value["last4"])


def _offer(value: object) -> Offer:
    shape = 'give {"percent": 20, "months": 3} or {"amount": 1000, "currency": "EUR", "months": 3}'
    if not isinstance(value, dict) or "months" not in value:
        raise WrongValueError(shape)
    months = _whole(value["months"], least=1, most=MOST_MONTHS, what=shape[5:])
    rest = {name: one for name, one in value.items() if name != "months"}
    if set(rest) == {"percent"}:
        percent = _whole(rest["percent"], least=1, most=100, what=shape[5:])
        return Offer(percent=percent, off=None, months=months)
    return Offer(percent=None, off=_money(rest), months=months)


def link(value: object) -> str:
    """An address that a letter may lead to: https (http on this machine only), percent-encoded.

    Raises:
        WrongValueError: it is another, or holds what could lead elsewhere than it looks.
    """
    wanted = f"give an address that begins with https://, of at most {MAX_LINK_CHARS} characters"
    if not isinstance(value, str) or not value.isprintable() or any(c in value for c in ' <>"\\^`{|}'):
        raise WrongValueError(wanted)
    try:
        parts = urlsplit(value)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = parts.port
    except (ValueError, UnicodeError):
        raise WrongValueError(wanted) from None
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
    if not secure or not _HOST.fullmatch(host) or "@" in parts.netloc:
        raise WrongValueError(wanted)
    place = host if port is None else f"{host}:{port}"
    path, query, fragment = (_encoded(part) for part in (parts.path, parts.query, parts.fragment))
    written = urlunsplit((parts.scheme, place, path, query, fragment))
    if len(written) > MAX_LINK_CHARS:
        raise WrongValueError(wanted)
    return written


def _encoded(part: str) -> str:
    return quote(_BARE_PERCENT.sub("%25", part), safe=_SAFE)


_CHECKS: Final[Mapping[Kind, Callable[[object], Checked]]] = {
    Kind.PERSON: _person,
    Kind.LABEL: _label,
    Kind.SENTENCE: _sentence,
    Kind.CODE: _code,
    Kind.LINK: link,
    Kind.MONEY: _money,
    Kind.COUNT: _count,
    Kind.DAY: _day,
    Kind.INSTANT: _instant,
    Kind.DEADLINE: _instant,
    Kind.CARD: _card,
    Kind.OFFER: _offer,
    Kind.REASON: _reason,
}
