"""What goes wrong with a challenger is counted and said, and costs nobody anything."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
from stemtide.challenger_scoring import score_beside
from stemtide.features.registry import registry
from stemtide.features.vectors import Vector
from stemtide.ports import UnavailableError
from stemtide.profile import UNKNOWN
from stemtide.scoring.assessment import Assessment, Trigger

AS_OF_MS = 1_773_532_799_999
FEATURES = registry().features


def vector(account: str) -> Vector:
    return Vector(
        account=account,
        as_of_ms=AS_OF_MS,
        values=np.zeros(len(FEATURES)),
        features=FEATURES,
        profile=UNKNOWN,
        last_active_day=20_525,
        first_day=20_400,
        completeness=1.0,
    )


def one_by_one(step: Callable[[Any], Any], items: Iterable[Any], /) -> list[Any]:
    return [step(item) for item in items]


class Broken:
    """A model that loads and cannot score."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __getattr__(self, name: str) -> Any:
        raise self.error


def run(
    *accounts: str, model: Any = None, write: Callable[..., object] | None = None
) -> tuple[int, list[tuple[str, Trigger]], list[tuple[int, str]]]:
    """How many have a score, which were written, and what was said to be lost."""
    written: list[tuple[str, Trigger]] = []
    lost: list[tuple[int, str]] = []

    def keep(of: Vector, assessment: Assessment, trigger: Trigger) -> None:
        if write is not None:
            write(of)
        written.append((of.account, trigger))

    count = score_beside(
        [vector(account) for account in accounts],
        model=model,
        fresh={},
        trigger=Trigger.SCHEDULE,
        least_history_days=14,
        write=keep,
        side_by_side=one_by_one,
        say_lost=lambda number, error: lost.append((number, str(error))),
    )
    return count, written, lost


def test_every_account_gets_its_score() -> None:
    count, written, lost = run("a", "b")

    assert (count, lost) == (2, [])
    assert written == [("a", Trigger.SCHEDULE), ("b", Trigger.SCHEDULE)]


def test_of_nobody_nothing_is_asked() -> None:
    assert run(model=Broken(ValueError("asked"))) == (0, [], [])


@pytest.mark.parametrize("error", [UnavailableError("busy"), ValueError("no such row")])
def test_a_row_that_cannot_be_written_is_said_and_the_others_are(error: Exception) -> None:
    def write(of: Vector) -> None:
        if of.account == "b":
            raise error

    count, written, lost = run("a", "b", "c", write=write)

    assert (count, [account for account, _ in written]) == (2, ["a", "c"])
    assert lost == [(1, str(error))]


def test_a_model_that_cannot_score_is_said_and_raises_nothing() -> None:
    assert run("a", "b", model=Broken(ValueError("no such input"))) == (0, [], [(2, "no such input")])


def test_a_fault_of_the_code_is_not_taken_for_one_of_the_model() -> None:
    with pytest.raises(AssertionError, match="a fault"):
        run("a", model=Broken(AssertionError("a fault")))
