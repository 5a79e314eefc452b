"""How failed payments are assumed to be: read from a TOML file, and refused with line, reason and remedy."""

import re
import tomllib
from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct
from stemtide.config_source import Path as Place
from stemtide.config_source import locate
from stemtide.currencies import CODES

SHIPPED = Path(__file__).with_name("assumptions.toml")
AS_SHIPPED = f"see the shipped file, {SHIPPED.parent.parent.name}/{SHIPPED.parent.name}/{SHIPPED.name}"

Share = Annotated[float, Meta(ge=0, le=1)]
Days = Annotated[float, Meta(ge=0, le=365)]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Amounts(_Part, frozen=True):
    """What is due in a currency, in minor units: `median`, and `spread` of its logarithm."""

    currency: str
    share: Share
    median: Annotated[int, Meta(ge=1, le=10**12)]
    spread: Annotated[float, Meta(ge=0, le=3)] = 0.0


class Declined(_Part, frozen=True):
    """Payments that failed for one reason; see the shipped file for each key."""

    code: str
    share: Share
    works_again: tuple[tuple[Days, Share], ...] = ()
    on_payday: Share = 0.0
    answers: Share = 0.0


class Assumptions(_Part, frozen=True):
    """All that is assumed; see the shipped file for each key."""

    first_day: date
    days: Annotated[int, Meta(ge=1, le=3650)]
    zones: Annotated[tuple[str, ...], Meta(min_length=1)]
    amounts: Annotated[tuple[Amounts, ...], Meta(min_length=1)]
    declines: Annotated[tuple[Declined, ...], Meta(min_length=1)]
    paydays: tuple[Annotated[int, Meta(ge=1, le=31)], ...] = ()
    pay_hour: Annotated[int, Meta(ge=0, le=23)] = 6
    answer_days: Annotated[float, Meta(ge=0, le=30)] = 0.0
    new_card_works: Share = 1.0


class FileError(Exception):
    """A file that cannot be used: which, where, why, and what to do."""

    def __init__(self, *, file: str, line: int, reason: str, remedy: str) -> None:
        super().__init__(f"{file}:{line}: {reason}")
        self.remedy = remedy


def read_assumptions(path: Path) -> Assumptions:
    """The assumptions in a file.

    Raises:
        FileError: it cannot be read, or holds something that cannot be right.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FileError(
            file=str(path), line=1, reason=f"cannot be read ({error.strerror})", remedy="name another file"
        ) from error
    except UnicodeDecodeError as error:
        raise FileError(
            file=str(path), line=1, reason="is not UTF-8", remedy="save it as UTF-8 text"
        ) from error
    try:
        found = msgspec.convert(tomllib.loads(text), Assumptions)
    except tomllib.TOMLDecodeError as error:
        raise FileError(
            file=str(path),
            line=getattr(error, "lineno", None) or _line_in(str(error), text),
            reason=f"not valid TOML: {error}",
            remedy=AS_SHIPPED,
        ) from error
    except msgspec.ValidationError as error:
        reason, _, at = str(error).partition(" - at ")
        unknown = re.search(r"unknown field `(.+)`$", reason)
        place = (*_place(at), unknown[1]) if unknown else _place(at)
        raise FileError(file=str(path), line=locate(text, place), reason=reason, remedy=AS_SHIPPED) from error
    for place, reason, remedy in _problems(found):
        raise FileError(file=str(path), line=locate(text, place), reason=reason, remedy=remedy)
    return found


@lru_cache(maxsize=1)
def shipped() -> Assumptions:
    """What is assumed unless somebody says otherwise."""
    return read_assumptions(SHIPPED)


def _problems(found: Assumptions) -> list[tuple[Place, str, str]]:
    """What a schema cannot say: where, what is wrong, what to do."""
    zones = [
        (("zones", number), f"{name!r} is no time zone", "write an IANA name, e.g. Europe/Berlin")
        for number, name in enumerate(found.zones)
        if not _is_zone(name)
    ]
    currencies = [
        (
            ("amounts", number, "currency"),
            f"{one.currency!r} is no currency",
            "write an ISO 4217 code, e.g. EUR",
        )
        for number, one in enumerate(found.amounts)
        if one.currency not in CODES
    ]
    falling = [
        (
            ("declines", number, "works_again"),
            "works_again does not rise: a card that works again goes on working",
            "write days in order, and shares by that day that never fall",
        )
        for number, one in enumerate(found.declines)
        if any(b[0] <= a[0] or b[1] < a[1] for a, b in pairwise(one.works_again))
    ]
    nothing = [
        ((part,), f"all shares of [[{part}]] are 0", "give at least one of them a share")
        for part, rows in (("amounts", found.amounts), ("declines", found.declines))
        if not any(row.share for row in rows)
    ]
    return [*zones, *currencies, *falling, *nothing]


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _place(at: str) -> Place:
    """The path of msgspec's `$.declines[1].share`."""
    steps = at.strip("`$").replace("[", ".").replace("]", "").split(".")
    return tuple(int(step) if step.isdigit() else step for step in steps if step and step != "...")


def _line_in(said: str, text: str) -> int:
    """The line that tomllib names in its message, else the last."""
    _, found, rest = said.partition("at line ")
    return int(rest.split(",")[0]) if found else text.count("\n") + 1
