"""Amounts, numbers, days and instants as a customer reads them: in the own language and the own time zone."""

import copy
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_gmt, get_timezone_name
from babel.numbers import format_decimal, format_percent

from stemtide.currencies import minor_digits
from stemtide.mail.values import Money

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CODE_BESIDE_DIGIT: Final = re.compile(r"(?<=[A-Z]{3})(?=[0-9])")
"""Between a currency that has no sign of its own and its amount stands a space in every language (CLDR's
currencySpacing, which Babel leaves out)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a customer writes: the language with its region, and the time zone."""

    locale: Locale
    zone: ZoneInfo

    def money(self, money: Money) -> str:
        """The amount to its minor unit by ISO 4217: 2 decimals for euros, none for yen, 3 for dinars."""
        digits = minor_digits(money.currency)
        pattern = copy.copy(self.locale.currency_formats["standard"])
        pattern.frac_prec = (digits, digits)
        value = Decimal(money.amount).scaleb(-digits)
        text = str(pattern.apply(value, self.locale, currency=money.currency, currency_digits=False))
        return _CODE_BESIDE_DIGIT.sub("\u00a0", text)

    def count(self, number: int) -> str:
        """A whole number with its thousands told apart."""
        return str(format_decimal(number, locale=self.locale))

    def percent(self, whole: int) -> str:
        """A share in whole per cent."""
        return str(format_percent(Decimal(whole) / 100, locale=self.locale))

    def day(self, day: date) -> str:
        """A day of the calendar in words."""
        return str(format_date(day, format="long", locale=self.locale))

    def day_of(self, at_ms: int) -> str:
        """The day on which an instant (epoch ms) falls for the customer."""
        return self.day(self._local(at_ms).date())

    def moment(self, at_ms: int) -> str:
        """Day, time and zone of an instant (epoch ms): for what ends then. A day alone would promise more."""
        local = self._local(at_ms)
        time = str(format_time(local, format="short", locale=self.locale)).replace("\u202f", "\u00a0")
        return f"{self.day(local.date())}, {time} ({self._zone_at(local)})"

    def _zone_at(self, local: datetime) -> str:
        """The zone by its usual abbreviation ("MEZ"); by its distance where the language has none."""
        name = str(get_timezone_name(local, width="short", locale=self.locale))
        return name if name[0].isalpha() else str(get_timezone_gmt(local, locale=self.locale))

    def _local(self, at_ms: int) -> datetime:
        return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(self.zone)


def written_like(tag: str, *, language: str) -> Locale:
    """How numbers are written under a language tag (`de-AT`), as long as it is of the letter's own language:
    a German letter has no English dates."""
    for candidate in (tag, language):
        try:
            locale = Locale.parse(candidate, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
        if locale.language == language.partition("-")[0]:
            return locale
    raise LookupError(f"numbers are not known in {language}")


def zone_of(*names: str | None) -> ZoneInfo:
    """The first of these IANA zones that exists; UTC when none does."""
    for name in names:
        try:
            return ZoneInfo(name or "")
        except (ValueError, OSError, LookupError):
            continue  # not there, or not the name of a zone: the next one is asked
    return ZoneInfo("UTC")
