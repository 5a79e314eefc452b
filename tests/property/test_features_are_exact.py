"""A vector's bits depend on the account's days alone: not on the batch, its order or what lies around."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.features.history import Counter, Day, history_of
from stemtide.features.kernel import CHUNK, Row, compute, evaluate
from stemtide.features.profile_columns import NO_BASIS
from stemtide.features.registry import FEATURES, registry
from stemtide.features.usage_at import DAYS, LONG, Distinct
from stemtide.features.view import HALF_LIVES, Batch, Fact, weights
from stemtide.limits import LONG_DAYS
from stemtide.profile import NOTHING_SAID, UNKNOWN, Profile, Standing, Term
from stemtide.users import NOBODY

from tests.features_support import EVENTS, NOW, day_lists, history

PROFILES = (
    UNKNOWN,
    Profile(seats=7, mrr=12_345, currency="EUR", since_ms=0, renewal_date="2024-10-20"),
    Profile(terms=(Term(plan="pro", start_ms=0, months=12),), created_at="2024-01-01", mrr=7, currency="JPY"),
)
ROWS = st.lists(
    st.tuples(day_lists(), st.sampled_from(PROFILES), st.integers(-100, 10)), min_size=1, max_size=8
).map(
    lambda found: [
        Row(history(*days), Standing(profile=profile), NOW + shift) for days, profile, shift in found
    ]
)


@settings(max_examples=60)
@given(rows=ROWS, order=st.randoms(use_true_random=False))
def test_one_by_one_all_at_once_and_in_any_order_give_the_same_bits(rows: list[Row], order: object) -> None:
    together = compute(rows)
    places = list(range(len(rows)))
    order.shuffle(places)  # type: ignore[attr-defined]

    alone = np.vstack([compute([row]) for row in rows])
    shuffled = compute([rows[place] for place in places])

    assert alone.tobytes() == together.tobytes()
    assert shuffled.tobytes() == together[places].tobytes()


@settings(max_examples=60)
@given(days=day_lists(longest=700), at=st.integers(-40, 0))
def test_the_window_gives_the_same_bits_as_the_whole_history(days: list[Day], at: int) -> None:
    """Online sees the days that any window reaches and since when the account is known, offline all."""
    last = NOW + at
    whole = history(*days)
    window = [d for d in days if last - LONG_DAYS < d.day <= last]
    first_day = days[0].day if days else None

    seen = history_of("acme", window, events=EVENTS, first_day=first_day)

    assert (
        compute([Row(seen, NOTHING_SAID, last)]).tobytes()
        == compute([Row(whole, NOTHING_SAID, last)]).tobytes()
    )


@settings(max_examples=30)
@given(days=day_lists(), late=day_lists(longest=20))
def test_days_that_are_not_closed_change_nothing(days: list[Day], late: list[Day]) -> None:
    after = [Day(d.day + 30, d.by_event, d.users) for d in late]
    known = history(*days, first_ago=None if days else 200)

    more = history_of("acme", [*days, *after], events=EVENTS, first_day=known.first_day)

    assert (
        compute([Row(more, NOTHING_SAID, NOW)]).tobytes()
        == compute([Row(known, NOTHING_SAID, NOW)]).tobytes()
    )


def test_a_batch_larger_than_a_chunk_is_the_rows_one_after_the_other() -> None:
    some = [Row(history(*days), NOTHING_SAID, NOW) for days in _many(7)]
    rows = [some[n % 7] for n in range(CHUNK + 3)]

    together = compute(rows)

    assert together[CHUNK:].tobytes() == compute(rows[CHUNK:]).tobytes()
    assert together[:7].tobytes() == compute(some).tobytes()
    assert compute([]).shape == (0, len(FEATURES))


def test_sums_are_exact_up_to_the_largest_counts() -> None:
    """Whole numbers below 2^53 in every window and product, so no order of adding is better than another."""
    rng = np.random.default_rng(5)
    block = rng.integers(0, 10**11, size=(64, len(Counter), DAYS)).astype(np.float64)
    block[:, 2] = rng.integers(0, 2, size=(64, DAYS))
    batch = Batch(
        block=block,
        long=np.repeat(block.sum(axis=2, keepdims=True), len(LONG), axis=2),
        known=np.full(64, 90.0),
        distinct=np.ones((64, len(Distinct))),
        facts=np.full((64, len(Fact)), np.nan),
    )

    found = np.empty((64, len(FEATURES)))
    evaluate(batch, registry(), NO_BASIS, out=found)

    for row in range(64):
        events = [int(count) for count in block[row, 0]]
        assert found[row, _at("avg_events_30d")] == sum(events[-30:]) / 30
        week, before = sum(events[-7:]), sum(events[-14:-7])
        assert found[row, _at("events_change_7d")] == (week - before) / before


def test_weights_are_whole_multiples_whose_sum_stays_exact() -> None:
    for half_life in HALF_LIVES:
        found = weights(half_life)

        assert (found == np.round(found)).all()
        assert found[-1] == 2**20
        assert found[-1 - half_life] == 2**19
        assert found.sum() < 2**53


def _at(name: str) -> int:
    return [feature.name for feature in FEATURES].index(name)


def _many(number: int) -> list[list[Day]]:
    rng = np.random.default_rng(number)
    return [
        [
            Day(NOW - int(ago), {"page": int(rng.integers(1, 9))}, NOBODY)
            for ago in range(80, 0, -1)
            if rng.random() < 0.5
        ]
        for _ in range(number)
    ]
