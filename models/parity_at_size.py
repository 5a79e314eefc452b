"""`python -m models.parity_at_size FOLDER ...`: exported models against LightGBM on many rows, all explained.

The export itself compares fewer (`models/parity.py`), because LightGBM takes milliseconds to explain a row of
a large model. The figures of docs/evidence/parity.md come from here.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from stemtide.scoring.artefact import FILES, ArtefactError, load

from models import parity
from models.export import booster_of
from models.trees import ExportError, trees_of

ROWS: Final = 100_000
COLUMNS: Final = (
    *("model", "trees", "leaves", "rows", "margin", "probability", "contribution", "sum", "order", "s"),
)


def parity_at_size(folder: Path, *, rows: int) -> dict[str, Any]:
    """The figures of an exported folder: `parity.check`'s on at least so many rows.

    Raises:
        ArtefactError: the files are no usable model.
        ExportError: something differs, or there is no booster.
    """
    model = load({name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()})
    booster = booster_of(folder, model.manifest)
    trees = trees_of(booster, features=model.manifest.features)
    leaves = [tree["num_leaves"] for tree in booster.dump_model()["tree_info"]]
    figures = parity.check(model, booster, trees, parity.Counts.at_size(rows))
    return {
        "model": f"{model.manifest.name}/{model.version}",
        "trees": len(leaves),
        "leaves": sum(leaves),
    } | figures


def line_of(figures: dict[str, Any], seconds: float) -> str:
    """A row of a Markdown table of `COLUMNS`."""
    found = [
        f"{figures[key]:.1e}" for key in ("max_abs_margin", "max_abs_probability", "max_abs_contribution")
    ]
    found += [f"{figures[key]:.1e}" for key in ("max_abs_sum", "max_order")]
    rows = f"{sum(figures['rows'].values()):,}"
    cells = (figures["model"], figures["trees"], figures["leaves"], rows, *found, f"{seconds:.0f}")
    return f"| {' | '.join(map(str, cells))} |"


def main(arguments: Sequence[str]) -> int:
    """Print a table; 1 if a model differs or cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m models.parity_at_size", description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--rows", type=int, default=ROWS)
    given = parser.parse_args(arguments)
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    wrong = 0
    for folder in given.folders:
        began = time.perf_counter()
        try:
            figures = parity_at_size(folder, rows=given.rows)
        except (ArtefactError, ExportError) as error:
            print(f"{folder}: {error}", file=sys.stderr)
            wrong = 1
        else:
            print(line_of(figures, time.perf_counter() - began), flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
