"""What becomes of a day when a backfill and the stream have both something to say of it."""

import pytest
from stemtide import users
from stemtide.backfill import (
    Counted,
    Made,
    NeedsArchiveError,
    OtherBackfillError,
    cutover_of,
    is_split,
    made_of,
    nothing,
    over_cutover_day,
    over_day,
    streamed_since,
)
from stemtide.calls import DAY_MS
from stemtide.state import Caps, State
from stemtide.users import NOBODY, Users, user_hash

CAPS = Caps(inline_users=3, event_types=2)
DAY = 19_418
START = DAY * DAY_MS
NOON = START + DAY_MS // 2
NEXT = START + DAY_MS


def packed(*names: str) -> bytes:
    return users.pack([user_hash(name) for name in names])


def made(*names: str, types: tuple[tuple[str, int], ...] = (("a", 2),), cutover: int = NEXT) -> Made:
    """A backfilled day with these users."""
    counted = Counted(types=types, calls=2, first_ms=START + 5, last_ms=START + 9, users=packed(*names))
    return made_of(counted, covered_ms=cutover, caps=CAPS)


def streamed(at_ms: int, *names: str, calls: int = 4, covered: int | None = None) -> State:
    """A day of which the stream has counted calls at an instant."""
    return State(
        events=calls,
        calls=calls,
        duplicates=1,
        by_event={"b": calls},
        first_ms=at_ms,
        last_ms=at_ms + 1,
        users=packed(*names),
        marks={"lane": b"\x01\x07"},
        ids=b"123456",
        recent={"lane": [(b"\x01\x05", 1)]},
        arrivals=[DAY, DAY],
        covered_ms=covered,
    )


def test_event_types_beyond_the_cap_count_as_other_in_the_order_of_their_first_calls() -> None:
    state = made(types=(("a", 1), ("b", 2), ("c", 4), ("a2", 8))).state

    assert state.by_event == {"a": 1, "b": 2, "other": 12}
    assert state.events == 15


@pytest.mark.parametrize("number", [0, 1, 3, 4, 256, 257, 3_000])
def test_users_are_kept_as_the_stream_keeps_them(number: int) -> None:
    hashes = [user_hash(f"u{i}") for i in range(number)]

    state, present = made(*(f"u{i}" for i in range(number)))

    assert state.spilled == (number > 3)
    assert state.users == (b"" if number > 3 else users.pack(hashes))
    assert present == users.union(NOBODY, hashes)


def test_over_nothing_the_backfill_is_all() -> None:
    assert over_day(None, made("ann")) == made("ann")


def test_over_a_streamed_day_the_backfill_counts_and_the_stream_is_known() -> None:
    stored, new = streamed(NOON, "bob"), made("ann")

    state, present = over_day(stored, new) or nothing(0)

    assert (state.calls, state.by_event, present) == (2, {"a": 2}, Users(packed("ann")))
    assert state.duplicates == 1 + 4
    assert (state.marks, state.recent, state.arrivals) == (stored.marks, stored.recent, stored.arrivals)
    assert state.covered_ms == NEXT


def test_what_is_in_already_is_not_written_again() -> None:
    late = over_day(streamed(NOON), made("ann"))
    assert late is not None

    assert over_day(made("ann").state, made("ann")) is None
    assert over_day(late.state, made("ann")) is None


def test_a_day_that_the_stream_began_after_the_cutover_was_set_takes_the_counts() -> None:
    empty = State(duplicates=3, marks={"lane": b"\x01\x07"}, covered_ms=NEXT)

    state, _ = over_day(empty, made("ann")) or nothing(0)

    assert (state.calls, state.duplicates) == (2, 3)


@pytest.mark.parametrize("stored", [made("ann", "bob").state, made("ann", cutover=NEXT + 1).state])
def test_another_backfill_of_the_day_stays_unless_it_is_to_be_replaced(stored: State) -> None:
    with pytest.raises(OtherBackfillError):
        over_day(stored, made("ann"))

    replaced = over_day(stored, made("ann"), again=True)

    assert replaced == made("ann")


def test_a_days_own_cutover_adds_the_backfilled_part_to_what_was_streamed_since() -> None:
    new = made("ann", "bob", cutover=NOON)

    state, present = over_cutover_day(
        streamed(NOON, "bob", "cat"), Users(packed("bob", "cat")), new, caps=CAPS
    )

    assert (state.calls, state.events, state.by_event) == (6, 6, {"a": 2, "b": 4})
    assert (state.first_ms, state.last_ms) == (START + 5, NOON + 1)
    assert (state.users, state.spilled, present) == (packed("ann", "bob", "cat"), False, Users(state.users))
    assert (state.ids, state.covered_ms, state.duplicates) == (b"123456", NOON, 1)


def test_too_many_users_of_both_move_to_the_users_item() -> None:
    new = made("ann", "bob", cutover=NOON)
    stored = streamed(NOON, "cat", "dan")

    state, present = over_cutover_day(stored, Users(stored.users), new, caps=CAPS)

    assert (state.users, state.spilled) == (b"", True)
    assert present == Users(packed("ann", "bob", "cat", "dan"))


def test_sketches_of_both_become_one() -> None:
    many = [f"u{i}" for i in range(600)]
    new = made(*many[:400], cutover=NOON)
    stored = State(calls=1, first_ms=NOON, last_ms=NOON, spilled=True)
    present = users.union(NOBODY, map(user_hash, many[300:]))

    together = over_cutover_day(stored, present, new, caps=CAPS).users

    assert together == users.union(NOBODY, map(user_hash, many))


def test_a_cutover_day_streamed_only_before_it_has_the_backfills_counts() -> None:
    new = made("ann", cutover=NOON)

    state, present = over_cutover_day(streamed(START + 3, "bob"), Users(packed("bob")), new, caps=CAPS)

    assert (state.calls, state.duplicates, present) == (2, 5, Users(packed("ann")))


def test_calls_of_both_sides_in_one_item_only_the_archive_tells_apart() -> None:
    both = State(calls=2, first_ms=START + 3, last_ms=NOON, by_event={"b": 2})
    beyond_the_cap = State(calls=9, first_ms=NOON, last_ms=NOON, by_event={"a": 1, "b": 1, "other": 7})

    for stored in (both, beyond_the_cap):
        with pytest.raises(NeedsArchiveError):
            over_cutover_day(stored, NOBODY, made("ann", cutover=NOON), caps=CAPS)


def test_a_cutover_day_with_another_cutover_is_another_backfill() -> None:
    with pytest.raises(OtherBackfillError):
        over_cutover_day(streamed(NOON, covered=NOON - 1), NOBODY, made("ann", cutover=NOON), caps=CAPS)


def test_a_midnight_cutover_splits_no_day() -> None:
    assert [is_split(START, at) for at in (START, START + 1, NEXT - 1, NEXT)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("since", "end", "cutover"),
    [
        (None, NOON, NOON),
        (DAY, NEXT + 7, NEXT),
        (DAY, NOON, NOON),
        (DAY + 5, NOON, NOON),
        (DAY - 5, NOON, START - 4 * DAY_MS),
    ],
)
def test_a_streamed_account_is_the_streams_from_its_first_whole_day_on(
    since: int | None, end: int, cutover: int
) -> None:
    assert cutover_of(since, end) == cutover


def test_an_account_was_streamed_since_the_first_arrival_not_the_first_days_date() -> None:
    late = State(calls=1, marks={"lane": b"\x01\x01"}, arrivals=[DAY + 3, DAY + 3])
    of_an_earlier_version = State(calls=1, marks={"lane": b"\x01\x01"})
    backfilled = State(calls=5, covered_ms=NEXT)

    assert streamed_since([(DAY - 40, late), (DAY - 50, backfilled)]) == DAY + 3
    assert streamed_since([(DAY, of_an_earlier_version)]) == DAY
    assert streamed_since([(DAY, backfilled)]) is None
    assert streamed_since([]) is None
