"""The rows on which an export is compared with LightGBM: where others were found to differ."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from models.trees import ANY_VALUE, NEAR_ZERO, Node, splits_of

Floats = npt.NDArray[np.float64]
Rows = Mapping[str, Floats]

SPECIAL: Final = np.array(
    [
        *(0.0, -0.0, 5e-324, -5e-324, 1e-310, 2.0**24, 2.0**24 + 1, 2.0**53, 1e18),
        *(sign * math.nextafter(NEAR_ZERO, to) for sign in (1, -1) for to in (0, NEAR_ZERO, 1)),
        *(sign * math.nextafter(ANY_VALUE, to) for sign in (1, -1) for to in (0, ANY_VALUE, math.inf)),
        *(1.7976931348623157e308, -1.7976931348623157e308, math.inf, -math.inf, math.nan),
    ]
)
"""Values that LightGBM, single precision or a careless comparison treat in a way of their own."""
_SEED: Final = 20_220_630


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows of each kind; besides, each threshold and its two neighbours have a row. `explained` rows of each
    kind are compared in their explanations, too."""

    random: int = 10_000
    threshold: int = 10_000
    missing: int = 4_000
    special: int = 2_000
    explained: int = 400

    @classmethod
    def at_size(cls, rows: int) -> "Counts":
        """At least so many rows in all, each of them explained."""
        eighth = -(-rows // 8)
        return cls(random=3 * eighth, threshold=3 * eighth, missing=eighth, special=eighth, explained=2**62)


DEFAULT: Final = Counts()


def parity_rows(trees: Sequence[Node], *, width: int, counts: Counts = DEFAULT) -> Rows:
    """Rows of four kinds: random, at and next to every threshold, with missing and with special values."""
    rng = np.random.default_rng(_SEED)
    thresholds: list[set[float]] = [set() for _ in range(width)]
    for root in trees:
        for split in splits_of(root):
            thresholds[split.feature].add(split.threshold)
    ladders = [np.array(sorted(values), np.float64) for values in thresholds]
    rows = {
        "random": _with_missing(_random(rng, ladders, counts.random), rng, 0.05),
        "threshold": np.concatenate(
            [_one_at_threshold(rng, ladders), _all_at_threshold(rng, ladders, counts.threshold)]
        ),
        "missing": _missing(rng, ladders, counts.missing),
        "special": _special(rng, ladders, counts.special),
    }
    return {kind: rng.permutation(x) for kind, x in rows.items()}


def _random(rng: np.random.Generator, ladders: Sequence[Floats], count: int) -> Floats:
    """Half of the values spread over the thresholds' range and beyond, half between neighbouring ones."""
    columns = []
    for ladder in (whole[np.isfinite(whole)] for whole in ladders):
        low, high = (ladder[0], ladder[-1]) if len(ladder) else (-1.0, 1.0)
        margin = 0.1 * (high - low) + 1e-3 * max(abs(low), abs(high), 1.0)
        spread = rng.uniform(low - margin, high + margin, count)
        if len(ladder) > 1:
            at = rng.integers(0, len(ladder) - 1, count)
            between = ladder[at] + rng.random(count) * (ladder[at + 1] - ladder[at])
            spread = np.where(rng.random(count) < 0.5, between, spread)
        columns.append(spread)
    return np.column_stack(columns)


def _around(ladder: Floats) -> Floats:
    return np.concatenate([np.nextafter(ladder, -np.inf), ladder, np.nextafter(ladder, np.inf)])


def _one_at_threshold(rng: np.random.Generator, ladders: Sequence[Floats]) -> Floats:
    """Each threshold and its two neighbours once, the other features random."""
    blocks = []
    for column, ladder in enumerate(ladders):
        values = _around(ladder)
        block = _random(rng, ladders, len(values))
        block[:, column] = values
        blocks.append(block)
    return np.concatenate(blocks)


def _all_at_threshold(rng: np.random.Generator, ladders: Sequence[Floats], count: int) -> Floats:
    """Every feature at or next to one of its thresholds."""
    x = _random(rng, ladders, count)
    for column, ladder in enumerate(ladders):
        if len(ladder):
            x[:, column] = rng.choice(_around(ladder), count)
    return x


def _missing(rng: np.random.Generator, ladders: Sequence[Floats], count: int) -> Floats:
    """A single feature missing, a half, all but one, all."""
    x = _random(rng, ladders, count)
    width, quarter = len(ladders), count // 4
    x[np.arange(quarter), np.arange(quarter) % width] = np.nan
    x[quarter : 3 * quarter] = _with_missing(x[quarter : 3 * quarter], rng, 0.5)
    rest = x[3 * quarter : -1]
    known = np.arange(len(rest)), rng.integers(0, width, len(rest))
    kept = rest[known]
    rest[:] = np.nan
    rest[known] = kept
    x[-1] = np.nan
    return x


def _special(rng: np.random.Generator, ladders: Sequence[Floats], count: int) -> Floats:
    """A tenth of the values, all of them in one row of eight, out of `SPECIAL`."""
    x = _random(rng, ladders, count)
    chosen = rng.random(x.shape) < np.where(np.arange(count) % 8, 0.1, 1.0)[:, None]
    return np.where(chosen, rng.choice(SPECIAL, x.shape), x)


def _with_missing(x: Floats, rng: np.random.Generator, share: float) -> Floats:
    return np.where(rng.random(x.shape) < share, np.nan, x)
