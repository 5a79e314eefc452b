"""From the write that counts a login to the queue: which writes tell of one, and what is handed on."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from stemtide.commit import Committer, Group
from stemtide.config_schema import Events
from stemtide.logins import LIVE_MS, Login, newest_login, on_logins
from stemtide.ports import LOGIN, Pace, UsageRow
from stemtide.state import Caps, Event, decode
from stemtide.store.usage import put_of
from stemtide.table_stream import Change
from stemtide.warm import WarmCache

from tests.stream_memory import Fault, Faults, MemoryItems

IS_LOGIN = {"login": True, "view": False, "other": False}.__getitem__
NOW = 1_700_000_000_000


def event(sequence: int, name: str, *, ago_ms: int = 0) -> Event:
    return Event(sequence, b"%08d" % sequence, None, name, NOW + sequence - ago_ms, 1)


def arrival(sequence: int) -> int:
    return NOW + sequence


def newest(events: Sequence[Event], *counted: int) -> int | None:
    """Of events of which those with these numbers were counted."""
    ids = [event.id_hash for event in events if event.sequence in counted]
    return newest_login(events, ids, is_login=IS_LOGIN, arrival=arrival)


def test_the_newest_live_login_that_was_just_counted_is_told() -> None:
    events = [event(1, "login"), event(2, "view"), event(3, "login"), event(4, "view")]

    assert newest(events, 1, 2, 3, 4) == NOW + 3
    assert newest(events, 1, 2) == NOW + 1


def test_nothing_is_told_when_no_login_was_counted() -> None:
    events = [event(1, "login"), event(2, "view")]

    assert newest(events, 2) is None
    assert newest(events[1:], 2) is None
    assert newest(events) is None


@pytest.mark.parametrize(
    ("ago_ms", "told"), [(0, True), (LIVE_MS, True), (LIVE_MS + 1, False), (-600_000, True)]
)
def test_a_login_of_long_ago_is_no_news(ago_ms: int, told: bool) -> None:
    found = newest([event(5, "login", ago_ms=ago_ms)], 5)

    assert found == (NOW + 5 if told else None)


def committer(items: MemoryItems, *, tells: bool = True) -> Committer:
    return Committer(
        items=items,
        states=WarmCache(max_entries=9, max_bytes=10**6),
        sketches=WarmCache(max_entries=9, max_bytes=10**6),
        pace=Pace(remaining_ms=lambda: 60_000, pause=lambda seconds: None, jitter=lambda: 1.0, margin_ms=1),
        caps=Caps(),
        is_login=IS_LOGIN if tells else None,
    )


def commit(of: Committer, *events: Event) -> None:
    of.commit(
        Group("acme", "2026-03-14", list(events)),
        lane="1/0",
        accounted=lambda lane: -1,
        arrived=(0, 0),
        expires_at=1,
        arrival=arrival,
    )


class Noted(MemoryItems):
    """Notes which writes told of a login."""

    def __init__(self, faults: Faults | None = None) -> None:
        super().__init__(faults or Faults())
        self.told: list[int | None] = []

    def put(self, row: UsageRow) -> None:
        before = self.rows.get((row.account, row.sort))
        try:
            super().put(row)
        finally:
            if self.rows.get((row.account, row.sort)) is not before:
                self.told.append(row.login_ms)


def test_only_the_write_that_counts_a_login_tells_of_it_and_it_is_the_one_that_is_made_anyway() -> None:
    items = Noted()
    of = committer(items)

    commit(of, event(1, "view"), event(2, "login"))
    commit(of, event(3, "view"))
    commit(of, event(4, "login"), event(5, "login"))
    commit(of, event(1, "view"), event(2, "login"))

    assert items.told == [NOW + 2, None, NOW + 5]


def test_a_login_beyond_the_cap_of_a_days_event_types_is_told_though_it_counts_as_other() -> None:
    items = Noted()
    of = replace(committer(items), caps=Caps(event_types=1))

    commit(of, event(1, "view"))
    commit(of, event(2, "login"))

    [row] = items.rows.values()
    assert decode(row.blob).by_event == {"view": 1, "other": 1}
    assert items.told == [None, NOW + 2]


def test_a_write_whose_reply_was_lost_has_told_once() -> None:
    items = Noted(Faults(plan={2: Fault.LOST_REPLY}))

    commit(committer(items), event(1, "login"))

    assert items.told == [NOW + 1]


def test_switched_off_nothing_is_told() -> None:
    items = Noted()

    commit(committer(items, tells=False), event(1, "login"))

    assert items.told == [None]


@pytest.mark.parametrize("login_ms", [None, NOW])
def test_the_item_has_the_attribute_only_when_there_is_a_login(login_ms: int | None) -> None:
    row = UsageRow(
        account="acme", sort="2100-01-01", version=1, blob=b"", events=1, expires_at=2, login_ms=login_ms
    )

    assert put_of(row)["Item"].get(LOGIN) == (None if login_ms is None else {"N": str(NOW)})


def test_a_login_is_what_the_days_since_the_last_login_are_counted_from() -> None:
    for events in (Events(), Events(logins=("Session *",)), Events(logins=())):
        is_login = events.logging_in()
        for name in ("Signed In", "signed in", "Session Begun", "view", "Support Ticket Created"):
            assert is_login(name) == ("login" in {signal.value for signal in events.classify(name)})


def change(account: str, login_ms: int | None, *, sequence: str, event: str = "MODIFY") -> Change:
    new = None if event == "REMOVE" else {"v": 3, **({} if login_ms is None else {LOGIN: login_ms})}
    keys = {"account": account, "day": "2026-03-14"}
    return Change(sequence=sequence, event=event, keys=keys, new=new, old=None)


def test_the_newest_login_of_each_account_of_a_delivery_is_handed_on() -> None:
    sent: list[Login] = []

    def send(logins: Sequence[Login]) -> list[int]:
        sent.extend(logins)
        return []

    lost = on_logins(
        [
            change("acme", 1_000, sequence="1"),
            change("other", None, sequence="2"),
            change("acme", 3_000, sequence="3", event="INSERT"),
            change("acme", 2_000, sequence="4"),
            change("third", 5_000, sequence="5"),
            change("gone", 9_000, sequence="6", event="REMOVE"),
        ],
        send,
    )

    assert lost == 0
    assert sent == [
        Login(account="acme", as_of="1970-01-01T00:00:03.000Z"),
        Login(account="third", as_of="1970-01-01T00:00:05.000Z"),
    ]


def test_logins_that_the_queue_did_not_take_are_counted() -> None:
    changes = [change("a", 1_000, sequence="1"), change("b", 2_000, sequence="2")]

    assert on_logins(changes, lambda logins: [1]) == 1
    assert on_logins([change("a", None, sequence="1")], lambda logins: [0]) == 0
