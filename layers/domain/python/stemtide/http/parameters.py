"""Query and path parameters: read, checked, and refused by name with what to send instead."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar

from stemtide.as_of import parse_as_of
from stemtide.calls import is_account_id
from stemtide.http.problem import bad_parameter
from stemtide.http.request import Request

AS_OF_FORMS: Final = "a UTC date (its end), e.g. 2026-01-31, or an instant, e.g. 2026-01-31T09:30:00Z"
EPISODE_ID: Final = "[0-9a-f]{24}"
DEFAULT_DAYS: Final = 30
MAX_DAYS: Final = 400

T = TypeVar("T", bound=str)


def only(request: Request, known: Iterable[str]) -> None:
    """Refuse a parameter that the route does not have: a misspelt filter must not look like an empty one.

    Raises:
        Problem: 400.
    """
    names = sorted(known)
    for name in request.query:
        if name not in names:
            takes = ", ".join(names) or "no parameters"
            raise bad_parameter(name[:40], f"unknown here; this route takes {takes}.")


def account_of(request: Request) -> str:
    """The account in the path.

    Raises:
        Problem: 400, not an account id.
    """
    account = request.path["id"]
    if not is_account_id(account):
        raise bad_parameter("id", "an account id is 1-128 of letters, digits and ._:@-.")
    return account


def episode_of(request: Request) -> str:
    """The episode in the path.

    Raises:
        Problem: 400, not an id of one.
    """
    episode = request.path["id"]
    if not re.fullmatch(EPISODE_ID, episode, re.ASCII):
        raise bad_parameter("id", "an episode's id is 24 of 0-9 and a-f.")
    return episode


def day(request: Request, name: str) -> date | None:
    """A UTC date `YYYY-MM-DD`, None when absent.

    Raises:
        Problem: 400, not such a date.
    """
    text = request.query.get(name)
    if text is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError as error:
        raise bad_parameter(name, f"{error}: send a UTC date as YYYY-MM-DD.") from None
    raise bad_parameter(name, "send a UTC date as YYYY-MM-DD, e.g. 2026-01-31.")


def as_of(request: Request) -> int:
    """`as_of` in epoch ms: the end of a UTC date or an instant, by default the instant of the request.

    Raises:
        Problem: 400, neither, or not over yet.
    """
    text = request.query.get("as_of")
    if text is None:
        return request.arrival_ms
    try:
        at_ms = parse_as_of(text)
    except ValueError:
        raise bad_parameter("as_of", f"send {AS_OF_FORMS}.") from None
    if at_ms > request.arrival_ms:
        raise bad_parameter("as_of", "lies in the future: leave it out for now, or send a day that is over.")
    return at_ms


def date_range(request: Request) -> tuple[date, date]:
    """`from` and `to`, both included; by default the 30 days that end on the day of the request.

    Raises:
        Problem: 400, not dates, the wrong way round, or more than `MAX_DAYS` days.
    """
    first, last = day(request, "from"), day(request, "to")
    last = last or datetime.fromtimestamp(request.arrival_ms / 1000, UTC).date()
    if first is None:
        first = date.fromordinal(max(1, last.toordinal() - DEFAULT_DAYS + 1))
    if first > last:
        raise bad_parameter("from", f"{first} lies after to ({last}): swap them, or send from as well.")
    if last - first >= timedelta(days=MAX_DAYS):
        days = (last - first).days + 1
        raise bad_parameter("from", f"{days} days are asked for, at most {MAX_DAYS}: ask in parts.")
    return first, last


def whole_number(request: Request, name: str, *, default: int, maximum: int) -> int:
    """A number from 1 to `maximum`.

    Raises:
        Problem: 400.
    """
    text = request.query.get(name, str(default))
    if not re.fullmatch(r"[1-9]\d{0,5}", text, re.ASCII) or int(text) > maximum:
        raise bad_parameter(name, f"send a whole number from 1 to {maximum}.")
    return int(text)


def one_of(request: Request, name: str, values: Iterable[T]) -> T | None:
    """One of the values, None when absent.

    Raises:
        Problem: 400.
    """
    text = request.query.get(name)
    if text is None:
        return None
    known = {str(value): value for value in values}
    if text not in known:
        raise bad_parameter(name, f"send one of {', '.join(known)}.")
    return known[text]
