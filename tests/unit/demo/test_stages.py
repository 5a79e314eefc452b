"""The demo's stages: what is shown of them, and waiting with an end."""

import io

import pytest
from rich.console import Console

from demo.stages import StageError, Stages, wait_until


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_stage_is_shown_with_its_seconds() -> None:
    out, clock = io.StringIO(), Clock()
    stages = Stages(console=Console(file=out, width=100), clock=clock)

    with stages.stage("count", "[customers] counted"):
        clock.sleep(2.5)

    assert stages.seconds == {"count": 2.5}
    assert "✓ [customers] counted" in out.getvalue()
    assert "2.5 s" in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= 100


def test_a_failed_stage_is_marked_and_its_error_goes_on() -> None:
    out = io.StringIO()
    stages = Stages(console=Console(file=out, width=100), clock=Clock())

    with pytest.raises(StageError, match="stuck"), stages.stage("count", "counted"):
        raise StageError("stuck")

    assert "✗ counted" in out.getvalue()
    assert "✓" not in out.getvalue()


def test_without_a_terminal_progress_is_a_line_now_and_then() -> None:
    out, clock = io.StringIO(), Clock()
    stages = Stages(console=Console(file=out, width=100), clock=clock)

    with stages.stage("send", "sent") as say:
        for row in range(25):
            clock.sleep(1)
            say(f"row {row}")

    assert [line for line in out.getvalue().splitlines() if "row" in line] == ["  … row 9", "  … row 19"]


def test_waiting_ends_when_nothing_is_missing() -> None:
    clock, looks = Clock(), iter(["two", "one", None])

    wait_until(
        lambda: next(looks), timeout_s=10, say=lambda _: None, every_s=1, clock=clock, sleep=clock.sleep
    )

    assert clock.now == 2


def test_waiting_gives_up_and_says_what_is_missing() -> None:
    clock = Clock()

    with pytest.raises(StageError, match="after 10 s still waiting for a score"):
        wait_until(lambda: "a score", timeout_s=10, say=lambda _: None, clock=clock, sleep=clock.sleep)

    assert clock.now <= 11
