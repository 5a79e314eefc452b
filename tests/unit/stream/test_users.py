"""Distinct users: exact while few, then a sketch."""

import math
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide import users
from stemtide.users import EXACT_USERS, NOBODY, STANDARD_ERROR

HASHES = st.integers(0, 600).map(lambda seed: frozenset(hashes(Random(seed).randint(0, 400), seed % 7)))


def hashes(count: int, seed: int = 0) -> list[bytes]:
    source = Random(seed)
    return [source.randbytes(8) for _ in range(count)]


@pytest.mark.parametrize("number", [0, 1, 40, 255, 256])
def test_few_users_are_counted_exactly(number: int) -> None:
    present = users.union(NOBODY, hashes(number))

    assert (users.count(present), present.exact) == (number, True)


def test_one_more_than_few_become_a_sketch() -> None:
    present = users.union(users.union(NOBODY, hashes(256)), hashes(1, seed=9))

    assert not present.exact
    assert users.count(present) > EXACT_USERS


@pytest.mark.parametrize("number", [400, 5_000, 50_000])
def test_many_users_are_estimated_with_the_stated_error(number: int) -> None:
    errors = [users.count(users.union(NOBODY, hashes(number, seed))) / number - 1 for seed in range(40)]

    assert max(map(abs, errors)) < 4 * STANDARD_ERROR
    assert (sum(error**2 for error in errors) / len(errors)) ** 0.5 < 1.35 * STANDARD_ERROR


def test_the_stated_error_is_that_of_a_merged_sketch() -> None:
    assert math.isclose(STANDARD_ERROR, math.log(2) / math.sqrt(2**users.SKETCH_LG_K), rel_tol=0.01)


def test_sketches_are_made_as_those_that_are_stored() -> None:
    """Made otherwise they could not be merged with what tables and history have."""
    packed = users.union(NOBODY, hashes(5_000)).packed

    assert (len(packed), sha256(packed).hexdigest()[:16]) == (1116, "a78eeefbd2a680c4")


def test_a_sketch_takes_less_than_two_write_units_however_many_come() -> None:
    assert len(users.union(NOBODY, hashes(100_000)).packed) < 1600


@settings(deadline=None, max_examples=60)
@given(HASHES, HASHES, HASHES)
def test_the_union_depends_neither_on_order_nor_on_repetition(
    a: frozenset[bytes], b: frozenset[bytes], c: frozenset[bytes]
) -> None:
    once = users.union(users.union(users.union(NOBODY, a), b), c)

    assert users.union(users.union(users.union(once, c), a), b) == once
    assert users.union(NOBODY, a | b | c) == once
    assert users.union(users.union(NOBODY, c), b | a) == once


@settings(deadline=None, max_examples=40)
@given(HASHES, HASHES)
def test_a_sketch_of_several_days_equals_the_sketch_of_their_users(
    a: frozenset[bytes], b: frozenset[bytes]
) -> None:
    days = [users.union(NOBODY, a), users.union(NOBODY, b)]

    assert users.together(days) == users.together([], a | b) == users.together(days[::-1], b)


def test_a_sketch_never_says_fewer_than_can_be_counted() -> None:
    """The estimate of a sketch that has just begun lies below what is known to be in it, now and then."""
    estimates = [users.count(users.union(NOBODY, hashes(257, seed))) for seed in range(60)]

    assert min(estimates) == EXACT_USERS + 1 < max(estimates)


@pytest.mark.parametrize("number", [3, 300])
def test_what_is_stored_is_read_back(number: int) -> None:
    present = users.union(NOBODY, hashes(number))

    assert users.decode(users.encode(present)) == present


@pytest.mark.parametrize(("blob", "shown"), [(b"", ""), (b"\x09", "09"), (b"\x00\x01", "00")])
def test_an_unknown_format_is_refused(blob: bytes, shown: str) -> None:
    with pytest.raises(ValueError, match=f"^users of unknown format {shown}: deploy the version"):
        users.decode(blob)
