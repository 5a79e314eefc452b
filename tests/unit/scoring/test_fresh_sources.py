"""Which sources were fresh, remembered: for whom, for how long, and how much is kept."""

from collections.abc import Sequence
from random import Random

import pytest
from stemtide.config_sources import Source
from stemtide.ports import UnavailableError
from stemtide.scoring.known_sources import Fresh
from stemtide.store.fresh_sources import MOST, REMEMBERED_SECONDS, SPAN_MS, FreshSources

AT = 1_773_565_200_000


class Stored:
    """Sources that were heard of at one instant and are fresh for a quarter of an hour; counts who asks."""

    def __init__(self) -> None:
        self.heard_ms = AT
        self.now = 0.0
        self.asked: list[list[int]] = []
        self.broken = False
        self.sources = FreshSources(ask=self._ask, monotonic=lambda: self.now)

    def _ask(self, instants: Sequence[int]) -> dict[int, Fresh]:
        self.asked.append(list(instants))
        if self.broken:
            raise UnavailableError
        return {at_ms: {Source.TICKETS: at_ms - self.heard_ms <= 900_000} for at_ms in instants}

    def fresh(self, at_ms: int) -> bool | None:
        return self.sources.at([at_ms])[at_ms][Source.TICKETS]


def test_logins_of_ten_seconds_ask_once() -> None:
    stored = Stored()

    answers = [stored.fresh(AT + ms) for ms in range(0, SPAN_MS, 500)]

    assert set(answers) == {True}
    assert stored.asked == [[AT]]


def test_what_was_heard_meanwhile_is_known_after_ten_seconds() -> None:
    stored = Stored()
    stored.heard_ms = AT - 3_600_000
    before = stored.fresh(AT)

    stored.heard_ms = AT
    stored.now = REMEMBERED_SECONDS - 0.1
    meanwhile = stored.fresh(AT)
    stored.now = REMEMBERED_SECONDS

    assert (before, meanwhile, stored.fresh(AT)) == (False, False, True)


def test_an_answer_is_that_of_an_instant_less_than_ten_seconds_away() -> None:
    stored, source = Stored(), Random(1)

    for _ in range(2_000):
        at_ms = AT + source.randrange(800_000, 1_000_000)
        stored.now += source.choice((0, 0, 0, 0.5))
        near = {at_ms + ms - AT <= 900_000 for ms in (-SPAN_MS + 1, SPAN_MS - 1)}
        assert stored.fresh(at_ms) in near
    assert len(stored.asked) < 1_000


def test_of_many_instants_those_that_are_not_known_are_asked_for_together() -> None:
    stored = Stored()
    stored.fresh(AT)

    found = stored.sources.at([AT + 1, AT + SPAN_MS, AT + SPAN_MS + 5, AT + 2_000_000])

    assert stored.asked[1:] == [[AT + SPAN_MS + 5, AT + 2_000_000]]
    assert [one[Source.TICKETS] for one in found.values()] == [True, True, True, False]


def test_without_an_answer_nothing_is_remembered() -> None:
    stored = Stored()
    stored.broken = True
    with pytest.raises(UnavailableError):
        stored.fresh(AT)

    stored.broken = False

    assert stored.fresh(AT) is True


def test_what_is_out_of_date_is_forgotten() -> None:
    stored = Stored()
    for number in range(3 * MOST):
        stored.now += 1
        stored.fresh(AT + number * SPAN_MS)

    assert len(stored.sources._found) <= MOST + 1
