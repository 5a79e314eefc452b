"""What is kept for scoring, rolled on day by day, gives the bits that all days give."""

from bisect import bisect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.config_schema import Events, Group
from stemtide.features import kept_days
from stemtide.features.history import Day, history_of
from stemtide.features.kept_days import pack_kept, unpack_kept
from stemtide.features.packed_usage import pack_rows, pack_usage, unpack_rows, unpack_usage
from stemtide.features.usage_at import UsageAt, usage_at
from stemtide.limits import LONG_DAYS
from stemtide.users import NOBODY, Users, together, union, user_hash

from tests.features_support import NAMES_SENT, NOW

EVENTS = Events(
    features=(
        Group(name="boards", events=("Board *", "Report *")),
        Group(name="reports", events=("Report *",)),
    ),
    meters=(Group(name="exports", events=("* Created",)),),
)
PEOPLE = st.sets(st.sampled_from([f"u{n}" for n in range(8)]), max_size=5)
COUNTS = st.dictionaries(st.sampled_from(NAMES_SENT), st.sampled_from([1, 7, 300, 70_000, 2**33]), min_size=1)
DAYS = st.dictionaries(st.integers(0, 450), st.tuples(COUNTS, PEOPLE, PEOPLE), max_size=30).map(
    lambda found: [
        Day(NOW - ago, counts, hashed(present | writing), hashed(writing))
        for ago, (counts, present, writing) in sorted(found.items(), reverse=True)
    ]
)


def hashed(people: set[str]) -> Users:
    return union(NOBODY, map(user_hash, people))


def same(one: UsageAt, other: UsageAt) -> bool:
    shown = [
        (u.account, u.day, u.known, u.first_day, u.last_active_day, u.block.tolist(), u.long.tolist())
        for u in (one, other)
    ]
    return shown[0] == shown[1] and np.array_equal(one.distinct, other.distinct, equal_nan=True)


def whole(days: list[Day], day: int) -> UsageAt:
    """What reading the window gives: days that are older tell only since when the account is known."""
    seen = [one for one in days if day - LONG_DAYS < one.day <= day]
    first = days[0].day if days and days[0].day <= day else None
    return usage_at(history_of("acme", seen, events=EVENTS, first_day=first), day)


@settings(max_examples=150)
@given(days=DAYS, steps=st.lists(st.integers(1, 40), min_size=1, max_size=6), back=st.integers(60, 200))
def test_rolled_on_in_any_steps_it_is_what_all_days_give(
    days: list[Day], steps: list[int], back: int
) -> None:
    at = NOW - back
    seen = [one for one in days if at - LONG_DAYS < one.day <= at]
    first = days[0].day if days and days[0].day <= at else None
    history = history_of("acme", seen, events=EVENTS, first_day=first)
    data = pack_kept(seen, history, at)
    for step in steps:
        assert data is not None
        kept = unpack_kept(data)
        assert kept is not None
        until = at + step
        seen = [*kept.days, *(one for one in days if at < one.day <= until)]
        history = history_of("acme", seen, events=EVENTS, first_day=kept.first_day, older=kept.older)
        data, at = pack_kept(seen, history, until), until

        assert same(usage_at(history, at), whole(days, at))


@pytest.mark.parametrize("step", [1, 7, 27, 89])
def test_an_account_that_is_used_every_day_is_rolled_on_from_any_day(step: int) -> None:
    days = [
        Day(
            NOW - ago, {NAMES_SENT[ago % 5]: 1 + ago}, hashed({f"u{ago % 7}", "ann"}), hashed({f"u{ago % 7}"})
        )
        for ago in range(430, -1, -1)
    ]
    at = NOW - 2 * step
    seen = [one for one in days if at - LONG_DAYS < one.day <= at]
    data = pack_kept(seen, history_of("acme", seen, events=EVENTS, first_day=days[0].day), at)
    for until in (at + step, NOW):
        assert data is not None
        kept = unpack_kept(data)
        assert kept is not None
        seen = [*kept.days, *(one for one in days if at < one.day <= until)]
        history = history_of("acme", seen, events=EVENTS, first_day=kept.first_day, older=kept.older)
        data, at = pack_kept(seen, history, until), until

        assert same(usage_at(history, at), whole(days, at))


@settings(max_examples=100)
@given(days=DAYS, back=st.integers(0, 60))
def test_packed_usage_is_read_back(days: list[Day], back: int) -> None:
    usage = whole(days, NOW - back)

    found = unpack_usage("acme", pack_usage(usage))

    assert found is not None
    assert same(found, usage)


@given(
    rows=st.lists(
        st.lists(
            st.sampled_from([0, 1, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**53]), min_size=3, max_size=3
        ),
        max_size=5,
    )
)
def test_each_row_is_as_narrow_as_its_numbers(rows: list[list[int]]) -> None:
    matrix = np.array(rows, dtype=np.int64).reshape(-1, 3)

    kinds, data = pack_rows(matrix)

    assert unpack_rows(kinds, data, 3).tolist() == matrix.tolist()
    widths = [
        1 if max(row) < 2**8 else 2 if max(row) < 2**16 else 4 if max(row) < 2**32 else 8 for row in rows
    ]
    assert len(data) == 3 * sum(widths)


@pytest.mark.parametrize(("largest", "width"), [(255, 1), (256, 2), (65_535, 2), (65_536, 4), (2**32, 8)])
def test_a_number_takes_as_many_bytes_as_it_needs(largest: int, width: int) -> None:
    kinds, data = pack_rows(np.array([[0, largest]]))

    assert (len(data), unpack_rows(kinds, data, 2).tolist()) == (2 * width, [[0, largest]])


def test_what_takes_too_many_bytes_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    days = [Day(NOW, {"page": 1}, hashed({"ann"}))]
    history = history_of("acme", days, events=EVENTS)
    kept = pack_kept(days, history, NOW)
    assert kept is not None

    monkeypatch.setattr(kept_days, "MAX_BYTES", len(kept))
    assert pack_kept(days, history, NOW) == kept
    for fewer in (len(kept) - 1, 1):
        monkeypatch.setattr(kept_days, "MAX_BYTES", fewer)
        assert pack_kept(days, history, NOW) is None


def crowded(number: int) -> list[Day]:
    """So many users, 250 a day, none of them twice."""
    return [
        Day(
            NOW - start // 250, {"page": 1}, hashed({f"u{n}" for n in range(start, min(start + 250, number))})
        )
        for start in range(0, number, 250)
    ][::-1]


def test_up_to_64_kb_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some seven thousand users in a quarter."""

    def packed(number: int) -> bytes | None:
        days = crowded(number)
        return pack_kept(days, history_of("acme", days, events=EVENTS), NOW)

    with monkeypatch.context() as patch:
        patch.setattr(kept_days, "MAX_BYTES", 1 << 30)
        fits = bisect(range(9_000), 64 * 1024, key=lambda number: len(packed(number) or b"")) - 1
        assert 64 * 1024 - 16 < len(packed(fits) or b"") <= 64 * 1024

    assert packed(fits) is not None
    assert packed(fits + 5) is None


def test_a_day_with_a_sketch_is_not_kept_until_it_is_old() -> None:
    crowd = together([], [user_hash(f"u{n}") for n in range(300)])
    days = [Day(NOW - 95, {"page": 1}, crowd), Day(NOW, {"page": 2}, hashed({"ann"}))]
    history = history_of("acme", days, events=EVENTS)

    assert pack_kept(days, history, NOW) is not None
    assert pack_kept(days, history, NOW - 6) is None


def test_what_another_version_kept_is_made_anew() -> None:
    usage = whole([Day(NOW, {"page": 1}, hashed({"ann"}))], NOW)
    history = history_of("acme", [], events=EVENTS)
    kept = pack_kept([], history, NOW)
    assert kept is not None

    for version in (b"\x00", b"\x02"):
        assert unpack_usage("acme", version + pack_usage(usage)[1:]) is None
        assert unpack_kept(version + kept[1:]) is None


def test_it_stays_small() -> None:
    """A quarter with 40 users a day of 60, 25 event types, 3 KB for a score and what it takes to go on."""
    rng = np.random.default_rng(3)
    names = [f"Event {n}" for n in range(25)]
    days = [
        Day(
            NOW - ago,
            {name: int(n) for name, n in zip(names, rng.integers(1, 400, 25), strict=True)},
            hashed({f"u{n}" for n in rng.choice(60, 40, replace=False).tolist()}),
        )
        for ago in range(LONG_DAYS - 1, -1, -1)
    ]
    history = history_of("acme", days, events=Events())
    kept = pack_kept(days, history, NOW)
    assert kept is not None

    assert len(pack_usage(usage_at(history, NOW))) < 1_500
    assert len(kept) < 12_000
