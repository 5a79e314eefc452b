"""Ranks in training are those of a night over the same log: among all customers of the day, bit for bit."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import pytest
from stemtide.as_of import end_of_day_ms, last_closed_day
from stemtide.config import bundled_config
from stemtide.extraction import Outcome, extract, peer_table
from stemtide.features import peers
from stemtide.features.kernel import no_history
from stemtide.features.profile_columns import Basis
from stemtide.features.vectors import Known, known_of
from stemtide.scoring_service import ScoringPorts
from stemtide_cli.mapping import Mapping

from models import cohort_ranks
from models.dataset import build
from models.material import Material, read_material
from tests.training_logs import draw_log

BASIS = Basis.of(bundled_config())
Log = tuple[Mapping, Material]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = draw_log(tmp_path_factory.mktemp("nights") / "log", accounts=60)
    return read_material(str(folder.parent / "m.toml"), folder, bundled_config(), as_configured=True)


def night(material: Material, day: int) -> dict[str, np.ndarray]:
    """The vectors that a night as of the end of a day scores, by account: read, extracted and ranked in
    batches as the nightly run does."""
    names = sorted({*material.accounts, *material.facts})
    batches = [_extracted(material, names[start : start + 7], day) for start in range(0, len(names), 7)]
    table = peer_table(batch.peers for batch in batches)
    return {
        vector.account: vector.values
        for batch in batches
        for vector in batch.extract.read(BASIS.shape, table).customers
    }


def _extracted(material: Material, accounts: list[str], day: int) -> Outcome:
    def read(account: str, as_of_ms: int) -> Known:
        own = material.histories.get(account, no_history(BASIS.shape))
        standing = material.standing_at(account, end_of_day_ms(last_closed_day(as_of_ms)))
        return known_of(own, standing, standing.profile, as_of_ms)

    ports = ScoringPorts(
        read=read,
        fresh=lambda instants: {},
        write=_never,
        end=_never,
        side_by_side=_one_by_one,
        pause=_never,
        say_failed=_never,
    )
    return extract(accounts, as_of_ms=end_of_day_ms(day), basis=BASIS, columns=(), ports=ports)


def _never(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError


def _one_by_one(step: Callable[[Any], Any], items: Iterable[Any], /) -> list[Any]:
    return [step(item) for item in items]


@pytest.mark.parametrize("target", ["churn", "renewal", "silent"])
def test_the_vectors_of_a_snapshot_are_those_of_a_night_over_the_same_log(log: Log, target: str) -> None:
    mapping, material = log
    rows = build(mapping, material, mapping.targets[target])

    compared = 0
    for day in np.unique(rows.day).tolist():
        then, scored = rows.where(rows.day == day), night(material, day)
        for account, values in zip(then.accounts.tolist(), then.x, strict=True):
            np.testing.assert_array_equal(values, scored[account])
            compared += 1
    assert compared == len(rows) > 100
    ranks = rows.x[:, [rows.names.index(name) for name in peers.RANKED]]
    assert (~np.isnan(ranks)).mean() > 0.5


def test_those_whom_the_target_does_not_look_at_are_peers_all_the_same(log: Log) -> None:
    mapping, material = log
    rows = build(mapping, material, mapping.targets["renewal"])
    day = int(np.unique(rows.day)[len(np.unique(rows.day)) // 2])
    then = rows.where(rows.day == day)

    customers = cohort_ranks.customers_at(material, day)

    assert set(then.accounts.tolist()) < set(customers)
    own = peers.with_ranks(then.x, then.names, peers.table_of(then.x, then.names))
    assert not np.array_equal(own, then.x, equal_nan=True)


def test_a_customer_of_whom_only_facts_tell_is_a_peer(log: Log) -> None:
    _, material = log
    day = (material.first_day + material.last_day) // 2
    account = next(name for name in cohort_ranks.customers_at(material, day) if name in material.facts)
    silent = dict(material.histories)
    del silent[account]

    found = cohort_ranks.customers_at(replace(material, histories=silent), day)

    assert account in found


def test_an_account_that_is_no_customer_is_ranked_and_ranks_nobody(log: Log) -> None:
    _, material = log
    day = material.last_day
    gone = sorted(set(material.histories) - set(cohort_ranks.customers_at(material, day)))
    stays = cohort_ranks.customers_at(material, day)
    assert gone

    alone = cohort_ranks.matrix_of_snapshots(material, np.array(stays), np.full(len(stays), day))
    both = cohort_ranks.matrix_of_snapshots(
        material, np.array([*gone, *stays]), np.full(len(gone) + len(stays), day)
    )

    np.testing.assert_array_equal(both[len(gone) :], alone)
