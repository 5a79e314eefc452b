"""A cold start of scoring, from a fresh process to the first score, against what every function must load."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

ROUNDS: Final = 15
BARE: Final = """
import numpy, boto3
boto3.client("s3", region_name="eu-central-1")
"""
SCORE: Final = """
import sys
from pathlib import Path
from stemtide.scoring.artefact import FILES, load
from stemtide.scoring.assess import assess
from stemtide.features.registry import Shape, registry
from stemtide.features.vectors import Vector
from stemtide.profile import Profile
import numpy as np
model = load({name: (Path(sys.argv[1]) / name).read_bytes() for name in FILES})
features = registry(Shape(model.manifest.parts, model.manifest.meters)).features
[found] = assess(model, [Vector(
    account="a", as_of_ms=1_700_000_000_000, values=np.ones(len(features)), features=features,
    profile=Profile(), last_active_day=19_000, first_day=18_000, completeness=1.0,
)])
assert found.drivers
"""


def cold(files: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The ratio of the medians, measured in turns, and both medians."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        for code in (BARE, SCORE):
            _seconds(code, folder)  # compiles, and reads all files once
        taken = [(_seconds(BARE, folder), _seconds(SCORE, folder)) for _ in range(ROUNDS)]
    bare, score = (median(column) for column in zip(*taken, strict=True))
    ran = {"rounds": ROUNDS, "ms_bare": round(bare * 1e3), "ms_score": round(score * 1e3)}
    return {"score.cold_ratio": round(score / bare, 2)}, ran


def _seconds(code: str, folder: str) -> float:
    """Processor time of a fresh process."""
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONPYCACHEPREFIX": f"{folder}/compiled",
    }
    began = os.times()
    subprocess.run(  # noqa: S603 - this interpreter, on the code above
        [sys.executable, "-c", code, folder],
        check=True,
        env=environment,
    )
    ended = os.times()
    return (ended.children_user - began.children_user) + (ended.children_system - began.children_system)
