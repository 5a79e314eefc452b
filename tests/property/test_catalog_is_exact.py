"""The catalogue's counts, from items in any order, against plain counting of the calls."""

from collections import Counter
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from stemtide import users
from stemtide.calls import DAY_MS, day_of_index
from stemtide.catalog import UsageTally
from stemtide.event_users import EventUsers
from stemtide.fold import fold
from stemtide.recount import ArchivedCall
from stemtide.state import EMPTY, Caps, Event, encode
from stemtide.users import user_hash

FIRST = 20_500
DAYS = 70
CAPS = Caps(inline_users=2, id_window=1)


class Sent(NamedTuple):
    account: str
    day: int
    name: str
    user: str | None
    weight: int


SENT = st.builds(
    Sent,
    account=st.sampled_from("abc"),
    day=st.integers(FIRST, FIRST + DAYS),
    name=st.sampled_from(["x", "y", "z"]),
    user=st.none() | st.sampled_from([f"user-{n}" for n in range(8)]),
    weight=st.just(1) | st.integers(1, 9),
)
LIMIT = st.none() | st.integers(FIRST, FIRST + DAYS)


def items_of(sent: list[Sent]) -> list[tuple[str, str, bytes]]:
    """What the table holds of the calls."""
    found = []
    for account, day in {(one.account, one.day) for one in sent}:
        calls = [one for one in sent if (one.account, one.day) == (account, day)]
        events = [
            Event(
                place,
                str(place).encode(),
                one.user and user_hash(one.user),
                one.name,
                day * DAY_MS,
                one.weight,
            )
            for place, one in enumerate(calls)
        ]
        folded = fold(EMPTY, events, lane="l", caps=CAPS)
        found.append((account, day_of_index(day), encode(folded.state)))
        if folded.users:
            kept = users.encode(users.union(users.NOBODY, folded.users))
            found.append((account, f"{day_of_index(day)}#users", kept))
    return found


def tally_of(items: list[tuple[str, str, bytes]], first: int | None, last: int | None) -> UsageTally:
    tally = UsageTally(first=first, last=last, closed=FIRST + DAYS)
    for item in items:
        tally.add(*item)
    return tally


@given(st.lists(SENT, max_size=60), LIMIT, LIMIT, st.randoms(use_true_random=False))
def test_event_types_are_counted_exactly_whatever_the_order(
    sent: list[Sent], first: int | None, last: int | None, random: object
) -> None:
    items = items_of(sent)
    random.shuffle(items)  # type: ignore[attr-defined]

    types = tally_of(items, first, last).types()

    within = [one for one in sent if (first or 0) <= one.day <= (last or 1 << 40)]
    weights: Counter[str] = Counter()
    for one in within:
        weights[one.name] += one.weight
    assert {name: found.events for name, found in types.items()} == dict(weights)
    assert list(types) == sorted(weights, key=lambda name: (-weights[name], name))
    for name, found in types.items():
        of_name = [one for one in within if one.name == name]
        days = [one.day for one in of_name]
        assert found.accounts == len({one.account for one in of_name})
        assert found.account_days == len({(one.account, one.day) for one in of_name})
        assert (found.first_day, found.last_day) == (min(days), max(days))
        assert found.calls in (len(of_name), None)
        assert found.calls is not None or any(one.weight > 1 for one in within)


@given(st.lists(SENT, max_size=60), st.randoms(use_true_random=False))
def test_activity_is_counted_exactly_whatever_the_order(sent: list[Sent], random: object) -> None:
    items = items_of(sent)
    random.shuffle(items)  # type: ignore[attr-defined]

    found = dict(tally_of(items, FIRST + DAYS, None).activities())

    closed = FIRST + DAYS
    assert set(found) == {one.account for one in sent}
    for account, activity in found.items():
        own = [one for one in sent if one.account == account]
        now = [one for one in own if one.day > closed - 30]
        before = [one for one in own if closed - 60 < one.day <= closed - 30]
        assert activity.known_days == closed - min(one.day for one in own) + 1
        assert activity.users == len({one.user for one in now} - {None})
        assert (activity.events, activity.events_before) == (
            sum(one.weight for one in now),
            sum(one.weight for one in before),
        )
        assert (activity.active_days, activity.active_days_before) == (
            len({one.day for one in now}),
            len({one.day for one in before}),
        )


def archived(one: Sent) -> ArchivedCall:
    user = None if one.user is None else user_hash(one.user)
    return ArchivedCall(0, "l", 0, b"", user, one.name, one.day * DAY_MS + 5, one.weight)


@given(st.lists(SENT), LIMIT, LIMIT)
def test_users_by_event_type_are_exact_while_few(
    sent: list[Sent], first: int | None, last: int | None
) -> None:
    found = EventUsers(first=first, last=last)
    for _ in range(2):
        found.add(map(archived, sent))

    within = [one for one in sent if (first or 0) <= one.day <= (last or 1 << 40)]
    assert found.names() == {one.name for one in within}
    assert found.count("never sent") is None
    for name in found.names():
        assert found.count(name) == (len({one.user for one in within if one.name == name} - {None}), True)


def test_many_users_are_estimated_within_the_stated_error() -> None:
    number = 40_000
    found = EventUsers(exact_users=1_000)
    for _ in range(2):
        found.add(archived(Sent("a", FIRST, "x", f"user-{n}", 1)) for n in range(number))

    counted = found.count("x")

    assert counted is not None
    assert not counted.exact
    assert abs(counted.users - number) <= 4 * users.STANDARD_ERROR * number


def test_many_users_at_the_bound_are_still_exact() -> None:
    found = EventUsers(exact_users=1_000)
    found.add(archived(Sent("a", FIRST, "x", f"user-{n}", 1)) for n in range(1_000))

    assert found.count("x") == (1_000, True)
