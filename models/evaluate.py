"""A model fitted on the past, measured on later time (or another population), by the protocol."""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from stemtide.config_schema import Config
from stemtide.features.view import Floats
from stemtide_cli.errors import CliError

from models import measures
from models.dataset import Dataset
from models.leakage import require_no_giveaway
from models.recipes import TRIES
from models.resampling import auc_rocs, draws_of, interval
from models.train import Trained, day_text, manifest_of, train, write_candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Outcomes of fit rows are known on `fit_until` or before; test snapshots lie from `test_from` to
    `test_until`. A row in between, of which the outcome is known only in the tested time, is in neither."""

    fit_until: int | None
    test_from: int | None
    test_until: int | None = None

    @property
    def is_purged(self) -> bool:
        """Whether all that is fitted was known before the tested time begins."""
        until, first = self.fit_until, self.test_from
        return until is not None and first is not None and until < first

    def fit_rows(self, rows: Dataset) -> Dataset:
        """What is fitted: nobody may have meant to change the outcome, unless the mapping lets such rows
        count."""
        return self.known_rows(rows).that_count()

    def known_rows(self, rows: Dataset) -> Dataset:
        """The rows whose outcome is known when the model is fitted."""
        return rows if self.fit_until is None else rows.labels_until(self.fit_until)

    def purged(self, rows: Dataset) -> int:
        """How many rows of the time before the test are not fitted because their outcome is known later."""
        if self.fit_until is None or self.test_from is None:
            return 0
        return _known_later(rows, self.fit_until, before=self.test_from)

    def purged_of_other(self, fitted: Dataset) -> int:
        """The same of another log that is fitted: rows up to the fit's end whose outcome is known later."""
        until = self.fit_until
        return 0 if until is None else _known_later(fitted, until, before=until + 1)

    def test_rows(self, rows: Dataset) -> Dataset:
        """What is measured."""
        return rows.snapshots_in(self.test_from, self.test_until)

    def require_test(self, rows: Dataset) -> None:
        """Raise the CliError of a tested time in which no row lies, though there are some."""
        if len(rows) and not len(self.test_rows(rows)):
            tested = (("from", self.test_from), ("until", self.test_until))
            told = " ".join(f"{word} {day_text(day)}" for word, day in tested if day is not None)
            raise CliError(
                f"no test snapshot {told}: those whose outcome was observed lie from"
                f" {day_text(int(rows.day.min()))} to {day_text(int(rows.day.max()))}",
                hint="give other days: see --fit-until, --test-from and --test-until",
            )


def split_of(
    *, default: int | None, fit_until: int | None, test_from: int | None, test_until: int | None
) -> Split:
    """The split that was asked for; what was not given follows from the rest and the default day.

    Args:
        default: the day that divides the log; None with a log of its own to fit on, all of which is fitted
            and all of the other one measured.

    Raises:
        CliError: fit labels would reach into the tested time.
    """
    if default is None:
        return Split(fit_until=fit_until, test_from=test_from, test_until=test_until)
    until = fit_until
    if until is None:
        until = default if test_from is None else min(default, test_from - 1)
    first = test_from if test_from is not None else until + 1
    if first <= until:
        raise CliError(
            f"--test-from {day_text(first)} is not after --fit-until {day_text(until)}:"
            " the model would be tested on outcomes it was fitted to",
            hint="leave one of them out, or let the test begin after the fit ends",
        )
    return Split(fit_until=until, test_from=first, test_until=test_until)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evaluated:
    """A model that was fitted to be measured, and its figures."""

    trained: Trained
    figures: dict[str, Any]


def evaluate(
    fit: Dataset,
    test: Dataset,
    *,
    seed: int,
    tries: int = TRIES,
    config: Config | None,
    say: Callable[[str], None],
    same_accounts: bool = True,
) -> Evaluated:
    """Fit on the one, measure on the other.

    Args:
        tries: see `train`.
        config: exports the graph too, for its parity; None leaves that out.
        say: is told what is going on.
        same_accounts: see `figures_of`.

    Raises:
        CliError: nothing to test on, too few positives to fit to, or a feature that gives the target away.
    """
    if not test.positives or test.positives == len(test):
        raise CliError(
            f"the target happened in {test.positives} of the {len(test)} test rows: nothing to measure",
            hint="test on a longer time: see --fit-until, --test-from and --test-until",
        )
    require_no_giveaway(fit)
    say(f"fitting on {len(fit):,} rows with {fit.positives:,} positives")
    trained = train(fit, seed=seed, tries=tries, say=say)
    say(f"measuring on {len(test):,} rows with {test.positives:,} positives")
    found = figures_of(trained, test, seed=seed, same_accounts=same_accounts)
    if config is not None:
        say("exporting the graph and comparing it with the booster")
        found["parity"] = parity_of(trained, config)
    return Evaluated(trained=trained, figures=found)


def figures_of(trained: Trained, test: Dataset, *, seed: int, same_accounts: bool = True) -> dict[str, Any]:
    """The figures of a trained model on test rows, None for what could not be measured.

    Args:
        same_accounts: whether a name means the same account in both; those of two logs do not compare.
    """
    fit, y = trained.fit, test.y
    p = trained.probabilities(test.x)
    feature, ranking = best_feature(fit, test)
    seen = np.isin(test.accounts, np.unique(fit.accounts))
    draws = draws_of(test.accounts, seed=seed)
    found = {
        "auc_roc": measures.auc_roc(y, p),
        "auc_roc_ci": list(interval(auc_rocs(y, p, draws)) or (None, None)),
        "auc_pr": measures.auc_pr(y, p),
        "precision_at_80_recall": measures.precision_at_recall(y, p),
        "ece": measures.calibration_error(y, p),
        "ece_by_chance": measures.calibration_error_by_chance(p, seed=seed),
        "lift_top_decile": measures.lift_top_decile(y, p),
        "n_fit": len(fit),
        "positives_fit": fit.positives,
        "recipe": msgspec.to_builtins(trained.recipe),
        "n_test": len(test),
        "positives_test": test.positives,
        "treated_test": test.n_treated,
        "baseline_auc_roc": measures.auc_roc(y, ranking),
        "baseline_feature": feature,
        "seen_accounts": _part(y, p, seen) if same_accounts else None,
        "unseen_accounts": _part(y, p, ~seen) if same_accounts else None,
        "snapshot_dates": [day_text(int(day)) for day in np.unique(test.day)],
        "fit_snapshot_dates": [day_text(int(day)) for day in np.unique(fit.day)],
    }
    return {name: _without_nan(value) for name, value in found.items()}


def best_feature(fit: Dataset, test: Dataset) -> tuple[str, Floats]:
    """The single feature that ranks the fit rows best, and what ranks the test rows by it, the risky first.

    An unknown value counts as the feature's median in the fit rows.
    """
    filled = [_filled(column, _middle(column)) for column in fit.x.T]
    aucs = np.array([measures.auc_roc(fit.y, column) for column in filled])
    chosen = int(np.argmax(np.abs(aucs - 0.5)))
    ranking = _filled(test.x[:, chosen], _middle(fit.x[:, chosen]))
    return fit.names[chosen], ranking if aucs[chosen] >= 0.5 else -ranking


def parity_of(trained: Trained, config: Config) -> dict[str, Any]:
    """How far the exported graph is from the booster, by the export's own comparison."""
    from models.export import ExportError, export

    last = int(trained.fit.day.max())
    manifest = manifest_of(
        trained,
        name="evaluated",
        target="evaluated",
        last_day=last,
        data={},
        metrics={},
        scoring=config.scoring,
    )
    with tempfile.TemporaryDirectory(prefix="stemtide-") as folder:
        try:
            return export(write_candidate(trained, manifest, Path(folder)), config).parity
        except ExportError as error:
            raise CliError(f"the model cannot be exported: {error.reason}", hint=error.remedy) from error


def _known_later(rows: Dataset, until: int, *, before: int) -> int:
    """How many rows of the time before a day have an outcome that is known only after another."""
    return int(((rows.outcome_days() > until) & (rows.day < before)).sum())


def _middle(column: Floats) -> float:
    """The median of what is known; 0 where nothing is: such a feature ranks nobody."""
    known = column[~np.isnan(column)]
    return float(np.median(known)) if len(known) else 0.0


def _filled(column: Floats, value: float) -> Floats:
    return np.where(np.isnan(column), value, column)


def _part(y: measures.Labels, p: Floats, mask: measures.Labels) -> dict[str, Any]:
    return {
        "auc_roc": measures.auc_roc(y[mask], p[mask]),
        "n": int(mask.sum()),
        "positives": int(y[mask].sum()),
    }


def _without_nan(value: Any) -> Any:
    """The same with null for what could not be measured."""
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
