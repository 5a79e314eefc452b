"""In which language a customer is addressed: what was asked for, its parents, the company's, English."""

import re
from collections.abc import Collection, Iterator
from typing import Final

LAST_RESORT: Final = "en"
MAX_ACCEPTED: Final = 10
"""Languages of an `Accept-Language` header that are looked at."""
_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}")
_ACCEPTED: Final = re.compile(r"\s*([A-Za-z0-9*-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\s*")


def normal_tag(text: str | None) -> str | None:
    """A language tag as folders are named by (`de-AT`); None when it is none (customers' data holds any)."""
    if text is None or not _TAG.fullmatch(text):
        return None
    language, *rest = text.replace("_", "-").split("-")
    return "-".join([language.lower(), *(part.upper() if len(part) == 2 else part.title() for part in rest)])


def chain(*wanted: str | None) -> tuple[str, ...]:
    """Languages in the order in which they are tried: each wanted one before its parents, English last."""
    tags = [normal_tag(one) for one in (*wanted, LAST_RESORT)]
    return tuple(dict.fromkeys(parent for tag in tags if tag is not None for parent in _parents(tag)))


def chosen(available: Collection[str], *wanted: str | None) -> str:
    """The first language of the chain that there is.

    Raises:
        LookupError: not even English.
    """
    for tag in chain(*wanted):
        if tag in available:
            return tag
    raise LookupError(f"no letters in {LAST_RESORT}")


def accepted(header: str | None) -> list[str]:
    """The languages of an `Accept-Language` header, the most welcome first (RFC 9110, 12.5.4); what cannot be
    read counts for nothing."""
    weighed: list[tuple[float, str]] = []
    for part in (header or "").split(",")[:MAX_ACCEPTED]:
        found = _ACCEPTED.fullmatch(part)
        if found is not None and (weight := float(found[2] or 1)) > 0:
            weighed.append((weight, found[1]))
    return [tag for _, tag in sorted(weighed, key=lambda one: -one[0])]


def _parents(tag: str) -> Iterator[str]:
    parts = tag.split("-")
    for length in range(len(parts), 0, -1):
        yield "-".join(parts[:length])
