"""Parts of the rows: each row in one part of each division, measured as if alone."""

import numpy as np
import pytest

from models import measures
from models.evidence import Subgroup
from models.resampling import draws_of
from models.subgroups import subgroups, terciles
from tests.drawn_rows import drawn_rows, with_column


def found(seed: int = 1) -> tuple[tuple[Subgroup, ...], np.ndarray, np.ndarray]:
    fit = drawn_rows(300, weights={"mrr": 1.0}, accounts=60)
    test = drawn_rows(400, weights={"mrr": 1.0}, seed=6)
    days = np.where(np.arange(400) % 5 == 0, np.nan, np.arange(400.0))
    test = with_column(with_column(test, "tenure_days", days), "account_age_days", days)
    p = np.random.default_rng(1).random(400)
    plans = (["small", "large", "never"], np.where(np.arange(400) < 100, "large", "small"))
    draws = draws_of(test.accounts, seed=seed, draws=50)
    return subgroups(fit, test, p, draws, plans=plans), test.y, p


def test_each_division_has_every_row_once() -> None:
    parts, y, _ = found()

    divisions = list(dict.fromkeys(part.by for part in parts))
    assert divisions == ["tenure, days", "MRR", "plan", "account", "features known, %"]
    for by in divisions:
        own = [part for part in parts if part.by == by]
        assert sum(part.rows for part in own) == 400
        assert sum(part.positives for part in own) == y.sum()


def test_parts_are_in_order_and_named_by_their_edges() -> None:
    parts, _, _ = found()

    assert [part.name for part in parts if part.by == "tenure, days"] == [
        "under 90", "90 to 180", "180 to 360", "360 to 720", "unknown",
    ]  # fmt: skip
    assert [(part.name, part.rows) for part in parts if part.by == "plan"] == [("small", 300), ("large", 100)]
    assert [part.name for part in parts if part.by == "account"] == ["fitted on", "new"]


def test_a_part_is_measured_on_its_rows_alone() -> None:
    parts, y, p = found()
    large = next(part for part in parts if part.name == "large")

    assert large.auc_roc == pytest.approx(measures.auc_roc(y[:100], p[:100]))
    assert large.predicted == pytest.approx(p[:100].mean())
    assert large.observed == pytest.approx(y[:100].mean())
    assert large.auc_roc_ci is not None
    assert large.auc_roc is not None
    assert large.auc_roc_ci[0] < large.auc_roc < large.auc_roc_ci[1]


def test_terciles_divide_the_known_values_into_thirds() -> None:
    assert terciles(np.array([1.0, 2, 3, 4, 5, 6, np.nan])) == [3.0, 5.0]
    assert terciles(np.array([10.0] * 9)) == []
    assert terciles(np.array([1.0] * 8 + [2.0])) == []
    assert terciles(np.array([np.nan])) == []
