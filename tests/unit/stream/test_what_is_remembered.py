"""What a warm process knows of its items: ids in two generations, users, hashes; all of it bounded."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide import limits
from stemtide import users as stored_users
from stemtide.fold import Folded, Memory, fold
from stemtide.state import EMPTY, Caps, Event, State, mark_of
from stemtide.users import remembered_hashes, user_hash

CAPS = Caps(id_window=2, remembered_ids=3)


def ids(text: str) -> list[bytes]:
    return [letter.encode() * limits.ID_BYTES for letter in text]


def accepted(text: str, window: str = "") -> Folded:
    return Folded(State(ids=b"".join(ids(window))), accepted=ids(text))


def known(memory: Memory, text: str) -> str:
    return "".join(letter for letter, one in zip(text, ids(text), strict=True) if memory.knows(one))


def test_ids_are_kept_in_two_generations_and_the_older_one_goes_at_once() -> None:
    memory = Memory(EMPTY)
    memory.add(accepted("abc"), caps=CAPS)
    assert known(memory, "abcd") == "abc"

    memory.add(accepted("d", window="cd"), caps=CAPS)  # four are too many: they become the older ones
    assert known(memory, "abcde") == "abcd"
    memory.add(accepted("e", window="de"), caps=CAPS)
    assert known(memory, "abcde") == "abcde"
    memory.add(accepted("f", window="ef"), caps=CAPS)  # c, d, e, f: the older generation goes

    assert known(memory, "abcdef") == "cdef"


@pytest.mark.parametrize(("asked", "none"), [("xy", True), ("xa", False), ("xd", False), ("", True)])
def test_both_generations_are_asked_whether_ids_are_new(asked: str, none: bool) -> None:
    memory = Memory(EMPTY)
    memory.add(accepted("abcd", window="d"), caps=CAPS)

    assert memory.knows_none_of(dict.fromkeys(ids(asked))) is none


def test_an_id_of_the_older_generation_is_a_duplicate() -> None:
    memory = Memory(EMPTY)
    memory.add(accepted("abcd", window="d"), caps=CAPS)
    again = [Event(1, *ids("a"), None, "x", 0, 1), Event(2, *ids("z"), None, "x", 0, 1)]

    folded = fold(EMPTY, again, lane="1/0", caps=CAPS, memory=memory)

    assert (folded.state.calls, folded.duplicates) == (1, [(1, 1)])


def test_the_window_is_remembered_even_where_it_is_longer_than_what_is_remembered() -> None:
    memory = Memory(EMPTY)
    memory.add(accepted("abcd", window="abcd"), caps=Caps(id_window=4, remembered_ids=0))

    assert known(memory, "abcd") == "abcd"
    assert memory.size == 4 * limits.REMEMBERED_ID_BYTES


def test_size_counts_ids_of_both_generations_and_users() -> None:
    memory = Memory(EMPTY)
    memory.add(accepted("abcd", window="d"), caps=CAPS)
    memory.add(Folded(EMPTY, new_users={b"ann", b"bob", b"cyd"}), caps=CAPS)

    assert memory.size == (1 + 4) * limits.REMEMBERED_ID_BYTES + 3 * limits.REMEMBERED_USER_BYTES


def test_users_are_remembered_until_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMEMBERED_USERS", 3)
    stored = State(users=b"12345678")
    memory = Memory(stored)
    assert memory.users == {b"12345678"}

    memory.add(Folded(stored, new_users={b"ann", b"bob"}), caps=CAPS)
    assert memory.users == {b"12345678", b"ann", b"bob"}
    memory.add(Folded(stored, new_users={b"cyd"}), caps=CAPS)

    assert memory.users == {b"12345678"}


def test_known_users_are_not_new_and_new_ones_are_told() -> None:
    memory = Memory(EMPTY)
    events = [Event(1, *ids("a"), b"ann-----", "x", 0, 1), Event(2, *ids("b"), None, "x", 0, 1)]

    first = fold(EMPTY, events, lane="1/0", caps=CAPS, memory=memory)
    memory.add(first, caps=CAPS)
    more = [Event(3, *ids("c"), b"ann-----", "x", 0, 1), Event(4, *ids("d"), b"bob-----", "x", 0, 1)]
    second = fold(first.state, more, lane="1/0", caps=CAPS, memory=memory)

    assert (first.new_users, second.new_users) == ({b"ann-----"}, {b"bob-----"})
    assert second.state.users == b"ann-----bob-----"


def test_hashes_of_users_are_remembered_up_to_a_bound_and_long_ids_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored_users, "_REMEMBERED_USERS", 2)
    remembered_hashes.clear()
    longest, longer = "x" * stored_users._REMEMBERED_CHARS, "x" * (stored_users._REMEMBERED_CHARS + 1)

    made = user_hash(longer), user_hash(longest)
    assert list(remembered_hashes) == [longest]
    user_hash("ann")
    assert list(remembered_hashes) == [longest, "ann"]
    user_hash("bob")

    assert list(remembered_hashes) == ["bob"]
    assert (user_hash(longer), user_hash(longest)) == made


@given(
    stored=st.lists(st.sampled_from("ab"), max_size=12).map("".join),
    asked=st.lists(st.sampled_from("ab"), min_size=1, max_size=9).map("".join),
)
def test_without_memory_the_window_moves_on_call_by_call(stored: str, asked: str) -> None:
    """Ids that overlap when they stand one after the other: `aaaaaaab` is no id of `aaaaaaaa aaaaaaab`."""
    kinds = {"a": b"xyxyxyxy", "b": b"yxyxyxyx"}
    window = [kinds[one] for one in stored][-3:]
    caps = Caps(id_window=3, remembered_ids=0)
    events = [Event(at, kinds[one], None, "x", 0, 1) for at, one in enumerate(asked)]

    folded = fold(State(ids=b"".join(window)), events, lane="1/0", caps=caps)

    counted: list[bytes] = []
    recent = deque(window, maxlen=3)
    for event in events:
        if event.id_hash not in recent:
            counted.append(event.id_hash)
            recent.append(event.id_hash)
    assert list(folded.accepted) == counted
    assert folded.state.ids == b"".join(recent)
    assert folded.state.duplicates == len(asked) - len(counted)


def test_a_match_that_lies_across_two_ids_is_none() -> None:
    for shift in range(1, limits.ID_BYTES):
        wanted = bytes(range(1, limits.ID_BYTES + 1))
        straddling = bytes(shift) + wanted + bytes(limits.ID_BYTES - shift)
        caps = Caps(id_window=9, remembered_ids=0)
        event = Event(1, wanted, None, "x", 0, 1)

        assert fold(State(ids=straddling), [event], lane="1/0", caps=caps).state.calls == 1
        assert fold(State(ids=straddling + wanted), [event], lane="1/0", caps=caps).state.calls == 0


def test_nothing_is_in_before_the_first_record_whatever_its_number() -> None:
    assert mark_of(EMPTY, "1/0") == -1
    events = [Event(0, *ids("a"), None, "x", 0, 1), Event(0, *ids("a"), None, "x", 0, 1)]

    folded = fold(EMPTY, events, lane="1/0", caps=CAPS)

    assert (folded.state.calls, folded.duplicates) == (1, [(0, 1)])
    assert folded.state.recent == {"1/0": [(b"", 1)]}


def test_a_call_of_before_1970_counts_also_beside_a_repeated_one() -> None:
    times = [-5_000, -5_000, 7]
    events = [Event(at, *ids(one), None, "x", times[at], 1) for at, one in enumerate("aab")]

    folded = fold(EMPTY, events, lane="1/0", caps=CAPS)

    assert (folded.state.calls, folded.duplicates) == (2, [(1, 1)])


def test_what_is_in_already_changes_nothing() -> None:
    events = [Event(at, at.to_bytes(8, "big"), None, "view", 1_000, 1) for at in range(1, 4)]
    state = fold(EMPTY, events, lane="1/0", caps=CAPS).state

    again = fold(state, events, lane="1/0", caps=CAPS)

    assert (again.changed, again.state) == (False, state)
    assert fold(state, events[:2], lane="1/1", caps=CAPS).changed
