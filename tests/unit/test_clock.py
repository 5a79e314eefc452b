"""Model time: real time in an account, hurried on a laptop, never going back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.clock import REAL_TIME, ModelClock

from infra.local.clock import clock_of

NOW_MS = 1_700_000_000_000


@given(st.integers(0, 2**42))
def test_without_a_scale_model_time_is_real_time(real_ms: int) -> None:
    assert REAL_TIME.at(real_ms) == real_ms


def test_a_day_passes_in_a_second_at_its_scale() -> None:
    clock = REAL_TIME.rescaled(86_400, real_ms=NOW_MS)

    assert clock.at(NOW_MS + 1000) - clock.at(NOW_MS) == 86_400_000
    assert clock.real_seconds(86_400_000) == 1


@given(st.lists(st.tuples(st.integers(1, 10**7), st.sampled_from([1.0, 60.0, 3600.0, 86_400.0])), max_size=8))
def test_model_time_never_goes_back_whatever_the_paces(paces: list[tuple[int, float]]) -> None:
    clock, real_ms, seen = REAL_TIME, NOW_MS, [NOW_MS]

    for after_ms, scale in paces:
        clock = clock.rescaled(scale, real_ms=real_ms)
        real_ms += after_ms
        seen.append(clock.at(real_ms))

    assert seen == sorted(seen)


def test_a_clock_survives_as_text() -> None:
    clock = REAL_TIME.rescaled(3600, real_ms=NOW_MS).rescaled(0.5, real_ms=NOW_MS + 7)

    assert ModelClock.parse(str(clock)) == clock


@pytest.mark.parametrize("text", ["", "1/2", "a/b/c", "1/2/3/4"])
def test_another_text_is_no_clock(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ModelClock.parse(text)


def test_a_local_cloud_keeps_its_clock_and_goes_on_at_another_pace(tmp_path: Path) -> None:
    path = tmp_path / "clock"

    first = clock_of(path, scale=3600, real_ms=NOW_MS)
    again = clock_of(path, scale=3600, real_ms=NOW_MS + 5000)
    slower = clock_of(path, scale=60, real_ms=NOW_MS + 10_000)

    assert again == first
    assert slower.at(NOW_MS + 10_000) == first.at(NOW_MS + 10_000)
    assert slower.scale == 60


def test_a_local_cloud_that_never_hurried_runs_on_real_time(tmp_path: Path) -> None:
    assert clock_of(tmp_path / "clock", scale=1, real_ms=NOW_MS) == REAL_TIME
    assert not (tmp_path / "clock").exists()
