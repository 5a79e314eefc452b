"""Small models with the real features, trained in a second; written as training writes them."""

from pathlib import Path
from typing import Any

import lightgbm
import msgspec
import numpy as np
import numpy.typing as npt
from stemtide.config import Config, load_config
from stemtide.features.registry import NAMES, registry
from stemtide.scoring.artefact import FILES, Model, load
from stemtide.scoring.manifest import MANIFEST, Bin, Calibration, Manifest

from models.export import BOOSTER, encode, export
from models.versions import settled, sha256_of

Floats = npt.NDArray[np.float64]

CONFIG: Config = load_config(Path(__file__).parents[1] / "stemtide.toml")
WIDTH = len(NAMES)
PARAMETERS = {
    "objective": "binary",
    "num_leaves": 15,
    "max_depth": 6,
    "learning_rate": 0.1,
    "min_data_in_leaf": 5,
    "verbose": -1,
    "num_threads": 1,
    "seed": 1,
    "deterministic": True,
}
MANIFEST_OF_TRAINING = Manifest(
    name="churn",
    version="v1",
    target="churned",
    horizon_days=30,
    features=NAMES,
    registry=registry().hash,
    base_rate=0.06,
    calibration=Calibration(slope=0.8, intercept=-0.3),
    bins=(
        Bin(upper=0.05, rows=900, positives=20, low=0.016, high=0.03),
        Bin(upper=0.2, rows=400, positives=44, low=0.09, high=0.14),
        Bin(upper=1.0, rows=60, positives=24, low=0.3, high=0.5),
    ),
    medians=tuple(None if i % 7 == 0 else float(i) for i in range(WIDTH)),
    data={},
    metrics={},
    versions={},
)


def rows(count: int = 800, *, width: int = WIDTH, missing: float = 0.1, seed: int = 0) -> Floats:
    """Numbers like features': some whole, some fractions, some large, some unknown."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, width)) * 10.0 ** rng.integers(-1, 4, width)
    x[:, ::3] = np.round(x[:, ::3])
    x[rng.random(x.shape) < missing] = np.nan
    return x


def labels(x: Floats, *, seed: int = 0) -> npt.NDArray[np.int64]:
    """An event that some columns bring about together."""
    rng = np.random.default_rng(seed + 1)
    ranks = np.nan_to_num(x).argsort(axis=0).argsort(axis=0) / len(x)
    signal = ranks[:, 0] + ranks[:, 1] * ranks[:, 2] - ranks[:, -1] + rng.normal(size=len(x)) * 0.2
    return (signal > np.quantile(signal, 0.8)).astype(np.int64)


def trained(
    x: Floats,
    *,
    rounds: int = 20,
    names: tuple[str, ...] = NAMES,
    y: Any = None,
    categorical: Any = "auto",
    **parameters: Any,
) -> lightgbm.Booster:
    """A booster as its text says it, which is what the export reads."""
    data = lightgbm.Dataset(
        x, labels(x) if y is None else y, feature_name=list(names), categorical_feature=categorical
    )
    booster = lightgbm.train(PARAMETERS | parameters, data, rounds)
    return lightgbm.Booster(model_str=booster.model_to_string())


def candidate(
    folder: Path, booster: lightgbm.Booster, manifest: Manifest = MANIFEST_OF_TRAINING, **changes: Any
) -> Path:
    """What training leaves behind, in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    text = booster.model_to_string().encode()
    (folder / BOOSTER).write_bytes(text)
    told = msgspec.structs.replace(manifest, **{"files": {BOOSTER: sha256_of(text)}} | changes)
    (folder / MANIFEST).write_bytes(encode(settled(told, CONFIG.scoring.tier_multiples)))
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """The artefact in an exported folder."""
    return {name: (folder / name).read_bytes() for name in FILES}


def exported(folder: Path, booster: lightgbm.Booster, **changes: Any) -> Model:
    """The model as it is served."""
    export(candidate(folder, booster, **changes), CONFIG)
    return load(files_of(folder))
