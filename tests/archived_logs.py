"""Logs of two shards over several days, through both consumers in any cut; their truth by plain counting."""

from base64 import b64decode
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st
from stemtide import users
from stemtide.aggregate import aggregate
from stemtide.archive import archive
from stemtide.ports import OutRecord
from stemtide.state import Caps

from tests.recompute_memory import RULES, projections
from tests.stream_memory import Lab
from tests.streams import call, event, record

START = datetime(2026, 3, 14, 21, 0, tzinfo=UTC)
SHARDS = 2
RESHARDED_HOURS = 30
"""Then the accounts of either shard go on in the other."""
COMMENTS = frozenset({"w", "z"})
CAPS = Caps(id_window=3, inline_users=3, event_types=4, remembered_ids=0, is_comment=COMMENTS.__contains__)

Entry = dict[str, Any]
Log = list[list[Entry]]
"""By shard its records, as a Lambda event holds them."""


def log_of(sent: Iterable[tuple[int, int, Any]]) -> Log:
    """The shards' records of (shard, hours after START, content).

    `content` is a call, several (a batch), or bytes; the key is the first call's account.
    """
    log: Log = [[] for _ in range(SHARDS)]
    for shard, hours, content in sorted(sent, key=lambda one: one[1]):
        first = content[0] if isinstance(content, list) else content
        key = "acme" if isinstance(first, bytes) else first["context"]["groupId"]
        body = {"batch": content} if isinstance(content, list) else content
        at = len(log[shard]) * 7 + shard
        log[shard].append(record(body, at=at, key=key, shard=shard, arrival=START + timedelta(hours=hours)))
    return log


def worked_off(log: Log, *, cuts: Random | None = None, lab: Lab | None = None, archived: bool = True) -> Lab:
    """A lab whose consumers have worked the log off, in batches of any size and with repetitions."""
    lab = lab or Lab(take=lambda entry: None, caps=CAPS)
    cuts = cuts or Random(7)
    for shard in log:
        for batch in _batches(shard, cuts):
            if archived:
                archive(event(*batch), ports=lab.archive_ports())
        for batch in _batches(shard, cuts):
            assert aggregate(event(*batch), ports=lab.ports(), rules=RULES) == {"batchItemFailures": []}
    return lab


def _batches(records: Sequence[Entry], cuts: Random) -> Iterable[Sequence[Entry]]:
    at = 0
    while at < len(records):
        size = cuts.randint(1, 6)
        yield records[max(0, at - cuts.choice([0, 0, 2])) : at + size]
        at += size


def truth(log: Log, *, caps: Caps = CAPS) -> dict[tuple[str, str], dict[str, Any]]:
    """What each account-day must hold, by another way than the product's: every call looked up in a list."""
    calls = sorted(_calls(log), key=lambda one: one[:3])
    counted: dict[tuple[str, str], dict[str, Any]] = {}
    before: list[tuple[datetime, str, str, str]] = []
    for arrival, _, _, one in calls:
        account, name = one["context"]["groupId"], one["messageId"]
        day = one.get("timestamp", arrival.isoformat())[:10]
        known = any(
            (account, name) == (other_account, other_name)
            and (day == other_day or arrival - when <= timedelta(hours=24))
            for when, other_account, other_name, other_day in before
        )
        before.append((arrival, account, name, day))
        if known:
            continue
        found = counted.setdefault(
            (account, day), {"calls": 0, "by_event": {}, "users": set(), "commenters": set()}
        )
        found["calls"] += 1
        found["users"].add(one["userId"])
        kind = one["event"]
        if kind in COMMENTS:
            found["commenters"].add(one["userId"])
        if kind not in found["by_event"] and len(found["by_event"]) >= caps.event_types:
            kind = "other"
        found["by_event"][kind] = found["by_event"].get(kind, 0) + one["properties"].get("count", 1)
    return counted


def _calls(log: Log) -> Iterable[tuple[datetime, str, int, dict[str, Any]]]:
    for number, shard in enumerate(log):
        for entry in shard:
            kinesis = entry["kinesis"]
            data = b64decode(kinesis["data"])
            if not data.startswith(b"{"):
                continue
            content = msgspec.json.decode(data)
            arrival = datetime.fromtimestamp(kinesis["approximateArrivalTimestamp"], UTC)
            for one in content.get("batch", [content]):
                if one["context"]["groupId"] == kinesis["partitionKey"]:
                    yield arrival, f"1000/{number}", int(kinesis["sequenceNumber"]), one


def seen(lab: Lab) -> dict[tuple[str, str], dict[str, Any]]:
    """The table's account-days in the oracle's terms."""
    return {
        (account, day): {
            "calls": found.calls,
            "by_event": found.by_event,
            "users": users.count(found.users),
            "commenters": users.count(users.decode(found.commenters)) if found.commenters else 0,
        }
        for account, day, found in projections(lab)
        if found.calls
    }


def expected(log: Log) -> dict[tuple[str, str], dict[str, Any]]:
    """The oracle's account-days with the number of their users, and of those who commented."""
    sets = ("users", "commenters")
    return {key: {**found, **{name: len(found[name]) for name in sets}} for key, found in truth(log).items()}


def _timestamps(hours: int) -> list[str | None]:
    now = START + timedelta(hours=hours)
    past = [now - timedelta(minutes=1), now - timedelta(hours=20), now + timedelta(minutes=5)]
    return [None, *(at.isoformat() for at in past)]


@st.composite
def _sent(draw: st.DrawFn) -> tuple[int, int, Any]:
    account, hours = draw(st.sampled_from(["acme", "bee", "cat"])), draw(st.integers(0, 60))
    calls = [
        call(
            f"m-{draw(st.integers(0, 9))}",
            context={"groupId": draw(st.sampled_from([account, account, account, "acme"]))},
            userId=draw(st.sampled_from("abcdefgh")),
            event=draw(st.sampled_from(["v", "w", "x", "y", "z", "other"])),
            timestamp=draw(st.sampled_from(_timestamps(hours))),
            properties={"count": draw(st.integers(1, 3))},
        )
        for _ in range(draw(st.integers(1, 3)))
    ]
    calls[0]["context"] = {"groupId": account}
    content: Any = calls if len(calls) > 1 else calls[0]
    shard = int((account != "acme") != (hours > RESHARDED_HOURS))
    return shard, hours, draw(st.sampled_from([content, content, content, b"poison"]))


SENT = st.lists(_sent(), min_size=5, max_size=60)


def ignored(entry: OutRecord) -> None:
    """Where forwarded records go in tests that leave them out."""
