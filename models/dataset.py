"""Rows (account, snapshot) of a log by the evaluation protocol: features, labels, and the split by time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from stemtide.as_of import end_of_day_ms
from stemtide.features.configured_features import NO_SHAPE, Shape
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import registry
from stemtide.features.view import Floats
from stemtide_cli.errors import CliError
from stemtide_cli.mapping import Mapping
from stemtide_cli.mapping_training import Kind, Target

from models.histories import feature_matrix
from models.material import Material
from models.targets import Ints, Window, happened, is_in_population, snapshot_days, split_day

UPSELL = "upsell"
"""The model whose targets are upgrades; every other model's are losses."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Rows by day and account: `day` is the snapshot, `x` [rows, features], `y` whether it happened."""

    accounts: npt.NDArray[np.str_]
    day: Ints
    x: Floats
    y: npt.NDArray[np.bool_]
    horizon_days: int
    shape: Shape = NO_SHAPE
    loss: bool = True
    """Whether the target is the end of something, and no upgrade."""

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of `x`."""
        return registry(self.shape).names

    def __len__(self) -> int:
        return len(self.day)

    @property
    def positives(self) -> int:
        return int(self.y.sum())

    def where(self, mask: npt.NDArray[np.bool_]) -> "Dataset":
        """The rows that a mask marks."""
        return replace(self, accounts=self.accounts[mask], day=self.day[mask], x=self.x[mask], y=self.y[mask])

    def labels_until(self, day: int) -> "Dataset":
        """The rows whose horizon ends on that day or before."""
        return self.where(self.day + self.horizon_days <= day)

    def snapshots_in(self, first: int, last: int | None) -> "Dataset":
        """The rows with a snapshot from `first` to `last`, both included."""
        return self.where((self.day >= first) & (self.day <= (last if last is not None else self.day)))


def choose_target(mapping: Mapping, name: str, wanted: str | None) -> tuple[str, Target]:
    """The target of a model: the wanted one, else the mapping's first of that sort.

    Raises:
        CliError: the mapping has no such target; the message lists those it has.
    """
    listed = ", ".join(mapping.targets) or "none"
    if wanted is not None:
        if wanted not in mapping.targets:
            raise CliError(f"the mapping has no target {wanted!r}", hint=f"it has: {listed}")
        return wanted, mapping.targets[wanted]
    for target_name, target in mapping.targets.items():
        if _fits(name, target):
            return target_name, target
    raise CliError(
        f"the mapping has no target for {name}",
        hint=f"add [targets.{name}] (docs/cli.md), or give --target; it has: {listed}",
    )


def require_fitting(name: str, target_name: str, target: Target) -> None:
    """Raise the CliError of a model that would serve under another's name: its scores mean something else."""
    if not _fits(name, target):
        other = "churn" if name == UPSELL else UPSELL
        raise CliError(
            f"{target_name!r} ({target.kind}) is no target of a {name} model",
            hint=f"`stemtide train {other} --target {target_name}`, or another target",
        )


def _fits(name: str, target: Target) -> bool:
    return (target.kind is Kind.UPGRADED) == (name == UPSELL)


def build(mapping: Mapping, material: Material, target: Target) -> Dataset:
    """All rows of a log for a target, in the order of (snapshot, account)."""
    rows = sorted(labelled(mapping, material, target))
    pairs = [(account, end_of_day_ms(day)) for day, account, _ in rows]
    basis = Basis.of(material.config)
    x = feature_matrix(material.histories, material.standing_at, pairs, basis=basis)
    return Dataset(
        accounts=np.array([account for _, account, _ in rows], dtype=np.str_),
        day=np.array([day for day, _, _ in rows], dtype=np.int64),
        x=x,
        y=np.array([label for *_, label in rows], dtype=np.bool_),
        horizon_days=target.horizon_days,
        shape=basis.shape,
        loss=target.kind is not Kind.UPGRADED,
    )


def labelled(mapping: Mapping, material: Material, target: Target) -> Iterator[tuple[int, str, bool]]:
    """(snapshot, account, label) by the protocol."""
    assert mapping.snapshots is not None
    for account in material.accounts:
        window = window_of(material, account, target)
        if window is None:
            continue
        outcomes = material.outcomes(account)
        for day in snapshot_days(mapping.snapshots, window, target.horizon_days):
            if is_in_population(mapping.population, target, outcomes, day):
                yield day, account, happened(target, outcomes, day)


def window_of(material: Material, account: str, target: Target) -> Window | None:
    """The account's clock, and the last day of which the target's outcome is known."""
    if target.kind in (Kind.SUBSCRIPTION_ENDED, Kind.UPGRADED):
        if material.last_term_start is None:
            return None
        return Window(origin=material.first_day, observed=material.last_term_start)
    if material.clocks:
        return material.clocks.get(material.courses.get(account, ""))
    return Window(origin=material.first_day, observed=material.last_day)


def default_split(material: Material) -> int:
    """The day that divides a log."""
    return split_day(material.first_day, material.last_day)
