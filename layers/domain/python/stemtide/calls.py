"""One Segment-spec call: strict parsing into what the aggregates need, or the reason why not."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from stemtide import limits

CALL_TYPES: Final = frozenset({"track", "identify", "page", "screen", "group", "alias"})
RESERVED_PREFIX: Final = ("Subscription ", "Support Ticket ", "NPS ")
"""Track calls that systems send on behalf of an account; they need no user."""
GROUP: Final = "group"
BATCH: Final = "batch"
"""The key of a record that holds several calls."""
MAX_DETAIL_CHARS: Final = 120
MINUTE_MS: Final = 60_000
DAY_MS: Final = 86_400_000
MAX_AHEAD_MS: Final = limits.MAX_AHEAD // timedelta(milliseconds=1)

_ACCOUNT = re.compile(rf"[A-Za-z0-9._:@-]{{1,{limits.MAX_ACCOUNT_ID_CHARS}}}")
CARRY: Final = ".999999"
"""msgspec rounds what is finer than a microsecond: after these digits up to the next second, or day."""
_TO_CARRY = re.compile(r"\.9{6}[0-9]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
FIRST_MS: Final = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MILLISECOND
_END_MS: Final = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // _MILLISECOND + DAY_MS


def is_told(name: str) -> bool:
    """Whether an event type (a `by_event` key) is what some system tells of a customer: a call that counts,
    and no use of the product. Or the nightly copy of a CRM would keep every silent account awake."""
    return name == GROUP or name.startswith(RESERVED_PREFIX)


class Reason(StrEnum):
    """Why a call was not counted. The values are stable: people filter the quarantine by them."""

    INVALID_JSON = "invalid_json"
    TOO_LARGE = "too_large"
    NOT_AN_OBJECT = "not_an_object"
    EMPTY_BATCH = "empty_batch"
    TOO_DEEP = "too_deep"
    MISSING_ACCOUNT = "missing_account"
    BAD_ACCOUNT = "bad_account"
    MISSING_MESSAGE_ID = "missing_message_id"
    BAD_MESSAGE_ID = "bad_message_id"
    MISSING_USER = "missing_user"
    BAD_TYPE = "bad_type"
    MISSING_EVENT = "missing_event"
    BAD_EVENT = "bad_event"
    BAD_TIMESTAMP = "bad_timestamp"
    IN_THE_FUTURE = "in_the_future"
    TOO_LATE = "too_late"
    BAD_PROPERTIES = "bad_properties"
    BAD_COUNT = "bad_count"
    BAD_SUBSCRIPTION = "bad_subscription"
    BAD_TICKET = "bad_ticket"
    BAD_NPS = "bad_nps"
    DUPLICATE_KEY = "duplicate_key"
    RESERVED_KEY = "reserved_key"


class Call(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An accepted call: what the aggregates need of it and nothing else.

    `name` is the `by_event` key, `at_ms` the event time and `weight` how many events it stands for.
    """

    account: str
    name: str
    message_id: str
    user: str | None
    at_ms: int
    weight: int
    type: str


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a call can never be counted as it is; `detail` names the offending value and the remedy."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How late a call may be."""

    max_lateness: timedelta

    @property
    def max_lateness_ms(self) -> int:
        """The bound in milliseconds."""
        return self.max_lateness // _MILLISECOND


class _RejectedError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.rejection = Rejection(reason, detail)


def parse_call(obj: object, *, arrival_ms: int, bounds: Bounds, late_ok: bool = False) -> Call | Rejection:
    """The call in a decoded JSON value, or the first reason against it.

    Args:
        obj: what a JSON decoder returned (no NaN, valid Unicode is checked here again).
        arrival_ms: when the call arrived, epoch milliseconds: bounds its timestamp, replaces an absent one.
        bounds: how late a call may be.
        late_ok: lift the lateness bound (replay, release, backfill).
    """
    if not isinstance(obj, dict):
        return Rejection(Reason.NOT_AN_OBJECT, f"a call is a JSON object, this is {show(obj)}")
    if exceeds_depth(obj, limit=limits.MAX_JSON_DEPTH):
        return Rejection(Reason.TOO_DEEP, f"nested deeper than {limits.MAX_JSON_DEPTH} levels: flatten it")
    if BATCH in obj:
        return Rejection(Reason.RESERVED_KEY, f"{BATCH} is reserved for several calls: leave it out")
    try:
        kind = _kind(obj)
        name = _name(obj, kind)
        return Call(
            account=_account(obj, kind),
            message_id=_message_id(obj),
            type=kind,
            name=name,
            user=_user(obj, kind, name),
            at_ms=_at_ms(obj, arrival_ms=arrival_ms, bounds=bounds, late_ok=late_ok),
            weight=_weight(obj),
        )
    except _RejectedError as rejected:
        return rejected.rejection


def is_account_id(text: str) -> bool:
    """Whether a string may name an account (1-128 of letters, digits and `._:@-`)."""
    return _ACCOUNT.fullmatch(text) is not None


def timestamp_ms(text: str) -> int:
    """Epoch milliseconds of an ISO 8601 instant; one without a zone is UTC.

    Raises:
        ValueError: not an instant, or one that lies outside the years 1 to 9999 in UTC.
    """
    if CARRY in text:
        text = _TO_CARRY.sub(CARRY, text)
    try:
        instant = msgspec.convert(text, datetime)  # what the quick reading takes, and what it makes of it
    except msgspec.ValidationError:
        instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    at_ms = (instant - _EPOCH) // _MILLISECOND
    if not FIRST_MS <= at_ms < _END_MS:
        raise ValueError("outside the years 1 to 9999 in UTC")
    return at_ms


@lru_cache(maxsize=4096)
def day_of_index(index: int) -> str:
    """The UTC date `YYYY-MM-DD` that lies `index` days after 1970-01-01."""
    return (_EPOCH + timedelta(days=index)).date().isoformat()


def day_number(day: str) -> int:
    """The days from 1970-01-01 to the UTC date `YYYY-MM-DD`.

    Raises:
        ValueError: no such date.
    """
    return date.fromisoformat(day).toordinal() - _EPOCH.toordinal()


def day_of(at_ms: int) -> str:
    """The UTC date `YYYY-MM-DD` of an instant in epoch milliseconds."""
    return day_of_index(at_ms // DAY_MS)


def iso_of(at_ms: int) -> str:
    """The instant as ISO 8601 in UTC with milliseconds, e.g. `2022-01-31T23:59:59.123Z`."""
    instant = _EPOCH + timedelta(milliseconds=at_ms)
    return instant.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def show(value: object) -> str:
    """A value as it may appear in a detail: JSON-like and cut."""
    text = ascii(value)
    return text if len(text) <= MAX_DETAIL_CHARS else text[: MAX_DETAIL_CHARS - 1] + "…"


def exceeds_depth(value: object, *, limit: int) -> bool:
    """Whether objects and arrays nest deeper than `limit` levels (the outermost is level 1)."""
    level = [value]
    for _ in range(limit):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return any(isinstance(value, dict | list) for value in level)


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _kind(obj: Mapping[str, object]) -> str:
    kind = obj.get("type")
    if not isinstance(kind, str) or kind not in CALL_TYPES:
        raise _RejectedError(Reason.BAD_TYPE, f"type is {show(kind)}: one of {', '.join(sorted(CALL_TYPES))}")
    return kind


def _name(obj: Mapping[str, object], kind: str) -> str:
    if kind != "track":
        return kind
    name = obj.get("event")
    if name is None or name == "":
        raise _RejectedError(Reason.MISSING_EVENT, "a track call names its event")
    if not isinstance(name, str) or len(name) > limits.MAX_EVENT_NAME_CHARS or not is_unicode(name):
        remedy = f"a string of at most {limits.MAX_EVENT_NAME_CHARS} characters"
        raise _RejectedError(Reason.BAD_EVENT, f"event is {show(name)}: {remedy}")
    return name


def _account(obj: Mapping[str, object], kind: str) -> str:
    context = obj.get("context")
    within = context.get("groupId") if isinstance(context, dict) else None
    own = obj.get("groupId")
    first, second = (own, within) if kind == "group" else (within, own)
    account = second if first is None else first
    if account is None or account == "":
        raise _RejectedError(Reason.MISSING_ACCOUNT, "no context.groupId (groupId on group calls)")
    if not isinstance(account, str) or not is_account_id(account):
        remedy = f"1-{limits.MAX_ACCOUNT_ID_CHARS} of letters, digits and ._:@-"
        raise _RejectedError(Reason.BAD_ACCOUNT, f"account is {show(account)}: {remedy}")
    return account


def _message_id(obj: Mapping[str, object]) -> str:
    message_id = obj.get("messageId")
    if message_id is None or message_id == "":
        raise _RejectedError(Reason.MISSING_MESSAGE_ID, "no messageId: set one that is unique per account")
    if (
        not isinstance(message_id, str)
        or len(message_id) > limits.MAX_MESSAGE_ID_CHARS
        or not is_unicode(message_id)
    ):
        remedy = f"a string of at most {limits.MAX_MESSAGE_ID_CHARS} characters"
        raise _RejectedError(Reason.BAD_MESSAGE_ID, f"messageId is {show(message_id)}: {remedy}")
    return message_id


def _user(obj: Mapping[str, object], kind: str, name: str) -> str | None:
    user = obj.get("userId")
    if user is None or user == "":
        user = obj.get("anonymousId")
    if isinstance(user, str) and user and is_unicode(user):
        return user
    if (user is None or user == "") and needs_no_user(kind, name):
        return None
    raise _RejectedError(
        Reason.MISSING_USER, f"neither userId nor anonymousId is a string (found {show(user)})"
    )


def needs_no_user(kind: str, name: str) -> bool:
    """Whether a call may speak for the account as a whole: group calls and the reserved events."""
    return kind == "group" or (kind == "track" and name.startswith(RESERVED_PREFIX))


def _at_ms(obj: Mapping[str, object], *, arrival_ms: int, bounds: Bounds, late_ok: bool) -> int:
    text = obj.get("timestamp")
    if text is None:
        return arrival_ms
    try:
        at_ms = timestamp_ms(text) if isinstance(text, str) else None
    except ValueError:
        at_ms = None
    if at_ms is None:
        raise _RejectedError(Reason.BAD_TIMESTAMP, f"timestamp is {show(text)}: write 2022-01-31T09:30:00Z")
    if at_ms > arrival_ms + MAX_AHEAD_MS:
        detail = (
            f"timestamp {show(text)} is more than {limits.MAX_AHEAD} ahead of arrival {iso_of(arrival_ms)}"
        )
        raise _RejectedError(Reason.IN_THE_FUTURE, f"{detail}: correct the producer's clock")
    if at_ms < arrival_ms - bounds.max_lateness_ms and not late_ok:
        detail = f"timestamp {show(text)} is more than {bounds.max_lateness.days} days before its arrival"
        raise _RejectedError(
            Reason.TOO_LATE, f"{detail} {iso_of(arrival_ms)}: load it with backfill or replay"
        )
    return at_ms


def _weight(obj: Mapping[str, object]) -> int:
    for field in ("properties", "traits"):
        _check_bag(obj.get(field), field)
    properties = obj.get("properties")
    count = properties.get("count") if isinstance(properties, dict) else None
    if not isinstance(count, int | float):
        return 1
    if type(count) is not int or not 1 <= count <= limits.MAX_WEIGHT:
        remedy = f"a whole number from 1 to {limits.MAX_WEIGHT}, or another name for the property"
        raise _RejectedError(Reason.BAD_COUNT, f"properties.count is {show(count)}: {remedy}")
    return count


def _check_bag(bag: object, field: str) -> None:
    if bag is None:
        return
    if not isinstance(bag, dict):
        raise _RejectedError(Reason.BAD_PROPERTIES, f"{field} is {show(bag)}: a JSON object")
    if len(bag) > limits.MAX_PROPERTIES:
        detail = f"{field} has {len(bag)} keys: at most {limits.MAX_PROPERTIES}"
        raise _RejectedError(Reason.BAD_PROPERTIES, detail)
    for key in bag:
        if len(key) > limits.MAX_KEY_CHARS:
            detail = f"a key of {field} is {show(key)}: at most {limits.MAX_KEY_CHARS} characters"
            raise _RejectedError(Reason.BAD_PROPERTIES, detail)


def is_unicode(text: str) -> bool:
    """Whether a string can be written as UTF-8 (a lone surrogate cannot)."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
