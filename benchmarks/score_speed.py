"""How long a score takes, with its drivers and interval, against LightGBM's own prediction and explanation.

Everything that is compared is measured in one run, in turns, on one thread, in processor time: the machine is
shared. LightGBM gives neither words nor an interval; ours does, and is timed with them.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from stemtide.as_of import end_of_day_ms
from stemtide.features import peers
from stemtide.features.packed_usage import pack_usage, unpack_usage
from stemtide.features.vectors import Known, Vector, vectors_of
from stemtide.scoring.assess import assess
from threadpoolctl import threadpool_limits

from benchmarks.feature_speed import BASIS, KINDS, TODAY, seconds, standing_of, usage_of
from benchmarks.score_cold import cold
from benchmarks.score_models import Measured, crm_model, large_model
from infra import bundling
from infra.config import Deployment

AS_OF: Final = end_of_day_ms(TODAY)
ONES: Final = 2000
"""Single rows."""
THEIRS_ONCE_IN: Final = 8
"""LightGBM is timed on every eighth of them: it takes ten times as long."""
BATCH: Final = 500
BATCHES: Final = 7
MB: Final = 1e6


def run() -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures, and what was run."""
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        large = large_model(Path(folder) / "large", BASIS)
        crm = crm_model(Path(folder) / "crm")
        figures, ran = _speed(large)
        figures["score.accounts_per_s"] = round(BATCH / median(_from_stored(large)))
        if crm is not None:
            figures_of_crm, ran["crm"] = _speed(crm)
            figures |= {f"{key}_crm": value for key, value in figures_of_crm.items()}
        package, ran["package"] = _package()
        ratio, ran["cold"] = cold(large.files)
    return figures | package | ratio, ran


def _speed(measured: Measured) -> tuple[dict[str, Any], dict[str, Any]]:
    vectors = _vectors(measured)
    one, theirs_one = _one_by_one(measured, vectors)
    batch, theirs_batch = _in_batches(measured, vectors)
    figures = {
        "score.speedup_one": round(median(theirs_one) / median(one), 1),
        "score.p99_ms": round(float(np.percentile(one, 99)) * 1e3, 3),
        "score.speedup_batch500": round(median(theirs_batch) / median(batch), 1),
    }
    ran = {
        **measured.described,
        "one_by_one": len(one),
        "batches": len(batch),
        "us_one": round(median(one) * 1e6),
        "us_one_lightgbm": round(median(theirs_one) * 1e6),
        "us_per_row_of_500": round(median(batch) / BATCH * 1e6, 1),
        "us_per_row_of_500_lightgbm": round(median(theirs_batch) / BATCH * 1e6, 1),
    }
    return figures, ran


def _vectors(measured: Measured) -> list[Vector]:
    """Accounts with the features of different training rows."""
    [like] = vectors_of([_known(0)], AS_OF, basis=BASIS)
    features = _features(measured)
    picked = np.random.default_rng(3).choice(len(measured.rows), ONES)
    return [replace(like, values=row, features=features) for row in measured.rows[picked]]


def _features(measured: Measured) -> Any:
    from stemtide.features.registry import Shape, registry

    manifest = measured.model.manifest
    return registry(Shape(manifest.parts, manifest.meters)).features


def _known(seed: int) -> Known:
    standing = standing_of(seed)
    return Known(usage=usage_of(seed), closed=standing, current=standing.profile)


def _one_by_one(measured: Measured, vectors: list[Vector]) -> tuple[list[float], list[float]]:
    ours: list[float] = []
    theirs: list[float] = []
    for place, vector in enumerate(vectors):
        ours += seconds(lambda v=vector: assess(measured.model, [v]), 1)  # type: ignore[misc]
        if place % THEIRS_ONCE_IN == 0:
            theirs += seconds(_lightgbm(measured, vector.values[None]), 1)
    return ours, theirs


def _in_batches(measured: Measured, vectors: list[Vector]) -> tuple[list[float], list[float]]:
    ours: list[float] = []
    theirs: list[float] = []
    assess(measured.model, vectors[:BATCH])
    for place in range(BATCHES):
        own = vectors[place * BATCH % ONES :][:BATCH]
        x = np.stack([vector.values for vector in own])
        ours += seconds(lambda v=own: assess(measured.model, v), 1)  # type: ignore[misc]
        theirs += seconds(_lightgbm(measured, x), 1)
    return ours, theirs


def _lightgbm(measured: Measured, x: Any) -> Callable[[], object]:
    def both() -> None:
        measured.booster.predict(x, num_threads=1)
        measured.booster.predict(x, pred_contrib=True, num_threads=1)

    return both


def _from_stored(measured: Measured) -> list[float]:
    """A batch of accounts from what is kept of each, without parts, to its assessment."""
    basis = BASIS._replace(cohorts=peers.table_of(measured.rows, measured.model.manifest.features))
    kinds = [(pack_usage(usage_of(seed)), standing_of(seed)) for seed in range(KINDS)]

    def batch() -> None:
        known = []
        for place in range(BATCH):
            data, standing = kinds[place % KINDS]
            usage = unpack_usage("account", data)
            assert usage is not None
            known.append(Known(usage=usage, closed=standing, current=standing.profile))
        assess(measured.model, vectors_of(known, AS_OF, basis=basis))

    batch()
    return seconds(batch, 2 * BATCHES)


def _package() -> tuple[dict[str, Any], dict[str, Any]]:
    """Unzipped, as Lambda counts it: the function that scores and its layers."""
    deployment = Deployment()
    folders = {
        "function": bundling.ROOT / "functions" / "score",
        "domain": bundling.domain_layer(),
        "runtime": bundling.runtime_layer(deployment),
        "inference": bundling.inference_layer(deployment),
    }
    sizes = {name: bundling.unzipped_bytes(folder) / MB for name, folder in folders.items()}
    ran: dict[str, Any] = {name: round(size, 1) for name, size in sizes.items()}
    ran["target"] = f"{deployment.architecture}, Python {deployment.python_version}"
    return {"score.package_mb": round(sum(sizes.values()), 1)}, ran


if __name__ == "__main__":
    print(run())
