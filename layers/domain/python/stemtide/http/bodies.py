"""The JSON bodies of successful answers. The OpenAPI document's schemas are made from these structs."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from stemtide.calls import Reason
from stemtide.config_sources import Source

Count = Annotated[int, Meta(ge=0)]


class Body(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all bodies."""


class RejectedCall(Body, frozen=True):
    """A call that was refused: its place in the batch (from 0), its `messageId` if it had one, and why."""

    index: Count
    message_id: str | None = field(name="messageId")
    reason: Reason
    detail: str


class EventsAccepted(Body, frozen=True):
    """What became of the calls of one request."""

    accepted: Count
    rejected: list[RejectedCall]


class EventReceived(Body, frozen=True):
    """What became of an event of the payment provider: new, come before, or of no concern here."""

    received: Literal["new", "known", "ignored"]


class IngestCounters(Body, frozen=True):
    """Calls that entered the stream and what became of them: once all is worked off, `in` is their sum."""

    entered: Count = field(name="in")
    applied: Count
    duplicate: Count
    quarantined: Count
    forwarded: Count
    dead: Count


class UsageDay(Body, frozen=True):
    """One UTC day with events."""

    date: date
    events: Count
    active_users: Count
    core_actions: Count
    api_calls: Count
    by_event: dict[str, int]


class Usage(Body, frozen=True):
    """An account's days from `from` to `to`, both included; days without events are left out."""

    account: str
    first: date = field(name="from")
    last: date = field(name="to")
    days: list[UsageDay]


class FeatureValue(Body, frozen=True):
    """One feature: `value` in `unit`, null where unknown; `windows` are the days that it looks at."""

    name: str
    label: str
    value: float | None
    unit: str
    windows: list[int]
    source: Literal["usage", "profile", "both"]
    text: str


class SourceState(Body, frozen=True):
    """Who tells of accounts, as of an instant.

    `connected`: named in the configuration, or ever heard of. `last_seen` is when the newest of any account
    was heard of, to the minute. `fresh`: whether that was before the instant by at most `limit_s` seconds
    more than is usual at that hour of the week; null when it was never connected, or only heard of later.
    `completeness` is the share of this source's features that are known of the account, null when there are
    none.
    """

    source: Source
    connected: bool
    last_seen: str | None
    limit_s: Annotated[int, Meta(ge=1)]
    fresh: bool | None
    completeness: Annotated[float, Meta(ge=0, le=1)] | None


class Features(Body, frozen=True):
    """An account's features as of an instant, over the days that were over by then.

    `completeness` is the share of the features that are known, `registry` names their definitions, and
    `sources` says of each source how much of its features is known and whether it is fresh.
    """

    account: str
    as_of: str
    completeness: Annotated[float, Meta(ge=0, le=1)]
    registry: str
    sources: list[SourceState]
    features: list[FeatureValue]


class QuarantinedCall(Body, frozen=True):
    """A call or record that was set aside. `at` is its arrival, `bytes` its size.

    `payload` is its text, cut when `payload_truncated`, or null when it is only shown with `?id=`.
    """

    id: str
    reason: Reason
    detail: str
    at: str
    bytes: Count
    account: str | None
    message_id: str | None
    payload: str | None
    payload_truncated: bool
    released_at: str | None


class QuarantineList(Body, frozen=True):
    """The newest arrival day first; `cursor` leads to the next page, null at the end."""

    quarantined: list[QuarantinedCall]
    cursor: str | None
