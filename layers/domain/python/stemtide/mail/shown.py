"""A value as a letter shows it: one object that writes itself into plain text and, escaped, into HTML."""

from dataclasses import dataclass
from datetime import date
from typing import Final
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from stemtide.mail.formatting import Manner
from stemtide.mail.values import Card, Checked, Kind, Money, Offer

_OF_OTHERS: Final = frozenset({Kind.PERSON, Kind.LABEL, Kind.SENTENCE})
"""Words that are not ours, so perhaps of a language that is written from right to left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A value in words.

    `apart` keeps its direction of writing from turning what stands around it; `number` is a count itself, or
    the months of an offer; `host` is where a link leads.
    """

    text: str
    apart: bool = False
    number: int | None = None
    host: str | None = None

    def __str__(self) -> str:
        return self.text

    def __html__(self) -> str:
        escaped = escape(self.text)
        return Markup("<bdi>{}</bdi>").format(escaped) if self.apart else escaped


def shown(kind: Kind, value: Checked, manner: Manner) -> Shown:
    """The value as a customer reads it."""
    match value:
        case Money():
            return Shown(text=manner.money(value))
        case Card():
            return Shown(text=f"{value.brand} •••• {value.last4}", apart=True)
        case Offer():
            return Shown(text=_discount(value, manner), number=value.months)
        case date():
            return Shown(text=manner.day(value))
        case int():
            return _number(kind, value, manner)
        case str():
            host = urlsplit(value).hostname if kind is Kind.LINK else None
            return Shown(text=value, apart=kind in _OF_OTHERS, host=host)


def _number(kind: Kind, value: int, manner: Manner) -> Shown:
    if kind is Kind.COUNT:
        return Shown(text=manner.count(value), number=value)
    return Shown(text=manner.moment(value) if kind is Kind.DEADLINE else manner.day_of(value))


def _discount(offer: Offer, manner: Manner) -> str:
    if offer.off is not None:
        return manner.money(offer.off)
    return manner.percent(offer.percent or 0)
