"""Rows of a log made by hand: only what was known at a snapshot, and nothing that came later."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest
from stemtide.config import bundled_config
from stemtide.features.registry import NAMES
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Mapping
from stemtide_cli.mapping_training import Kind, Target

from models import dataset
from models.cohort_ranks import matrix_of_snapshots
from models.dataset import Dataset
from models.material import Material, read_material
from models.train import day_text
from tests.training_logs import CHURN_LOG, draw_log

MAPPING = CHURN_LOG.format(
    subscriptions='mrr = "mrr"\ncurrency = "USD"\naddons = ["extra"]\ntiers = ["basic_*", "pro_*"]',
    every_days=5,
    first_day=10,
)
MAPPING += """
[targets.upsell]
kind = "upgraded"
horizon_days = 30
"""
FIRST = date(2024, 1, 1)
HEAD = "org,product,start,end,mrr,months"
TERMS = [
    "a,basic_m,2024-01-05,2024-02-05,10,1",
    "a,extra,2024-01-05,2024-02-05,5,1",
    "a,basic_m,2024-02-05,2024-03-05,10,1",
    "a,pro_m,2024-03-05,2024-04-05,30,1",
    "b,basic_m,2024-01-31,2024-02-10,10,1",
    "b,extra,2024-02-01,2025-02-01,5,12",
    "c,basic_y,2024-01-02,2025-01-02,8,12",
    "a,pro_m,2024-04-05,2024-05-05,30,1",
    "a,pro_m,2024-05-05,2024-06-05,30,1",
]


def events(last: date = date(2024, 5, 31)) -> list[str]:
    rows = ["org,who,what,at"]
    for number in range((last - FIRST).days + 1):
        day = FIRST + timedelta(days=number)
        for org, every in (("a", 1), ("b", 3), ("c", 7)):
            if number % every == 0:
                rows.append(f"{org},u{number % 3},Opened,{day}T10:00:00Z")
    return rows


def write(folder: Path, terms: list[str], last: date = date(2024, 5, 31)) -> Path:
    folder.mkdir(parents=True)
    (folder.parent / "m.toml").write_text(MAPPING)
    (folder / "events.csv").write_text("\n".join(events(last)) + "\n")
    (folder / "terms.csv").write_text("\n".join([HEAD, *terms]) + "\n")
    return folder


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Mapping, Material]:
    """The log of TERMS, read once."""
    folder = write(tmp_path_factory.mktemp("made") / "log", TERMS)
    return read_material(str(folder.parent / "m.toml"), folder, bundled_config())


@pytest.fixture(scope="module")
def rows(log: tuple[Mapping, Material]) -> Dataset:
    """Its rows for churn."""
    return of_target(log, "churn")


def of_target(log: tuple[Mapping, Material], target: str) -> Dataset:
    mapping, material = log
    return dataset.build(mapping, material, mapping.targets[target])


def labels(rows: Dataset, account: str) -> dict[str, bool]:
    return {
        day_text(int(day)): bool(label)
        for name, day, label in zip(rows.accounts, rows.day, rows.y, strict=True)
        if name == account
    }


def test_snapshots_end_where_the_horizon_is_no_longer_observed(rows: Dataset) -> None:
    assert (day_text(int(rows.day.min())), day_text(int(rows.day.max()))) == ("2024-01-11", "2024-04-05")
    assert (
        (date(2024, 4, 5) + timedelta(days=30)) <= date(2024, 5, 5) < date(2024, 4, 10) + timedelta(days=30)
    )


def test_what_is_labelled_are_the_rows(log: tuple[Mapping, Material], rows: Dataset) -> None:
    mapping, material = log

    labelled = dataset.labelled(mapping, material, mapping.targets["churn"])

    columns = (rows.day.tolist(), rows.accounts.tolist(), rows.y.tolist())
    assert sorted(labelled) == list(zip(*columns, strict=True))


def test_a_term_of_the_leap_year_ends_on_the_last_of_february_and_the_stored_end_is_not_read(
    rows: Dataset,
) -> None:
    assert labels(rows, "b") == {
        "2024-01-31": True,
        "2024-02-05": True,
        "2024-02-10": True,
        "2024-02-15": True,
        "2024-02-20": True,
        "2024-02-25": True,
    }
    assert set(labels(rows, "c").values()) == {False}
    assert set(labels(rows, "a").values()) == {False}


def test_an_upgrade_is_labelled_in_the_thirty_days_before_it(log: tuple[Mapping, Material]) -> None:
    rows = of_target(log, "upsell")

    happened = [day for day, label in labels(rows, "a").items() if label]
    assert (happened[0], happened[-1]) == ("2024-02-05", "2024-03-01")


def test_other_stored_ends_change_neither_labels_nor_features(rows: Dataset, tmp_path: Path) -> None:
    hindsight = [row.replace("2024-02-10", "2031-01-01").replace("2024-06-05", "2024-05-06") for row in TERMS]
    folder = write(tmp_path / "log", hindsight)
    other = of_target(read_material(str(tmp_path / "m.toml"), folder, bundled_config()), "churn")

    np.testing.assert_array_equal(rows.x, other.x)
    np.testing.assert_array_equal(rows.y, other.y)


@pytest.mark.parametrize("cut", ["2024-02-05", "2024-02-29", "2024-03-04", "2024-04-05"])
def test_deleting_all_that_came_after_a_snapshot_changes_no_feature_of_it(
    log: tuple[Mapping, Material], rows: Dataset, tmp_path: Path, cut: str
) -> None:
    last = date.fromisoformat(cut)
    config = log[1].config
    until = [row for row in TERMS if row.split(",")[2] <= cut]
    folder = write(tmp_path / "log", until, last=last)

    _, material = read_material(str(tmp_path / "m.toml"), folder, config, as_configured=True)

    known = rows.day <= last.toordinal() - date(1970, 1, 1).toordinal()
    features = matrix_of_snapshots(material, rows.accounts[known], rows.day[known])
    assert known.sum() > 10
    np.testing.assert_array_equal(features, rows.x[known])


def test_a_renewal_after_the_snapshot_is_not_known_at_it(rows: Dataset) -> None:
    at = (rows.accounts == "a") & (rows.day == date(2024, 3, 1).toordinal() - date(1970, 1, 1).toordinal())
    [values] = rows.x[at]
    assert values[NAMES.index("mrr")] == 10
    assert values[NAMES.index("days_to_renewal")] == 4


def test_fit_labels_end_by_the_day_and_test_snapshots_begin_at_theirs(rows: Dataset) -> None:
    day = int(np.unique(rows.day)[7])

    fit, test = rows.labels_until(day), rows.snapshots_in(day, day + 5)

    assert int(fit.day.max()) + 30 <= day < int(fit.day.max()) + 35
    last = int(fit.day.max())
    assert int(rows.labels_until(last + 30).day.max()) == last
    assert int(rows.labels_until(last + 29).day.max()) < last
    assert sorted({int(d) for d in test.day}) == [day, day + 5]


def test_the_first_target_of_a_sort_is_the_default_and_an_unknown_one_lists_them(
    log: tuple[Mapping, Material],
) -> None:
    mapping, _ = log

    assert dataset.choose_target(mapping, "churn", None)[0] == "churn"
    assert dataset.choose_target(mapping, "upsell", None)[0] == "upsell"
    with pytest.raises(CliError) as caught:
        dataset.choose_target(mapping, "churn", "silent")
    assert "churn, upsell" in caught.value.hint


def test_no_model_serves_under_the_name_of_another(log: tuple[Mapping, Material]) -> None:
    mapping, _ = log

    for name, target in (("churn", "upsell"), ("upsell", "churn")):
        dataset.require_fitting(target, target, mapping.targets[target])
        with pytest.raises(CliError) as caught:
            dataset.require_fitting(name, target, mapping.targets[target])
        assert f"`stemtide train {target} --target {target}`" in caught.value.hint


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (Kind.UPGRADED, Kind.OUTCOME)])
def test_every_loss_may_be_what_a_churn_model_foretells(kind: Kind) -> None:
    target = Target(kind=kind, horizon_days=30)

    dataset.require_fitting("churn", "lost", target)
    with pytest.raises(CliError, match="no target of a upsell model"):
        dataset.require_fitting("upsell", "lost", target)


def test_a_folder_without_terms_is_refused_where_the_population_needs_them(tmp_path: Path) -> None:
    folder = write(tmp_path / "log", TERMS)
    (folder / "terms.csv").unlink()

    with pytest.raises(CliError, match=r"terms\.csv"):
        read_material(str(tmp_path / "m.toml"), folder, bundled_config())


def test_tickets_and_answers_among_the_events_are_seen_as_they_were_known(tmp_path: Path) -> None:
    folder = write(tmp_path / "log", TERMS)
    mapping = MAPPING.replace(
        'timestamp = "at"', 'timestamp = "at"\nproperties = ["ticket_id", "priority", "score"]'
    )
    (tmp_path / "m.toml").write_text(mapping)
    said = [
        "a,ann,Support Ticket Created,2024-02-01T09:00:00Z,t-1,urgent,",
        "a,ann,Support Ticket Created,2024-02-20T09:00:00Z,t-2,low,",
        "a,ann,Support Ticket Updated,2024-03-05T09:00:00Z,t-2,high,",
        "a,ann,NPS Submitted,2024-02-10T09:00:00Z,,,3",
        "a,ann,Support Ticket Created,2024-03-06T09:00:00Z,,,",
    ]
    head, *usual = events()
    lines = [f"{head},ticket_id,priority,score", *(f"{row},,," for row in usual), *said]
    (folder / "events.csv").write_text("\n".join(lines) + "\n")

    log = read_material(str(tmp_path / "m.toml"), folder, bundled_config())
    rows = of_target(log, "churn")

    mine = rows.where(rows.accounts == "a")
    names = ("support_tickets_30d", "urgent_tickets_30d", "nps_score")
    found = {
        day_text(int(day)): [float(x[NAMES.index(name)]) for name in names]
        for day, x in zip(mine.day, mine.x, strict=True)
    }
    assert str(found["2024-01-31"]) == "[nan, nan, nan]"
    assert found["2024-02-05"][:2] == [1, 1]
    assert found["2024-02-10"] == [1, 1, 3]
    assert found["2024-02-25"] == [2, 1, 3]
    assert found["2024-03-06"] == [1, 1, 3]
    assert found["2024-04-05"] == [0, 0, 3]


RENEWALS = """
    WITH t AS (SELECT org a, "start" AS s, ("start" + to_months(months::INTEGER))::DATE AS e,
                      row_number() OVER () AS n
               FROM read_csv('{folder}/terms.csv')),
         first AS (SELECT min("at")::DATE AS z FROM read_csv('{folder}/events.csv')),
         days AS (SELECT z + (20 + 9 * i)::INTEGER AS d FROM first, range(40) r(i)),
         now AS (SELECT d, a, arg_max(e, (s, n)) AS e FROM days JOIN t ON s <= d GROUP BY d, a)
    SELECT d, a, NOT EXISTS (FROM t WHERE t.a = now.a AND t.s > d AND t.s <= now.e + 10), now.e + 10 <= seen
    FROM now, (SELECT max(s) AS seen FROM t) WHERE d <= seen AND e > d AND e <= d + 40"""


def test_renewals_of_a_log_equal_a_recount_in_sql(tmp_path: Path) -> None:
    folder = draw_log(tmp_path / "log", accounts=40)
    mapping, material = read_material(str(tmp_path / "m.toml"), folder, bundled_config())

    rows = dataset.build(mapping, material, mapping.targets["renewal"])

    found = duckdb.execute(RENEWALS.format(folder=folder)).fetchall()
    expected = sorted((str(day)[:10], account, label) for day, account, label, is_seen in found if is_seen)
    columns = (map(day_text, rows.day.tolist()), rows.accounts.tolist(), rows.y.tolist())
    assert list(zip(*columns, strict=True)) == expected
    assert 20 < rows.positives < len(rows) - 20
    assert rows.censored == len(found) - len(expected) > 10
