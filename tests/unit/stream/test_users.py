"""Distinct users: exact while few, then a sketch."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide import users

HASHES = st.sets(st.integers(0, 2**64 - 1).map(lambda number: number.to_bytes(8, "big")), max_size=60)


def hashes(count: int, seed: int = 0) -> list[bytes]:
    source = Random(seed)
    return [source.randbytes(8) for _ in range(count)]


@pytest.mark.parametrize("number", [0, 1, 40, 1023, 1024])
def test_few_users_are_counted_exactly(number: int) -> None:
    assert users.count(users.union(b"", hashes(number))) == number


@pytest.mark.parametrize("number", [1025, 5_000, 50_000])
def test_many_users_are_estimated_within_four_standard_errors(number: int) -> None:
    estimate = users.count(users.union(b"", hashes(number)))

    assert estimate > 1024
    assert abs(estimate / number - 1) < 4 * 0.0313


def test_a_full_sketch_takes_eight_kilobytes_however_many_come() -> None:
    assert len(users.union(b"", hashes(20_000))) == 1025 * 8


@given(HASHES, HASHES, HASHES)
def test_the_union_does_not_depend_on_order_or_repetition(
    a: set[bytes], b: set[bytes], c: set[bytes]
) -> None:
    once = users.union(users.union(users.union(b"", a), b), c)

    assert users.union(users.union(users.union(once, c), a), b) == once
    assert users.union(b"", a | b | c) == once


def test_an_unknown_format_is_refused() -> None:
    assert users.decode(users.encode(b"12345678")) == b"12345678"
    with pytest.raises(ValueError, match="unknown format"):
        users.decode(b"\x09")
