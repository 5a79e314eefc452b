"""After a recompute every account-day is what plain counting over the whole log says."""

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stemtide.canonical import hash_of

from tests.archived_logs import SENT, expected, log_of, seen, worked_off
from tests.recompute_memory import projections, recompute_all

SLOW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@given(sent=SENT, seed=st.integers(0, 2**32))
def test_a_recompute_sets_every_day_right(sent: list[tuple[int, int, object]], seed: int) -> None:
    log = log_of(sent)
    lab = worked_off(log, cuts=Random(seed))

    first = recompute_all(lab, of=2)
    again = recompute_all(lab)

    assert seen(lab) == expected(log)
    assert all(outcome.lagging == outcome.postponed == 0 for outcome in first)
    assert [outcome.corrected for outcome in again] == [0]


@SLOW
@given(sent=SENT, seed=st.integers(0, 2**32))
def test_the_archive_in_an_empty_table_gives_the_same_usage(
    sent: list[tuple[int, int, object]], seed: int
) -> None:
    lab = worked_off(log_of(sent), cuts=Random(seed))
    recompute_all(lab)
    before = hash_of(projections(lab))

    lab.items.rows.clear()
    recompute_all(lab)

    assert hash_of(projections(lab)) == before
