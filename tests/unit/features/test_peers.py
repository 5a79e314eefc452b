"""Ranks among the customers of one day: the same for a night's batches, for one account and in training."""

import msgspec
import numpy as np
import pytest
from stemtide.as_of import end_of_day_ms
from stemtide.extraction import ExtractionError, peer_part, peer_table
from stemtide.features import peers
from stemtide.features.cohorts import RANK_ERROR
from stemtide.features.feature import Feature
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import NAMES, registry
from stemtide.features.vectors import Known, vectors_of

from benchmarks.feature_speed import TODAY, standing_of, usage_of

AS_OF = end_of_day_ms(TODAY)
CUSTOMERS = 60


def place(name: str) -> int:
    return NAMES.index(name)


def drawn(rows: int, seed: int = 1) -> np.ndarray:
    """Vectors of customers of one cohort that differ in what is ranked."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 50, (rows, len(NAMES))).astype(np.float64)
    x[:, place(peers.AGE)] = 100.0
    x[:, place(peers.SILENCE)] = rng.integers(0, 30, rows)
    x[:, place(peers.KNOWN_DAYS)] = rng.integers(1, 50, rows)
    x[:, place(peers.USED_DAYS)] += 1
    for name in peers.FILLED_IN:
        x[:, place(name)] = np.nan
    return x


def test_each_place_is_of_a_feature_that_there_is() -> None:
    known = {feature.name: feature for feature in registry().features}

    assert {*peers.RANKED.values(), *peers.PLACED.values()} <= set(known)
    assert all(isinstance(known[name], Feature) and known[name].unit == "share" for name in peers.FILLED_IN)
    assert [name for name in NAMES if name.endswith(("_rank", "_percentile"))] == list(peers.FILLED_IN)


def test_a_rank_is_the_share_that_lies_below() -> None:
    x = drawn(101)
    x[:, place("avg_events_30d")] = np.arange(101)

    ranks = peers.with_ranks(x, NAMES, peers.table_of(x, NAMES))[:, place("events_rank")]

    np.testing.assert_allclose(ranks, (np.arange(101) + 0.5) / 101)


def test_nothing_but_the_ranks_changes_and_the_vectors_stay_as_they_were() -> None:
    x = drawn(40)
    before = x.copy()

    found = peers.with_ranks(x, NAMES, peers.table_of(x, NAMES))

    others = [i for i, name in enumerate(NAMES) if name not in peers.FILLED_IN]
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(found[:, others], x[:, others])
    assert not np.isnan(found).any()


def test_ranks_of_a_table_that_nobody_has_are_unknown() -> None:
    found = peers.with_ranks(drawn(40), NAMES, None)

    assert np.isnan(found[:, [place(name) for name in peers.FILLED_IN]]).all()


@pytest.mark.parametrize("cuts", [[], [1], [20, 40], [0, 60]])
def test_the_table_of_a_night_does_not_hang_on_its_batches(cuts: list[int]) -> None:
    x = drawn(CUSTOMERS)
    parts = [peer_part(part, NAMES) for part in np.split(x, cuts)]

    assert peer_table(parts) == peers.table_of(x, NAMES)


def test_a_night_without_customers_has_a_table_that_ranks_nobody() -> None:
    found = peers.with_ranks(drawn(5), NAMES, peer_table([b"", b""]))

    assert np.isnan(found[:, [place("events_rank"), place("events_percentile")]]).all()


def test_who_has_not_come_for_a_month_is_placed_among_those_who_have() -> None:
    x = drawn(60)
    x[:, place(peers.SILENCE)] = np.repeat([30.0, 31.0, 29.0], [10, 10, 40])
    x[:, place("avg_events_30d")] = np.where(np.arange(60) < 20, 0.0, np.arange(60))

    found = peers.with_ranks(x, NAMES, peers.table_of(x, NAMES))

    assert set(found[:20, place("events_percentile")]) == {0.0}
    counted = (np.arange(40) + 0.5) / 40
    np.testing.assert_allclose(found[20:, place("events_percentile")], counted, rtol=0, atol=RANK_ERROR)
    assert set(found[:20, place("recency_percentile")]) == {1.0}
    assert found[:20, place("events_rank")].max() > 0.1, "ranks by age are among all customers"


def test_who_is_known_for_days_and_was_never_used_is_no_active_customer() -> None:
    x = drawn(60)
    x[:, place(peers.SILENCE)] = 5.0
    x[:, place(peers.USED_DAYS)] = np.repeat([0.0, 9.0], [20, 40])
    x[:, place("avg_events_30d")] = np.where(np.arange(60) < 20, 0.0, np.arange(60))

    found = peers.with_ranks(x, NAMES, peers.table_of(x, NAMES))[:, place("events_percentile")]

    counted = (np.arange(40) + 0.5) / 40
    np.testing.assert_allclose(found[20:], counted, rtol=0, atol=RANK_ERROR)


def test_who_was_never_used_is_behind_everybody_who_was() -> None:
    x = drawn(60)
    x[:, place(peers.SILENCE)] = 3.0
    x[:, place(peers.KNOWN_DAYS)] = 40.0
    x[7, place(peers.KNOWN_DAYS)] = 0.0
    x[7:9, [place(name) for name in peers.PLACED.values()]] = np.nan

    table = peers.table_of(x, NAMES)
    never, young = peers.with_ranks(x, NAMES, table)[7:9, [place(name) for name in peers.PLACED]]

    assert never.tolist() == [
        float(name in ("longest_gap_percentile", "recency_percentile")) for name in peers.PLACED
    ]
    assert np.isnan(young).all(), "too young to tell is not never"
    assert np.isnan(peers.with_ranks(x, NAMES, None)[7, place("events_percentile")])


def test_a_percentile_is_among_all_customers_of_whatever_age() -> None:
    x = drawn(101)
    x[:, place(peers.AGE)] = np.where(np.arange(101) < 15, 10.0, np.where(np.arange(101) < 50, 200.0, np.nan))
    x[:, place(peers.KNOWN_DAYS)] = 800.0
    x[:, place(peers.SILENCE)] = 5.0
    x[:, place("longest_gap_30d")] = np.arange(101)[::-1]
    x[3, place("longest_gap_30d")] = np.nan

    found = peers.with_ranks(x, NAMES, peers.table_of(x, NAMES))[:, place("longest_gap_percentile")]

    among = np.delete(np.arange(101)[::-1], 3)
    counted = [((among < own).sum() + (among == own).sum() / 2) / 100 for own in among]
    np.testing.assert_allclose(np.delete(found, 3), counted, rtol=0, atol=RANK_ERROR)
    assert np.isnan(found[3]), "of what is unknown no place is known"
    assert np.isnan(peers.with_ranks(x[:15], NAMES, peers.table_of(x, NAMES))[:, place("events_rank")]).all()


def test_peers_of_another_version_are_refused() -> None:
    part = peer_part(drawn(40), NAMES)

    with pytest.raises(ExtractionError, match="the night must be run again"):
        peer_table([part, b"", part[8:]])


def test_who_is_of_unknown_age_is_ranked_by_when_it_was_first_seen() -> None:
    x = drawn(80)
    x[:40, place(peers.AGE)] = np.nan
    x[:20, place(peers.KNOWN_DAYS)] = 30.0
    x[20:40, place(peers.KNOWN_DAYS)] = 90.0
    x[:, place("avg_events_30d")] = np.repeat([1.0, 2.0, 3.0], [20, 20, 40])

    ranks = peers.with_ranks(x, NAMES, peers.table_of(x, NAMES))[:, place("events_rank")]

    assert set(ranks[:20]) == {0.5}, "newcomers among themselves"
    assert set(ranks[20:40]) < {n / 202 for n in range(101)}, "below those whose age is known to be 100 days"


def test_the_kernel_ranks_one_account_as_the_night_ranked_all() -> None:
    known = [
        Known(usage=usage_of(seed), closed=standing_of(seed), current=standing_of(seed).profile)
        for seed in range(CUSTOMERS)
    ]
    bare = np.stack([vector.values for vector in vectors_of(known, AS_OF)])
    table = peers.table_of(bare, NAMES)
    night = peers.with_ranks(bare, NAMES, table)

    alone = [vectors_of([one], AS_OF, basis=Basis(cohorts=table))[0].values for one in known]

    np.testing.assert_array_equal(np.stack(alone), night)
    assert (~np.isnan(night[:, place("events_rank")])).sum() >= CUSTOMERS / 3
    assert (~np.isnan(night[:, place("recency_percentile")])).sum() >= CUSTOMERS / 3


@pytest.mark.parametrize("accounts", [20, 21, 25, 101, 500])
@pytest.mark.parametrize("different", [2, 7, 10_000])
def test_a_rank_is_what_a_direct_count_says_but_for_the_stated_error(accounts: int, different: int) -> None:
    x = drawn(accounts)
    values = np.random.default_rng(accounts).integers(0, different, accounts).astype(np.float64)
    x[:, place("avg_events_30d")] = values

    found = peers.with_ranks(x, NAMES, peers.table_of(x, NAMES))[:, place("events_rank")]

    counted = [((values < own).sum() + (values == own).sum() / 2) / accounts for own in values]
    np.testing.assert_allclose(found, counted, rtol=0, atol=RANK_ERROR)
    assert accounts != 101 or found.tolist() == pytest.approx(counted, abs=1e-12), "a quantile for each"


def test_a_table_of_five_ranks_by_age_and_seven_among_all_has_29_kilobytes() -> None:
    x = drawn(500)
    x[:, place(peers.AGE)] = np.arange(500) * 2.0

    assert len(msgspec.msgpack.encode(peers.table_of(x + 0.5, NAMES))) == 29_402


@pytest.mark.parametrize("accounts", [1, 2, 19])
def test_so_few_are_no_peers(accounts: int) -> None:
    x = drawn(accounts)

    found = peers.with_ranks(x, NAMES, peers.table_of(x, NAMES))
    assert np.isnan(found[:, [place(name) for name in peers.FILLED_IN]]).all()
