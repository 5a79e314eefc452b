"""The calls that the simulated producers send: made and encoded once per process, put again and again.

Every run takes its calls from here, so that a run pays for none of the encoding. What each call means is
noted beside its bytes when both are made: that, and no parser, is what the recount of a run goes by.
"""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any, Final

from stemtide.users import user_hash

DAY_MS: Final = 86_400_000
HOUR_MS: Final = 3_600_000
TODAY: Final = datetime(2026, 3, 14, tzinfo=UTC)
TODAY_MS: Final = int(TODAY.timestamp() * 1000)
ACCOUNTS: Final = ("acme", "bee", "cat", "dog", "elk", "fox")
PER_ACCOUNT: Final = 256
"""More than the calls that one run puts for one account."""
NAMES: Final = ("Report Viewed", "Report Shared", "Seat Added", "Export Run", "Login", "Search", "other")
COMMENTS: Final = frozenset({"Report Shared", "Search"})
"""The names of calls that are comments."""
USERS: Final = tuple(f"user-{number}" for number in range(9))
MAX_LATENESS: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One call and what it means; `reason` is why it cannot be counted, whenever it comes.

    `at_ms` None: it happens when it arrives. `user` is the stored form of its user. `says` is the plan that
    a fact gives the account. `twin` has the same id and says something else.
    """

    raw: bytes
    account: str = ""
    id: str = ""
    name: str = ""
    user: bytes | None = None
    weight: int = 1
    at_ms: int | None = None
    reason: str | None = None
    says: str | None = None
    in_batch: bool = True
    b64: str = ""


@dataclass(frozen=True, slots=True)
class Pool:
    """Items by what they are good for, and by account where they have one."""

    fresh: dict[str, list[Item]] = field(default_factory=dict)
    twins: dict[str, list[Item]] = field(default_factory=dict)
    late: dict[str, list[Item]] = field(default_factory=dict)
    too_late: dict[str, list[Item]] = field(default_factory=dict)
    future: dict[str, list[Item]] = field(default_factory=dict)
    timeless: dict[str, list[Item]] = field(default_factory=dict)
    tomorrow: dict[str, list[Item]] = field(default_factory=dict)
    facts: dict[str, list[Item]] = field(default_factory=dict)
    poison: list[Item] = field(default_factory=list)
    by_content: dict[str, Item] = field(default_factory=dict)


def content_of(call: dict[str, Any]) -> str:
    """A call's fields whatever their order: tells which item was forwarded."""
    return json.dumps(call, sort_keys=True)


def made(fields: dict[str, Any], **meaning: Any) -> Item:
    """An item of a call's fields."""
    raw = json.dumps(fields, separators=(",", ":")).encode()
    return Item(raw=raw, b64=b64encode(raw).decode(), **meaning)


def _usage(rng: Random, account: str, id_: str, at_ms: int | None) -> tuple[dict[str, Any], Item]:
    kind = rng.choices(("track", "page", "identify"), (8, 1, 1))[0]
    name = rng.choice(NAMES) if kind == "track" else kind
    user, weight = rng.choice(USERS), rng.choice((None, None, 1, 2, 5))
    fields: dict[str, Any] = {"type": kind}
    if kind == "track":
        fields["event"] = name
    fields["messageId"] = id_
    if at_ms is not None:
        fields["timestamp"] = _iso(at_ms)
    fields["userId" if rng.random() < 0.8 else "anonymousId"] = user
    fields["context"] = {"groupId": account}
    fields["properties"] = {"plan": "pro"} if weight is None else {"count": weight}
    meaning = {"account": account, "id": id_, "name": name, "user": user_hash(user), "at_ms": at_ms}
    return fields, made(fields, weight=weight or 1, **meaning)


def _fact(rng: Random, account: str, id_: str, at_ms: int) -> tuple[dict[str, Any], Item]:
    says = f"plan-{id_}"
    fields: dict[str, Any] = {"messageId": id_, "timestamp": _iso(at_ms)}
    if rng.random() < 0.6:
        fields |= {"type": "group", "groupId": account, "traits": {"plan": says}, "userId": USERS[0]}
        name, user = "group", user_hash(USERS[0])
    else:
        name, user = "Subscription Changed", None
        fields |= {"type": "track", "event": name, "properties": {"plan": says, "mrr": 900}}
        fields["context"] = {"groupId": account}
    return fields, made(fields, account=account, id=id_, name=name, user=user, at_ms=at_ms, says=says)


def _iso(at_ms: int) -> str:
    instant = datetime.fromtimestamp(at_ms / 1000, UTC)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _poison() -> list[Item]:
    good = {
        "type": "track",
        "event": "Login",
        "messageId": "bad",
        "timestamp": _iso(TODAY_MS + HOUR_MS),
        "userId": "ann",
        "context": {"groupId": "acme"},
    }
    whole = {
        b"poison": "invalid_json",
        b'{"type":"track",': "invalid_json",
        b"\xff\xfe{}": "invalid_json",
        b"[1,2]": "not_an_object",
        b'{"batch":[]}': "empty_batch",
    }
    changes: list[tuple[str, dict[str, Any]]] = [
        ("missing_message_id", {"messageId": None}),
        ("bad_type", {"type": "trick"}),
        ("missing_user", {"userId": None}),
        ("missing_event", {"event": None}),
        ("bad_timestamp", {"timestamp": "yesterday"}),
        ("bad_count", {"properties": {"count": 0}}),
        ("missing_account", {"context": {}}),
        ("bad_account", {"context": {"groupId": "no account"}}),
    ]
    items = [
        Item(raw=raw, reason=reason, b64=b64encode(raw).decode(), in_batch=False)
        for raw, reason in whole.items()
    ]
    for reason, change in changes:
        fields = {name: value for name, value in {**good, **change}.items() if value is not None}
        items.append(made(fields, reason=reason))
    return items


@cache
def pool() -> Pool:
    """The one pool of this process; the same in every process."""
    rng, found = Random(20260314), Pool(poison=_poison())
    for account in ACCOUNTS:
        for name, low, high in (
            ("fresh", 0, 12 * HOUR_MS),
            ("late", -2 * DAY_MS, 0),
            ("too_late", -9 * DAY_MS, -5 * DAY_MS),
            ("future", 5 * DAY_MS, 9 * DAY_MS),
            ("tomorrow", DAY_MS, DAY_MS + HOUR_MS // 12),
            ("facts", 0, 12 * HOUR_MS),
            ("timeless", 0, 0),
        ):
            getattr(found, name)[account] = _many(rng, found, account, name, low, high)
        found.twins[account] = [_twin(rng, found, one) for one in found.fresh[account]]
    return found


def _many(rng: Random, found: Pool, account: str, name: str, low: int, high: int) -> list[Item]:
    make = _fact if name == "facts" else _usage
    items = []
    for number in range(PER_ACCOUNT if name == "fresh" else PER_ACCOUNT // 8):
        at_ms = None if name == "timeless" else TODAY_MS + low + rng.randrange(high - low)
        fields, item = make(rng, account, f"{name}-{number}", at_ms)  # type: ignore[arg-type]
        found.by_content[content_of(fields)] = item
        items.append(item)
    return items


def _twin(rng: Random, found: Pool, one: Item) -> Item:
    """The same id at another time of the same day, probably by another user and of another name."""
    fields, item = _usage(rng, one.account, one.id, TODAY_MS + rng.randrange(12 * HOUR_MS))
    found.by_content[content_of(fields)] = item
    return item
