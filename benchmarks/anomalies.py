"""Whether the anomaly score finds anomalies that were planted into open logs, and how many others it flags.

Logs that are not beside the project are left out.
"""

import os
from pathlib import Path
from typing import Any, Final

from stemtide.config_schema import Company, Config
from stemtide_cli.mapping_training import Kind

from models.dataset import build, default_split
from models.material import read_material
from models.planted import Found, Plant, trial

LOGS: Final = ("crm", "social", "nova", "oulad")
BESIDE: Final = Path(__file__).parents[2] / "shared"
CONFIG: Final = Config(company=Company(name="benchmark", time_zone="UTC", currency="USD"))
SEED: Final = 1


def run() -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures, and what was run."""
    figures: dict[str, Any] = {}
    ran: dict[str, Any] = {"logs": [], "seed": SEED}
    for name in LOGS:
        folder = Path(os.environ.get("STEMTIDE_SHARED", BESIDE)) / "data" / name
        if not folder.exists():
            continue
        ran["logs"].append(name)
        for plant, found in planted_into(name, folder).items():
            figures[f"anomalies.{name}.{plant}_auc"] = round(found.auc, 3)
            figures[f"anomalies.{name}.{plant}_flagged"] = round(found.flagged, 3)
            figures[f"anomalies.{name}.flagged_unplanted"] = round(found.flagged_unplanted, 4)
            ran[f"{name}.planted"] = found.rows
    return figures, ran


def planted_into(name: str, folder: Path) -> dict[Plant, Found]:
    """The trial on a log, for the population of its first target that is a loss."""
    mapping, material = read_material(name, folder, CONFIG)
    target = next(one for one in mapping.targets.values() if one.kind is not Kind.UPGRADED)
    rows, split = build(mapping, material, target), default_split(material)
    fit, test = rows.labels_until(split), rows.snapshots_in(split + 1, None)
    return trial(material, fit, test, CONFIG, seed=SEED)
