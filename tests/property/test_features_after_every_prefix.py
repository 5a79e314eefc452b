"""A stream delivered piece by piece: after every piece the features are what SQL makes of what came."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.aggregate import aggregate
from stemtide.calls import DAY_MS, day_number
from stemtide.features.history import Day, history_of
from stemtide.features.kernel import Row, compute
from stemtide.features.registry import NAMES
from stemtide.ports import is_day
from stemtide.state import Caps, decode
from stemtide.users import NOBODY, Users
from stemtide.users import decode as decode_users

from tests.features_oracle import oracle, same, tables
from tests.features_support import EVENTS, NAMES_SENT
from tests.property.test_features_equal_sql import SEATS
from tests.stream_memory import Lab
from tests.stream_world import RULES
from tests.streams import ARRIVAL, call, event, record

CLOSED = int(ARRIVAL.timestamp()) * 1000 // DAY_MS - 1
CAPS = Caps(inline_users=3, is_comment=EVENTS.commenting())
CALLS = st.lists(
    st.tuples(
        st.integers(0, 60),  # which call: the same twice is a repetition
        st.integers(0, 170),  # days ago
        st.sampled_from(["acme", "bee"]),
        st.sampled_from([f"u{n}" for n in range(6)]),
        st.sampled_from(NAMES_SENT),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda one: one[0],
)
Sent = tuple[int, int, str, str, str, int]


def sent(one: Sent) -> dict[str, Any]:
    number, ago, account, user, name, weight = one
    at = datetime.fromtimestamp((CLOSED - ago) * DAY_MS / 1000 + 3600 + number, UTC)
    content = call(
        f"m-{number}",
        timestamp=at.isoformat().replace("+00:00", "Z"),
        event=name,
        userId=user,
        context={"groupId": account},
        properties={"count": weight, "plan": "pro", "ticket_id": f"t-{number}"},
    )
    return {"content": content, "key": account}


def days_in(lab: Lab, account: str) -> list[Day]:
    """The account's days as the table holds them."""
    found = []
    for (owner, sort), row in sorted(lab.items.rows.items()):
        if owner == account and is_day(sort):
            state = decode(row.blob)
            people = (
                decode_users(lab.items.rows[account, f"{sort}#users"].blob)
                if state.spilled
                else Users(state.users)
            )
            writing = decode_users(state.commenters) if state.commenters else NOBODY
            found.append(Day(day_number(sort), state.by_event, people, writing))
    return found


@settings(max_examples=15)
@given(calls=CALLS, pieces=st.lists(st.integers(1, 9), min_size=1, max_size=12), again=st.integers(0, 3))
def test_the_features_of_every_prefix_are_what_sql_says(
    calls: list[Sent], pieces: list[int], again: int
) -> None:
    lab, done = Lab(take=lambda _: None, caps=CAPS), 0
    ports = lab.ports()
    prefixes: list[tuple[list[Sent], list[list[float]]]] = []
    for place, size in enumerate(pieces):
        piece = calls[max(0, done - again) : done + size]  # some of them once more, as a producer does
        done = min(len(calls), done + size)
        records = [record(**sent(one), at=100 * place + at) for at, one in enumerate(piece)]
        if records:
            assert aggregate(event(*records), ports=ports, rules=RULES) == {"batchItemFailures": []}
        prefixes.append((calls[:done], _vectors(lab)))
    assert _apart(prefixes) == []


ACCOUNTS = ("acme", "bee")


def _vectors(lab: Lab) -> list[list[float]]:
    known = [history_of(account, days_in(lab, account), events=EVENTS) for account in ACCOUNTS]
    found: list[list[float]] = compute([Row(one, SEATS, CLOSED) for one in known]).tolist()
    return found


def _apart(prefixes: list[tuple[list[Sent], list[list[float]]]]) -> list[tuple[int, str, str, float, float]]:
    """Where the vectors differ from SQL: all prefixes in one query, as if each had accounts of its own."""
    asked = [(f"{place} {account}", CLOSED) for place in range(len(prefixes)) for account in ACCOUNTS]
    rows = [
        (f"{place} {account}", CLOSED - ago, user, name, n)
        for place, (calls, _) in enumerate(prefixes)
        for _, ago, account, user, name, n in calls
    ]
    with tables(rows, asked) as connection:
        expected = oracle(connection)
    different = []
    for place, (_, vectors) in enumerate(prefixes):
        for account, row in zip(ACCOUNTS, vectors, strict=True):
            ours, theirs = dict(zip(NAMES, row, strict=True)), expected[f"{place} {account}", CLOSED]
            different += [
                (place, account, name, ours[name], theirs[name])
                for name in theirs
                if not same(name, ours[name], theirs[name])
            ]
    return different
