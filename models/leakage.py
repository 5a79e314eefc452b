"""Nothing may look past the snapshot: asked of the rows themselves before anything is trained on them.

Two questions, of which neither trusts the code that made the rows. *Time*: the log is read again with all
that came after a snapshot deleted, and what the mapping does not name of its terms emptied; who is looked at
and every value of every feature must be what they are in the rows. *Giveaway*: no feature may tell the target
by itself, which catches what has no time of its own to be deleted by, such as a trait that was exported
when it was known how things went on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from stemtide.features.view import Flags, Floats
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Mapping
from stemtide_cli.mapping_training import Questions, Target

from models import measures
from models.cohort_ranks import matrix_of_snapshots
from models.dataset import Dataset, population
from models.material import Material, read_material
from models.train import day_text

DAYS: Final = 3
"""Spread over the span of the rows; each is one more reading of the log up to it, so all of them together are
about one and a half."""
GIVEAWAY: Final = 0.995
"""The AUC of a single feature, either way round, that no honest one has …"""
MIN_POSITIVES: Final = 20
"""… where it happened so often that this is no luck."""
SHOWN: Final = 5
"""Names that an error lists."""
NOTHING_TRAINED: Final = "nothing was trained or measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What rows come from, a log or a deployed stack, so that it can be read again."""

    questions: Questions
    material: Material
    target: Target
    as_of: Callable[[int], Material]
    """Reads it as it was at the end of a day (since 1970-01-01): what came or became known later is gone."""


def of_log(mapping_name: str, folder: Path, mapping: Mapping, material: Material, target: Target) -> Origin:
    """The origin of a log's rows."""

    def as_of(day: int) -> Material:
        return read_material(mapping_name, folder, material.config, as_configured=True, as_of_day=day)[1]

    return Origin(questions=mapping, material=material, target=target, as_of=as_of)


def require_no_hindsight(rows: Dataset, origin: Origin, *, seed: int, days: int = DAYS) -> tuple[int, ...]:
    """Read the log or the stack again as it was at the end of some snapshot days, and compare.

    Args:
        rows: as they were built, all of them.
        seed: of the choice of days: one in each of as many equal parts of the rows' days, where those with
            many rows are likelier.

    Returns:
        The days that were looked at.

    Raises:
        CliError: a feature or the population looks past a snapshot; the message names features, accounts and
            the snapshot.
    """
    chosen = _chosen_days(rows, seed, days)
    for day in chosen:
        known = origin.as_of(day)
        then = rows.where(rows.day == day)
        _require_same_accounts(then, origin, known, day)
        _require_same_features(then, known, day)
    return chosen


def require_no_giveaway(fit: Dataset) -> None:
    """Refuse rows of which a single feature tells the target.

    Raises:
        CliError: one ranks the rows (almost) without error; the message names it.
    """
    if fit.positives < MIN_POSITIVES:
        return
    found = [(name, auc) for name, auc in _aucs(fit) if auc >= GIVEAWAY]
    if found:
        listed = ", ".join(f"{name} ({auc:.4f})" for name, auc in found[:SHOWN])
        raise CliError(
            f"the target can be read off a single feature (AUC): {listed}; {NOTHING_TRAINED}",
            hint="take out of the mapping what was written when it was known how things went on (a trait of"
            " [accounts]?); if it is honest, [population] looks at accounts whose fate is settled",
        )


def _chosen_days(rows: Dataset, seed: int, days: int) -> tuple[int, ...]:
    """A day of each part of the rows' span; fewer than asked for where there are not as many."""
    rng = np.random.default_rng(seed)
    own, counts = np.unique(rows.day, return_counts=True)
    parts = np.array_split(np.arange(len(own)), days)
    return tuple(
        int(own[rng.choice(part, p=counts[part] / counts[part].sum())]) for part in parts if len(part)
    )


def _require_same_accounts(then: Dataset, origin: Origin, known: Material, day: int) -> None:
    looked_at = population(origin.questions, origin.material, origin.target, known=known)
    expected = {one.account for one in looked_at if one.day == day and one.is_observed}
    differing = sorted(expected ^ set(then.accounts.tolist()))
    if differing:
        raise CliError(
            f"who is looked at on {day_text(day)} depends on what came later: {_listed(differing)};"
            f" {NOTHING_TRAINED}",
            hint="conditions of [population] and of the target may use only what was known at the snapshot",
        )


def _require_same_features(then: Dataset, known: Material, day: int) -> None:
    x = matrix_of_snapshots(known, then.accounts, then.day)
    differs = _differs(then.x, x)
    if differs.any():
        features = [then.names[place] for place in np.flatnonzero(differs.any(axis=0))]
        accounts = then.accounts[differs.any(axis=1)].tolist()
        raise CliError(
            f"features look past the snapshot {day_text(day)}: {_listed(features)}; of the accounts"
            f" {_listed(accounts)}; {NOTHING_TRAINED}",
            hint="with all that came or became known after the snapshot deleted they have other values",
        )


def _differs(ours: Floats, theirs: Floats) -> Flags:
    """Which values are not the same bits; unknown equals unknown."""
    same = ours.view(np.int64) == theirs.view(np.int64)
    differs: Flags = ~(same | (np.isnan(ours) & np.isnan(theirs)))
    return differs


def _aucs(fit: Dataset) -> Iterator[tuple[str, float]]:
    """For each feature the better of what its values and what their being known tell, either way round."""
    for name, column in zip(fit.names, fit.x.T, strict=True):
        unknown = np.isnan(column)
        if unknown.all():
            continue
        filled = np.where(unknown, np.median(column[~unknown]), column)
        found = [measures.auc_roc(fit.y, filled), measures.auc_roc(fit.y, unknown.astype(np.float64))]
        yield name, max(max(auc, 1 - auc) for auc in found)


def _listed(names: list[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
