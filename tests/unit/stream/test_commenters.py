"""Who commented is kept apart from who was there: exactly while few, never twice, whoever brings it in."""

from random import Random

from stemtide import users
from stemtide.config_schema import Events
from stemtide.fold import fold
from stemtide.state import EMPTY, Caps, Event, State, decode, encode
from stemtide.users import EXACT_USERS, Users

CAPS = Caps(is_comment={"comment": True, "view": False}.__getitem__)


def events(*calls: tuple[str, bytes | None]) -> list[Event]:
    return [
        Event(number, number.to_bytes(8, "big"), user, name, 1_000 + number, 1)
        for number, (name, user) in enumerate(calls, 1)
    ]


def commenters(state: State) -> Users:
    return users.decode(state.commenters)


def test_only_users_of_comments_are_kept_apart() -> None:
    state = fold(
        EMPTY,
        events(("view", b"a" * 8), ("comment", b"b" * 8), ("comment", b"b" * 8), ("comment", None)),
        lane="0",
        caps=CAPS,
    ).state

    assert commenters(state) == Users(b"b" * 8)
    assert decode(encode(state)) == state


def test_nothing_is_kept_where_nobody_comments_or_nothing_is_a_comment() -> None:
    made = events(("comment", b"a" * 8))

    assert fold(EMPTY, events(("view", b"a" * 8)), lane="0", caps=CAPS).state.commenters == b""
    assert fold(EMPTY, made, lane="0", caps=Caps()).state.commenters == b""


def test_who_has_commented_stays_whatever_comes_then() -> None:
    caps, begun = CAPS, fold(EMPTY, events(("comment", b"a" * 8)), lane="0", caps=CAPS).state
    after = fold(begun, events(*[("view", b"c" * 8)] * 2), lane="1", caps=caps).state
    more = fold(after, events(*[("comment", b"0" * 8)] * 3), lane="2", caps=caps).state

    assert after.commenters == begun.commenters
    assert commenters(more) == Users(b"0" * 8 + b"a" * 8)


def test_many_are_a_sketch_that_does_not_depend_on_how_they_came() -> None:
    source = Random(1)
    many = [("comment", source.randbytes(8)) for _ in range(EXACT_USERS + 40)]
    once = fold(EMPTY, events(*many), lane="0", caps=CAPS).state
    begun = fold(EMPTY, events(*many[:150]), lane="0", caps=CAPS).state
    twice = fold(begun, events(*many)[150:], lane="0", caps=CAPS).state

    assert once.commenters == twice.commenters
    assert not commenters(once).exact
    assert abs(users.count(commenters(once)) - len(many)) < 0.06 * len(many)


def test_a_state_of_an_earlier_version_is_read_as_one_without_comments() -> None:
    """Its last field was `covered_ms`."""
    old = encode(State(events=1, calls=1))
    fields = old[0:1] + bytes([old[1] - 1]) + old[2:-2]

    assert decode(fields) == State(events=1, calls=1)


def test_the_configuration_says_what_a_comment_is() -> None:
    is_comment = Events(comments=("Note *", "comment_*")).commenting()

    assert [is_comment(name) for name in ("note added", "comment_added", "Signed In", "note added")] == [
        *(True, True, False, True)
    ]
    assert not Events(comments=()).commenting()("comment_added")
    assert Events().commenting()("comment_added")
