"""When an account left, by what was told of its terms."""

from typing import Any

import msgspec
import pytest
from stemtide.calls import DAY_MS
from stemtide.facts import Fact, left_at

BEGAN = 1_767_225_600_000  # 2026-01-01
GRACE = 14 * DAY_MS
ONE_MONTH = {"plan": "business", "term_start": "2026-01-01T00:00:00.000Z", "term_months": 1}
RAN_OUT = BEGAN + 31 * DAY_MS


def fact(number: int, kind: str, at_ms: int, **data: Any) -> Fact:
    said = {"plan": "business", **data}
    return Fact(id=f"{number}", kind=kind, at_ms=at_ms, known_ms=at_ms, data=said, dropped={})


@pytest.mark.parametrize(
    ("days", "left"), [(0, None), (13.9, None), (14, RAN_OUT)], ids=["ran out", "may be late", "over"]
)
def test_a_term_that_ran_out_counts_after_the_grace_of_late_renewals(days: float, left: int | None) -> None:
    facts = [fact(1, "started", BEGAN, **ONE_MONTH)]

    assert left_at(facts, RAN_OUT + round(days * DAY_MS), grace_ms=GRACE) == left


def test_an_end_that_was_told_counts_at_once() -> None:
    facts = [fact(1, "started", BEGAN, **ONE_MONTH), fact(2, "ended", BEGAN + 9 * DAY_MS)]

    assert left_at(facts, BEGAN + 9 * DAY_MS, grace_ms=GRACE) == BEGAN + 9 * DAY_MS


def test_a_renewal_or_an_open_end_is_no_leaving() -> None:
    renewed = [fact(1, "started", BEGAN, **ONE_MONTH), fact(2, "started", RAN_OUT)]

    assert left_at(renewed, RAN_OUT + 99 * DAY_MS, grace_ms=GRACE) is None
    assert left_at([], RAN_OUT, grace_ms=GRACE) is None


def test_an_add_on_that_ended_is_no_leaving_and_one_that_runs_keeps_nobody() -> None:
    plan = fact(1, "started", BEGAN)
    addon = fact(2, "started", BEGAN, plan="seats", addon=True)
    both = [plan, addon]

    assert left_at([*both, fact(3, "ended", RAN_OUT, plan="seats")], RAN_OUT, grace_ms=GRACE) is None
    assert left_at([*both, fact(3, "ended", RAN_OUT)], RAN_OUT, grace_ms=GRACE) == RAN_OUT


def test_what_was_not_known_yet_counts_for_nothing() -> None:
    late = msgspec.structs.replace(fact(2, "ended", RAN_OUT), known_ms=RAN_OUT + 5)
    facts = [fact(1, "started", BEGAN), late]

    assert left_at(facts, RAN_OUT + 4, grace_ms=GRACE) is None
    assert left_at(facts, RAN_OUT + 5, grace_ms=GRACE) == RAN_OUT
