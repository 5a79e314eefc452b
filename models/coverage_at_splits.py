"""`python -m models.coverage_at_splits DATA`: how many served 90 % intervals held on later time, log by log.

One split has some ten intervals, of which one or two miss by chance alone. So each open log is divided at
several of its days; each time the usual recipe is fitted to what was known by then and its intervals are held
against what came later (`models/coverage.py`). The figures of docs/evidence/coverage.md come from here.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stemtide.config import bundled_config
from stemtide_cli.errors import CliError

from models.coverage import coverage
from models.dataset import Dataset, build
from models.evaluate import Split
from models.evidence import Coverage
from models.material import Material, read_material
from models.train import day_text, train

LOGS: Final = (
    ("crm", "churn"),
    ("crm", "upsell"),
    ("social", "churn"),
    ("nova", "silent"),
    ("oulad", "silent"),
    ("oulad", "withdrawn"),
)
SHARES: Final = (0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
"""Of the span of a log's events, at which it is divided."""
LEAST_LATER: Final = 10
"""Positives of later time: with fewer an interval is held by next to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A split and what became of its intervals."""

    until: int
    fitted: int
    later: int
    found: Coverage


def held_of(rows: Dataset, material: Material, *, seed: int) -> Iterator[Held]:
    """The splits of a log that have something to fit and something to hold against it."""
    for share in SHARES:
        until = material.first_day + int(share * (material.last_day - material.first_day))
        split = Split(fit_until=until, test_from=until + 1)
        fit, test = split.fit_rows(rows), split.test_rows(rows)
        if test.positives < LEAST_LATER:
            continue
        try:
            trained = train(fit, seed=seed, tries=0)
        except CliError:
            continue  # too few positives by then: nothing would have been served
        p = trained.probabilities(test.x)
        yield Held(
            until=until,
            fitted=fit.positives,
            later=test.positives,
            found=coverage(test.y, p, test.accounts, trained.bins),
        )


def main(arguments: Sequence[str]) -> int:
    """Print a table, and the sum."""
    parser = argparse.ArgumentParser(prog="python -m models.coverage_at_splits", description=__doc__)
    parser.add_argument("data", type=Path, metavar="DATA", help="the folder with the open logs")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    print(
        "| target | known by | positives fitted | positives later | intervals held |\n|---|---|---|---|---|"
    )
    held = total = 0
    for name, target in LOGS:
        questions, material = read_material(name, given.data / name, bundled_config())
        rows = build(questions, material, questions.targets[target])
        for one in held_of(rows, material, seed=given.seed):
            held, total = held + one.found.covered, total + one.found.bins
            counted = f"{one.found.covered} of {one.found.bins}"
            cells = (f"{name} {target}", day_text(one.until), one.fitted, one.later, counted)
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
    print(f"\n{held} of {total} intervals held: {held / total:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
