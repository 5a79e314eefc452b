"""How often drops sound on open logs, and how often a loss follows: the shipped rule against the fixed half.

The fixed rule is the usual one: events fell by more than half, week over week, of an account with at least 20
a week on three days. Logs that are not beside the project are left out.
"""

import os
from pathlib import Path
from typing import Any, Final

from stemtide.config_detection import Detection, DetectionRule, Measure
from stemtide.config_schema import Company, Config
from stemtide_cli.mapping_training import Kind

from models.drop_alarms import Alarms, drop_alarms
from models.material import read_material

LOGS: Final = ("crm", "social", "nova")
BESIDE: Final = Path(__file__).parents[2] / "shared"
FIXED: Final = DetectionRule(name="fixed", measure=Measure.EVENTS, drop=0.5, min_before=20, min_active_days=3)
SHIPPED: Final = next(rule for rule in Detection().rules if rule.measure is Measure.EVENTS)
CONFIG: Final = Config(company=Company(name="benchmark", time_zone="UTC", currency="USD"))


def run() -> tuple[dict[str, Any], dict[str, Any]]:
    """The figures, and what was run."""
    figures: dict[str, Any] = {}
    ran: dict[str, Any] = {"logs": [], "fixed": repr(FIXED), "own": repr(SHIPPED)}
    for name in LOGS:
        folder = Path(os.environ.get("STEMTIDE_SHARED", BESIDE)) / "data" / name
        if folder.exists():
            ran["logs"].append(name)
            for kind, alarms in both(name, folder).items():
                figures[f"drops.{name}.{kind}_per_account_month"] = round(alarms.per_account_month, 4)
                figures[f"drops.{name}.{kind}_share_preceding_loss"] = round(alarms.share, 4)
                ran[f"{name}.{kind}"] = {
                    "drops": alarms.drops,
                    "account_months": round(alarms.account_months),
                }
    return figures, ran


def both(name: str, folder: Path) -> dict[str, Alarms]:
    """The alarms of both rules on a log, for the first target that is a loss."""
    mapping, material = read_material(name, folder, CONFIG)
    target = next(one for one in mapping.targets.values() if one.kind is not Kind.UPGRADED)
    return {
        kind: drop_alarms(mapping, material, target, [rule], CONFIG.events)
        for kind, rule in (("fixed", FIXED), ("own", SHIPPED))
    }


if __name__ == "__main__":
    print(run())
