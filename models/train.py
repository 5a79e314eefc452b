"""A trained model: booster, calibration and what is known of both, as a candidate folder for the export."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lightgbm as lgb
import msgspec
import numpy as np
import scipy
from stemtide.calls import DAY_MS, day_of
from stemtide.config_schema import Scoring
from stemtide.features.registry import registry
from stemtide.features.view import Floats
from stemtide.scoring.manifest import MANIFEST, Bin, Calibration, Manifest, Seen

from models import calibrate
from models.anomaly import usual_range
from models.dataset import Dataset
from models.gate import Gate
from models.learning import behind, gate, require_accounts, require_positives
from models.level import Level
from models.recipes import TRIES, Recipe, parameters
from models.tuning import grown
from models.versions import BOOSTER, named, settled, sha256_of

ARTEFACTS: Final = Path("models") / "artifacts"
SCORING: Final = Scoring()
YOUNG: Final = 0.01
"""Share of the rows that may be of younger accounts than the model counts as seen: strays teach nothing."""
UNTOLD: Final = ("seed", "verbose", "num_threads", "monotone_constraints")
"""LightGBM's parameters that a manifest has elsewhere, or that say nothing about the model."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A booster with its calibration, and the rows it was made from."""

    booster: lgb.Booster
    recipe: Recipe
    calibration: Calibration
    moved: Level
    """Of the log odds, which the calibration and the bins have taken up."""
    bins: tuple[Bin, ...]
    fit: Dataset

    @property
    def rounds(self) -> int:
        """Trees that were grown."""
        assert self.recipe.rounds is not None
        return self.recipe.rounds

    def probabilities(self, x: Floats) -> Floats:
        """Calibrated probabilities of feature rows."""
        margins = np.asarray(self.booster.predict(x, raw_score=True), dtype=np.float64)
        return calibrate.probabilities(margins, self.calibration)


def train(
    fit: Dataset, *, seed: int, tries: int = TRIES, say: Callable[[str], None] = lambda _: None
) -> Trained:
    """Train and calibrate; calibration sees only margins of accounts that their booster did not see.

    Args:
        tries: recipes that are looked at; 0 takes the one that has done well on many logs.
        say: is told what is going on.

    Raises:
        CliError: the target happened too rarely, or to too few accounts.
    """
    require_positives(fit)
    require_accounts(fit)
    found = grown(fit, seed=seed, tries=tries, say=say)
    held_out = ~np.isnan(found.margins)
    margins, left = found.margins[held_out], fit.where(held_out)
    calibration = calibrate.platt(margins, left.y, left.weight)
    p = calibrate.probabilities(margins, calibration)
    if calibrate.is_flattened(calibration):
        p = np.full(len(p), left.base_rate)  # it ranks nobody: all are told the same
    moved = calibrate.moved_by_now(
        p, left.y, left.accounts, left.day, horizon_days=fit.horizon_days, weight=left.weight
    )
    return Trained(
        booster=found.booster,
        recipe=found.recipe,
        calibration=calibrate.moved_calibration(calibration, moved),
        moved=moved,
        bins=calibrate.bins(p, left.y, left.accounts, moved=moved, weight=left.weight),
        fit=fit,
    )


def medians(x: Floats) -> tuple[float | None, ...]:
    """The typical value of each feature, None where it is never known."""
    columns = (column[~np.isnan(column)] for column in x.T)
    return tuple(float(np.median(column)) if len(column) else None for column in columns)


def youngest(fit: Dataset) -> Seen:
    """How young accounts were: what all rows but a hundredth have. What is known of few says nothing."""

    def least(name: str) -> int:
        column = fit.x[:, fit.names.index(name)]
        known = column[~np.isnan(column)]
        return int(np.quantile(known, YOUNG, method="lower")) if 2 * len(known) >= len(column) > 0 else 0

    return Seen(history_days=least("history_days"), tenure_days=least("tenure_days"))


def day_text(day: int) -> str:
    """A day number as YYYY-MM-DD."""
    return day_of(day * DAY_MS)


def manifest_of(
    trained: Trained,
    *,
    name: str,
    target: str,
    last_day: int,
    data: Mapping[str, Any],
    metrics: Mapping[str, Any],
    scoring: Scoring = SCORING,
) -> Manifest:
    """What the candidate says of itself; its version follows from the last day and the content.

    Args:
        last_day: the last day of the log that training could see.
        data: where the rows come from.
        metrics: how the same recipe did on later time.
        scoring: its `tier_multiples` make the score map, and so are part of the version.
    """
    fit = trained.fit
    made = Manifest(
        name=name,
        version="",
        target=target,
        horizon_days=fit.horizon_days,
        features=fit.names,
        registry=registry(fit.shape).hash,
        parts=fit.shape.parts,
        meters=fit.shape.meters,
        usual=usual_range(fit),
        seen=youngest(fit),
        base_rate=fit.base_rate,
        calibration=trained.calibration,
        bins=trained.bins,
        medians=medians(fit.x),
        data={**data, **_described(trained)},
        metrics=dict(metrics),
        versions={"numpy": np.__version__, "scipy": scipy.__version__},
        files={BOOSTER: sha256_of(trained.booster.model_to_string().encode())},
    )
    return named(settled(made, scoring.tier_multiples), day_text(last_day))


def write_candidate(trained: Trained, manifest: Manifest, artefacts: Path) -> Path:
    """Write `<name>/<version>/` with the booster and the manifest; the export adds graph and arrays."""
    folder = artefacts / manifest.name / manifest.version
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BOOSTER).write_bytes(trained.booster.model_to_string().encode())
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return folder


def _told(way_in: Gate, rows: int) -> dict[str, float]:
    """The renewal gate, and how many rows are behind it."""
    return {"gate_rows": rows, "gate_within": way_in.within, "gate_outside": way_in.outside}


def _described(trained: Trained) -> dict[str, Any]:
    fit = trained.fit
    way_in = gate(fit)
    grown_on = len(behind(fit, way_in))
    settings = parameters(trained.recipe, fit.names, rows=grown_on, loss=fit.loss, seed=0)
    return {
        "rows": len(fit),
        "positives": fit.positives,
        "accounts": len(np.unique(fit.accounts)),
        "first_snapshot": day_text(int(fit.day.min())),
        "last_snapshot": day_text(int(fit.day.max())),
        "gate": None if way_in is None else _told(way_in, grown_on),
        "recipe": msgspec.to_builtins(trained.recipe),
        "level_moved": {"shift": trained.moved.shift, "deviation": trained.moved.deviation},
        "parameters": {name: value for name, value in settings.items() if name not in UNTOLD},
    }
