"""`build/bench.json`: flat keys of all benchmarks, and what they were measured on."""

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = ("stemtide", "ministack", "numpy", "onnxruntime", "lightgbm", "duckdb")


def merge(path: Path, figures: Mapping[str, Any], runs: Mapping[str, Any]) -> dict[str, Any]:
    """Add figures to the file (keys of other benchmarks stay) and return its content.

    Args:
        runs: by benchmark, how often it measured and for how long.
    """
    content = _read(path)
    content |= dict(figures)
    content |= {"machine": machine(), "versions": versions(), "runs": {**content.get("runs", {}), **runs}}
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")
    fresh.replace(path)
    return content


def machine() -> dict[str, Any]:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
    }


def versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def _read(path: Path) -> dict[str, Any]:
    """What is there already; a file that holds something else is written anew."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
