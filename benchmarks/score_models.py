"""Models to measure scoring by: a large one of made-up rows, and that of the log `crm` where it is there."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lightgbm
import numpy as np
import numpy.typing as npt
from stemtide.config_schema import Company, Config
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import registry
from stemtide.scoring.artefact import FILES, Model, load
from stemtide.scoring.manifest import MANIFEST, Bin, Calibration, Manifest

from models import dataset, train
from models.export import BOOSTER, encode, export
from models.material import read_material
from models.versions import settled, sha256_of

Floats = npt.NDArray[np.float64]

BESIDE: Final = Path(__file__).parents[2] / "shared"
CONFIG: Final = Config(company=Company(name="benchmark", time_zone="UTC", currency="USD"))
ROWS: Final = 20_000
TREES: Final = 500
LARGE: Final = {
    "objective": "binary",
    "num_leaves": 31,
    "max_depth": 6,
    "learning_rate": 0.05,
    "min_data_in_leaf": 20,
    "verbose": -1,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A model as it is served, the booster it was made from, and rows like those it was trained on."""

    model: Model
    booster: lightgbm.Booster
    files: dict[str, bytes]
    rows: Floats

    @property
    def described(self) -> dict[str, Any]:
        """What it is, for the record."""
        dump = self.booster.dump_model()
        leaves = [tree["num_leaves"] for tree in dump["tree_info"]]
        return {
            "features": len(self.model.manifest.features),
            "trees": len(leaves),
            "leaves": sum(leaves),
            "bytes": {name: len(data) for name, data in self.files.items()},
        }


def large_model(folder: Path, basis: Basis) -> Measured:
    """500 trees of 31 leaves, depth 6, over the registry of a basis."""
    known = registry(basis.shape)
    x = _rows(ROWS, len(known.names))
    data = lightgbm.Dataset(x, _labels(x), feature_name=list(known.names))
    booster = lightgbm.train(LARGE, data, TREES)
    text = booster.model_to_string().encode()
    manifest = Manifest(
        name="churn",
        version="benchmark",
        target="churned",
        horizon_days=30,
        features=known.names,
        registry=known.hash,
        parts=basis.shape.parts,
        meters=basis.shape.meters,
        base_rate=0.06,
        calibration=Calibration(slope=0.8, intercept=-0.3),
        bins=tuple(
            Bin(upper=(n + 1) / 10, rows=400, positives=40, low=n / 10, high=n / 10 + 0.05) for n in range(10)
        ),
        medians=tuple(float(n) for n in range(len(known.names))),
        data={},
        metrics={},
        versions={},
        files={BOOSTER: sha256_of(text)},
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BOOSTER).write_bytes(text)
    (folder / MANIFEST).write_bytes(encode(settled(manifest, CONFIG.scoring.tier_multiples)))
    return _exported(folder, x)


def crm_model(folder: Path) -> Measured | None:
    """The model that `stemtide train churn --mapping crm` makes; None where the log is not at hand."""
    log = Path(os.environ.get("STEMTIDE_SHARED", BESIDE)) / "data" / "crm"
    if not log.exists():
        return None
    mapping, material = read_material("crm", log, CONFIG)
    fit = dataset.build(mapping, material, mapping.targets["churn"])
    trained = train.train(fit, seed=1)
    manifest = train.manifest_of(trained, name="churn", target="churn", last_day=0, data={}, metrics={})
    return _exported(train.write_candidate(trained, manifest, folder), trained.fit.x)


def _exported(folder: Path, rows: Floats) -> Measured:
    export(folder, CONFIG)
    files = {name: (folder / name).read_bytes() for name in FILES}
    booster = lightgbm.Booster(model_file=str(folder / BOOSTER))
    return Measured(model=load(files), booster=booster, files=files, rows=rows)


def _rows(count: int, width: int) -> Floats:
    """Numbers like features': some whole, some fractions, some large, a tenth unknown."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(count, width)) * 10.0 ** rng.integers(-1, 4, width)
    x[:, ::3] = np.round(x[:, ::3])
    x[rng.random(x.shape) < 0.1] = np.nan
    return x


def _labels(x: Floats) -> npt.NDArray[np.int64]:
    """An event in a fifth of the rows that some columns bring about together."""
    rng = np.random.default_rng(2)
    ranks = np.nan_to_num(x).argsort(axis=0).argsort(axis=0) / len(x)
    signal = ranks[:, 0] + ranks[:, 1] * ranks[:, 2] - ranks[:, -1] + rng.normal(size=len(x)) * 0.2
    return (signal > np.quantile(signal, 0.8)).astype(np.int64)
