"""Repeated traits are kept once a day, and no change is ever taken for a repeat."""

from typing import Any

from stemtide.facts import Fact
from stemtide.repeats import KEPT_EVERY_MS, MAX_ACCOUNTS, Repeats


def said(at_ms: int, **data: Any) -> tuple[int, str, Fact]:
    fact = Fact(id=f"{at_ms:012x}", known_ms=at_ms, at_ms=at_ms, kind="traits", data=data)
    return at_ms, "acme", fact


def kept(repeats: Repeats, *entries: tuple[int, str, Fact], mark: int, leave: int | None) -> list[int]:
    found = [sequence for sequence, _, _ in repeats.without(entries, lane="lane", mark=mark)]
    repeats.leave("lane", leave)
    return found


def test_the_same_traits_again_are_left_out_in_the_same_and_in_the_next_delivery() -> None:
    repeats = Repeats()

    assert kept(repeats, said(1, plan="a"), said(2, plan="a"), mark=0, leave=2) == [1]
    assert kept(repeats, said(3, plan="a"), said(4, plan="b"), said(5, plan="a"), mark=2, leave=5) == [4, 5]


def test_after_a_day_the_same_traits_are_kept_again() -> None:
    repeats = Repeats()

    assert kept(repeats, said(1, plan="a"), mark=0, leave=1) == [1]
    assert kept(repeats, said(KEPT_EVERY_MS, plan="a"), mark=1, leave=KEPT_EVERY_MS) == []
    again = KEPT_EVERY_MS + 1
    assert kept(repeats, said(again, plan="a"), mark=KEPT_EVERY_MS, leave=again) == [again]


def test_nothing_is_left_out_when_another_process_has_worked_in_the_lane() -> None:
    repeats = Repeats()

    assert kept(repeats, said(1, plan="a"), mark=0, leave=1) == [1]
    assert kept(repeats, said(9, plan="a"), mark=8, leave=9) == [9]


def test_nothing_is_left_out_after_a_delivery_that_was_not_kept_in_full_or_broke_off() -> None:
    repeats = Repeats()

    assert kept(repeats, said(1, plan="a"), mark=0, leave=None) == [1]
    assert [s for s, _, _ in repeats.without([said(1, plan="a")], lane="lane", mark=0)] == [1]
    assert kept(repeats, said(1, plan="a"), mark=0, leave=1) == [1]


def test_late_traits_are_kept_and_are_not_what_was_said_last() -> None:
    repeats = Repeats()

    assert kept(repeats, said(10, plan="a"), said(5, plan="b"), said(12, plan="a"), mark=0, leave=12) == [
        10,
        5,
    ]


def test_a_copy_that_was_known_before_what_overtook_it_is_kept() -> None:
    repeats = Repeats()
    direct = said(10, plan="a")
    forwarded = (11, "acme", Fact(id="b", known_ms=9, at_ms=10, kind="traits", data={"plan": "a"}))

    assert kept(repeats, direct, forwarded, mark=0, leave=11) == [10, 11]


def test_subscription_events_are_never_repeats() -> None:
    repeats = Repeats()
    fact = Fact(id="0" * 12, known_ms=1, at_ms=1, kind="changed", data={"plan": "a"})

    assert kept(repeats, (1, "acme", fact), (2, "acme", fact), mark=0, leave=2) == [1, 2]


def test_too_many_accounts_are_forgotten_together() -> None:
    repeats = Repeats()
    many = [(n, f"a-{n}", said(1, plan="a")[2]) for n in range(MAX_ACCOUNTS + 1)]

    assert len(repeats.without(many, lane="lane", mark=0)) == MAX_ACCOUNTS + 1
    repeats.leave("lane", 7)

    assert len(repeats.without(many[:5], lane="lane", mark=7)) == 5
