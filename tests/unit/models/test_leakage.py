"""Planted leaks, each as code or data would have it: every one is caught, and an honest log passes."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stemtide import facts
from stemtide.calls import DAY_MS
from stemtide.config import bundled_config
from stemtide.facts import standing_at
from stemtide.features import kernel
from stemtide.features.usage_at import usage_at
from stemtide_cli import facts_log
from stemtide_cli.errors import CliError
from stemtide_cli.facts_log import terms_query
from stemtide_cli.log_file import ROW
from stemtide_cli.mapping import Mapping
from stemtide_cli.mapping_training import Subscriptions
from stemtide_cli.section_file import SectionFile

from models import dataset, leakage, material
from models.dataset import Dataset, build
from models.leakage import DAYS, Origin, of_log, require_no_giveaway, require_no_hindsight
from models.material import Material, read_material
from models.targets import is_in_population
from models.train import day_text
from tests.drawn_rows import drawn_rows, with_column
from tests.training_logs import draw_log

SEED = 3
TARGETS = ("churn", "renewal", "silent", "back")
Log = tuple[Path, Mapping, Material]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    folder = draw_log(tmp_path_factory.mktemp("leaks") / "log")
    return folder, *read_material(str(folder.parent / "m.toml"), folder, bundled_config())


def origin_of(log: Log, target: str) -> Origin:
    folder, mapping, known = log
    return of_log(str(folder.parent / "m.toml"), folder, mapping, known, mapping.targets[target])


def checked(
    log: Log, target: str = "churn", *, rows: Dataset | None = None, days: int = DAYS
) -> tuple[int, ...]:
    """The gate on the rows that the log now makes, or on others."""
    _, mapping, known = log
    origin = origin_of(log, target)
    made = build(mapping, known, origin.target) if rows is None else rows
    return require_no_hindsight(made, origin, seed=SEED, days=days)


def refused(log: Log, target: str = "churn", *, rows: Dataset | None = None) -> str:
    with pytest.raises(CliError) as caught:
        checked(log, target, rows=rows)
    assert "nothing was trained" in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("target", TARGETS)
def test_an_honest_log_passes(log: Log, target: str) -> None:
    rows = build(log[1], log[2], log[1].targets[target])
    assert len(rows) > 30
    assert rows.positives > 2

    looked_at = checked(log, target, days=2)

    assert len(set(looked_at)) == 2
    assert set(looked_at) < set(rows.day.tolist())


def test_a_log_read_as_configured_is_read_again_as_configured(log: Log) -> None:
    folder, _, _ = log
    again = read_material(str(folder.parent / "m.toml"), folder, bundled_config(), as_configured=True)

    assert len(checked((folder, *again), days=1)) == 1


def test_a_day_of_each_third_of_the_span_is_looked_at(log: Log) -> None:
    rows = build(log[1], log[2], log[1].targets["churn"])
    thirds = np.array_split(np.unique(rows.day), 3)

    found = checked(log)

    assert [day in third for day, third in zip(found, thirds, strict=True)] == [True] * 3


@pytest.mark.parametrize("third", range(3))
def test_a_leak_in_one_third_of_the_span_is_caught(
    log: Log, monkeypatch: pytest.MonkeyPatch, third: int
) -> None:
    rows = build(log[1], log[2], log[1].targets["silent"])
    leaky = np.array_split(np.unique(rows.day), 3)[third]
    monkeypatch.setattr(
        kernel, "usage_at", lambda history, day: usage_at(history, day + 3 * (leaky[0] <= day <= leaky[-1]))
    )

    assert "features look past" in refused(log, "silent")


def test_the_days_are_of_rows_and_the_same_for_the_same_seed(log: Log) -> None:
    rows = build(log[1], log[2], log[1].targets["churn"])

    found = [leakage._chosen_days(rows, seed, 2) for seed in (1, 1, 2, 3, 4)]

    assert found[0] == found[1]
    assert len(set(found)) > 2
    assert {len(set(days)) for days in found} == {2}
    assert leakage._chosen_days(rows.where(rows.day < 0), 1, 2) == ()


def test_a_kernel_that_counts_later_days_is_caught(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "usage_at", lambda history, day: usage_at(history, day + 3))

    message = refused(log)

    assert "features look past the snapshot 2024-" in message
    assert "avg_events_7d" in message or "avg_dau_7d" in message
    assert "org-" in message


def test_a_standing_of_a_later_day_is_caught(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "standing_at", lambda told, at_ms: standing_at(told, at_ms + 40 * DAY_MS))

    assert "features look past" in refused(log)


def test_facts_that_were_not_known_yet_are_caught(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = facts.known_facts
    monkeypatch.setattr(facts, "known_facts", lambda told, as_of_ms: honest(told, as_of_ms + 60 * DAY_MS))

    message = refused(log)

    assert "nps_score" in message or "ticket" in message or "renewal" in message


def test_the_stored_end_of_a_term_is_caught(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def hindsight(section: Subscriptions, file: SectionFile) -> str:
        stored = 'CAST(round((CAST(f."end" AS DATE) - t.day) / 30.0) AS INTEGER)'
        return (
            f"SELECT t.* REPLACE (coalesce({stored}, t.months) AS months)"
            f" FROM ({terms_query(section, file)}) t JOIN {file.source} f ON f.{ROW} = t._row"
        )

    monkeypatch.setattr(facts_log, "terms_query", hindsight)
    folder, _, _ = log
    again = read_material(str(folder.parent / "m.toml"), folder, bundled_config())

    assert "days_to_renewal" in refused((folder, *again))


def test_a_label_among_the_features_is_caught_twice(log: Log) -> None:
    rows = build(log[1], log[2], log[1].targets["silent"])
    leaky = with_column(rows, "nps_score", rows.y.astype(np.float64))

    assert "snapshot" in refused(log, "silent", rows=leaky)
    assert "nps_score" in refused(log, "silent", rows=leaky)
    many = drawn_rows(400)
    with pytest.raises(CliError, match=r"nps_score \(1\.0000\)"):
        require_no_giveaway(with_column(many, "nps_score", many.y.astype(np.float64)))


@pytest.mark.parametrize("towards", [np.inf, -np.inf])
def test_one_value_of_one_account_is_enough(log: Log, towards: float) -> None:
    rows = build(log[1], log[2], log[1].targets["churn"])
    day = leakage._chosen_days(rows, SEED, DAYS)[0]
    at = int(np.flatnonzero(rows.day == day)[1])
    column = rows.x[:, rows.names.index("account_age_days")].copy()
    column[at] = np.nextafter(column[at], towards)

    message = refused(log, rows=with_column(rows, "account_age_days", column))

    assert f"snapshot {day_text(day)}: account_age_days; of the accounts {rows.accounts[at]};" in message


def test_a_value_that_became_unknown_is_a_difference(log: Log) -> None:
    rows = build(log[1], log[2], log[1].targets["churn"])

    message = refused(log, rows=with_column(rows, "mrr", np.full(len(rows), np.nan)))

    assert ": mrr; of the accounts" in message


def test_survivors_only_are_caught(log: Log) -> None:
    rows = build(log[1], log[2], log[1].targets["churn"])
    gone = np.isin(rows.accounts, rows.accounts[rows.y])
    assert gone.any()

    message = refused(log, rows=rows.where(~gone))

    assert "who is looked at" in message
    assert str(np.unique(rows.accounts[gone])[0]) in message


def test_a_population_by_what_they_did_later_is_caught(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def later(population: Any, target: Any, account: Any, day: int) -> bool:
        return (
            is_in_population(population, target, account, day) and account.active_days(day + 1, day + 10) > 5
        )

    monkeypatch.setattr(dataset, "is_in_population", later)

    assert "who is looked at" in refused(log)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_feature_that_ranks_almost_without_error_is_refused_either_way_round(sign: int) -> None:
    rows = drawn_rows(600)
    value = np.where(rows.y, 1.0, 0.0)
    value[np.flatnonzero(rows.y)[0]] = -1.0  # one of the positives at the very bottom
    wrong = 1 / rows.positives
    assert wrong > 1 - leakage.GIVEAWAY

    require_no_giveaway(with_column(rows, "mrr", sign * value))  # AUC below 0.995
    value[np.flatnonzero(rows.y)[0]] = 0.5
    with pytest.raises(CliError) as caught:
        require_no_giveaway(with_column(rows, "mrr", sign * value))

    assert "mrr (1.0000)" in caught.value.message
    assert "a trait of [accounts]" in caught.value.hint


def test_that_a_feature_is_unknown_gives_away_as_much_as_a_value() -> None:
    rows = drawn_rows(600)

    with pytest.raises(CliError, match=r"seat_utilization \(1\.0000\)"):
        require_no_giveaway(with_column(rows, "seat_utilization", np.where(rows.y, np.nan, 4.0)))


def test_the_limit_itself_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = drawn_rows(600)
    monkeypatch.setattr(leakage, "GIVEAWAY", 1.0)

    with pytest.raises(CliError, match="mrr"):
        require_no_giveaway(with_column(rows, "mrr", rows.y.astype(np.float64)))


def test_an_unknown_value_counts_as_the_usual_one() -> None:
    rows = drawn_rows(600, base=-2.0)
    values = np.where(rows.y, 1.0, -1.0)
    values[np.flatnonzero(~rows.y)[::10]] = np.nan

    with pytest.raises(CliError, match=r"mrr \(1\.0000\)"):
        require_no_giveaway(with_column(rows, "mrr", values))


def test_few_positives_may_be_told_by_luck() -> None:
    rows = drawn_rows(600)
    few, enough = replace(rows, y=np.arange(600) < 19), replace(rows, y=np.arange(600) < 20)

    require_no_giveaway(with_column(few, "mrr", few.y.astype(np.float64)))
    with pytest.raises(CliError, match="mrr"):
        require_no_giveaway(with_column(enough, "mrr", enough.y.astype(np.float64)))


def test_honest_rows_give_nothing_away() -> None:
    require_no_giveaway(drawn_rows(600, weights={"mrr": 2.0}))


def test_long_lists_are_shortened() -> None:
    names = [f"f{number}" for number in range(9)]

    assert leakage._listed(names[:5]) == "f0, f1, f2, f3, f4"
    assert leakage._listed(names[:6]) == "f0, f1, f2, f3, f4 and 1 more"
    assert leakage._listed(names) == "f0, f1, f2, f3, f4 and 4 more"
