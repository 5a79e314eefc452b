"""Numbers and names as a reader sees them; what was not measured says so instead of being left blank."""

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Final

from stemtide.currencies import minor_digits

from models.evidence import Interval

NOT_MEASURED: Final = "not measured"
SPACE: Final = "\u00a0"
"""Does not break: a number and its unit stay on one line."""
ELLIPSIS: Final = "\u2026"
_UNPRINTABLE: Final = frozenset({"Cc", "Cs", "Co", "Cn"})
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that would change the direction of the text behind a name."""


def known(value: float | None) -> bool:
    """Whether a figure was measured (NaN was not)."""
    return value is not None and math.isfinite(value)


def count(value: int | None) -> str:
    """A whole number with separators."""
    return NOT_MEASURED if value is None else f"{value:,}"


def plural(value: int, one: str, many: str | None = None) -> str:
    """A count with its noun: '1 row', '2,000 rows'."""
    return f"{value:,}{SPACE}{one if value == 1 else many or one + 's'}"


def number(value: float | None, digits: int = 3) -> str:
    """A figure with so many decimals."""
    return NOT_MEASURED if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def change(value: float | None, digits: int = 3) -> str:
    """A difference, always with its sign."""
    return NOT_MEASURED if value is None or not math.isfinite(value) else f"{value:+.{digits}f}"


def small(value: float | None) -> str:
    """A figure of any size, in scientific notation."""
    return NOT_MEASURED if value is None or not math.isfinite(value) else f"{value:.1e}"


def percent(value: float | None) -> str:
    """A share in per cent: one decimal, two significant digits below 1 %."""
    if value is None or not math.isfinite(value):
        return NOT_MEASURED
    scaled = 100 * value
    if scaled in (0, 100) or abs(scaled) >= 99.95:
        return f"{scaled:.0f}{SPACE}%"
    return f"{scaled:.1f}{SPACE}%" if abs(scaled) >= 1 else f"{scaled:.2g}{SPACE}%"


def times(value: float | None) -> str:
    """How many times as much."""
    return NOT_MEASURED if value is None or not math.isfinite(value) else f"{value:.1f}{SPACE}times"


def interval(found: Interval, show: Callable[[float | None], str] = number) -> str:
    """Both ends: '0.781 to 0.893'."""
    if found is None or not all(map(known, found)):
        return NOT_MEASURED
    return f"{show(found[0])}{SPACE}to{SPACE}{show(found[1])}"


def with_interval(value: float | None, found: Interval, show: Callable[[float | None], str] = number) -> str:
    """A figure with its interval in brackets, where there is one."""
    if not known(value) or found is None or not all(map(known, found)):
        return show(value)
    return f"{show(value)} ({interval(found, show)})"


def money(minor: int | None, currency: str | None) -> str:
    """An amount of minor units in whole major ones."""
    if minor is None:
        return NOT_MEASURED
    whole = round(minor / 10 ** minor_digits(currency or ""))
    return f"{whole:,}{SPACE}{currency}" if currency else f"{whole:,}"


def share(part: float | None, whole: float | None) -> float | None:
    """A part of a whole, None where either is unknown or there is no whole."""
    return part / whole if part is not None and whole else None


def sentence_list(parts: Sequence[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""


def capital(text: str) -> str:
    """With a capital first letter, the rest as it is."""
    return text[:1].upper() + text[1:]


def clean(text: str) -> str:
    """A name on one line, without characters that no document may hold or that turn the text around."""
    shown = "".join(
        "\ufffd" if unicodedata.category(char) in _UNPRINTABLE and not char.isspace() else char
        for char in text
        if char not in _TURNING
    )
    return re.sub(r"[^\S\u00a0]+", " ", shown)


def width_of(text: str) -> int:
    """Columns that a text takes: wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def shortened(text: str, columns: int) -> str:
    """At most so many columns, the end cut off with an ellipsis."""
    text = clean(text).strip()
    if width_of(text) <= columns:
        return text
    kept = ""
    for char in text:
        if width_of(kept + char) > columns - 1:
            break
        kept += char
    return kept.rstrip() + ELLIPSIS
