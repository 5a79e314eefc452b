"""Rows (account, snapshot) of a log by the evaluation protocol: features, labels, and the split by time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from stemtide.config_training import Treated
from stemtide.features.configured_features import NO_SHAPE, Shape
from stemtide.features.registry import registry
from stemtide.features.view import Flags, Floats
from stemtide_cli.errors import CliError
from stemtide_cli.mapping_training import ENDS, OF_TERMS, Handling, Kind, Questions, Target

from models.cohort_ranks import matrix_of_snapshots
from models.material import Material
from models.targets import (
    Ints,
    Outcomes,
    Window,
    decided_on,
    happened,
    is_in_population,
    known_on,
    snapshot_days,
    split_day,
)

UPSELL = "upsell"
"""The model whose targets are upgrades; every other model's are losses."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Rows by day and account: `day` is the snapshot, `x` [rows, features], `y` whether it happened."""

    accounts: npt.NDArray[np.str_]
    day: Ints
    x: Floats
    y: Flags
    horizon_days: int
    shape: Shape = NO_SHAPE
    loss: bool = True
    """Whether the target is the end of something, and neither an upgrade nor the outcome of a play."""
    of_terms: bool = False
    """Whether the target is the end of a term of a subscription."""
    known_on: Ints | None = None
    """The day at whose end a row's outcome is known; None: always that on which its horizon ends."""
    weight: Floats | None = None
    """What a row counts in a fit, 0: nothing; None: all count alike."""
    treated: Flags | None = None
    """Whether somebody meant to change the outcome before it was known; None: nobody is known to have."""
    censored: int = 0
    """Of all rows of the log, those that are none because it is not known what came of them."""

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the order of `x`."""
        return registry(self.shape).names

    def __len__(self) -> int:
        return len(self.day)

    @property
    def positives(self) -> int:
        return int(self.y.sum())

    @property
    def counts(self) -> Floats:
        """What each row counts in a fit."""
        return np.ones(len(self)) if self.weight is None else self.weight

    @property
    def base_rate(self) -> float:
        """The share of the rows in which it happened, each counted by its weight; NaN without any."""
        return float(np.average(self.y, weights=self.counts)) if len(self) else float("nan")

    @property
    def n_treated(self) -> int:
        return 0 if self.treated is None else int(self.treated.sum())

    def where(self, rows: Flags | Ints) -> "Dataset":
        """The rows that a mask marks, or those at some places, in that order."""
        return replace(
            self,
            accounts=self.accounts[rows],
            day=self.day[rows],
            x=self.x[rows],
            y=self.y[rows],
            known_on=None if self.known_on is None else self.known_on[rows],
            weight=None if self.weight is None else self.weight[rows],
            treated=None if self.treated is None else self.treated[rows],
        )

    def outcome_days(self) -> Ints:
        """For each row the day at whose end its outcome is known."""
        return self.day + self.horizon_days if self.known_on is None else self.known_on

    def labels_until(self, day: int) -> "Dataset":
        """The rows whose outcome is known by the end of that day."""
        return self.where(self.outcome_days() <= day)

    def that_count(self) -> "Dataset":
        """The rows that count in a fit."""
        return self if self.weight is None else self.where(self.weight > 0)

    def snapshots_in(self, first: int | None, last: int | None) -> "Dataset":
        """The rows with a snapshot from `first` to `last`, both included; None: however early or late."""
        first_of = self.day if first is None else first
        last_of = self.day if last is None else last
        return self.where((self.day >= first_of) & (self.day <= last_of))


def choose_target(questions: Questions, name: str, wanted: str | None) -> tuple[str, Target]:
    """The target of a model: the wanted one, else the first of that sort.

    Raises:
        CliError: there is no such target; the message lists those it has.
    """
    listed = ", ".join(questions.targets) or "none"
    if wanted is not None:
        if wanted not in questions.targets:
            raise CliError(f"{questions.called} has no target {wanted!r}", hint=f"it has: {listed}")
        return wanted, questions.targets[wanted]
    for target_name, target in questions.targets.items():
        if _fits(name, target):
            return target_name, target
    raise CliError(
        f"{questions.called} has no target for {name}",
        hint=f"add [targets.{name}] (docs/cli.md), or give --target; it has: {listed}",
    )


def require_fitting(name: str, target_name: str, target: Target) -> None:
    """Raise the CliError of a model that would serve under another's name: its scores mean something else."""
    if target.kind is Kind.OUTCOME:
        raise CliError(
            f"{target_name!r} is the outcome of a play: no model that scores foretells one",
            hint=f"`stemtide evaluate {name} --target {target_name}` measures how well it can be told",
        )
    if not _fits(name, target):
        other = "churn" if name == UPSELL else UPSELL
        raise CliError(
            f"{target_name!r} ({target.kind}) is no target of a {name} model",
            hint=f"`stemtide train {other} --target {target_name}`, or another target",
        )


def _fits(name: str, target: Target) -> bool:
    return target.kind is not Kind.OUTCOME and (target.kind is Kind.UPGRADED) == (name == UPSELL)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """An account of the population at a snapshot; `known_on` is the day at whose end its outcome is known."""

    day: int
    account: str
    outcomes: Outcomes
    known: Outcomes
    """Those that were known at the snapshot."""
    known_on: int
    is_observed: bool
    """Whether that lies within what was observed."""
    ends_badly: bool = False
    """Whether, by all that is known, it left, or did not upgrade."""

    def happens(self, target: Target) -> bool:
        """Whether the target comes true."""
        return happened(target, self.outcomes, self.day, known=self.known)

    def settled(self, target: Target) -> "LookedAt":
        """With the day from whose end on the label is known for good, which may lie after the horizon."""
        until = decided_on(target, self.outcomes, self.day, known=self.known)
        return replace(self, known_on=until, ends_badly=self.happens(target) is _is_loss(target))


def build(questions: Questions, material: Material, target: Target) -> Dataset:
    """All rows of a log for a target, in the order of (snapshot, account).

    Raises:
        CliError: the target is an outcome of plays, and the log tells of none.
    """
    if target.kind is Kind.OUTCOME and material.plays.last_day is None:
        raise CliError(
            "the log tells of no play, and so of no outcome", hint="export them, or choose another target"
        )
    looked_at = list(population(questions, material, target))
    observed = (one.settled(target) for one in looked_at if one.is_observed)
    rows = sorted(observed, key=lambda one: (one.day, one.account))
    accounts = np.array([one.account for one in rows], dtype=np.str_)
    day = np.array([one.day for one in rows], dtype=np.int64)
    treated = None if questions.treatments is None else _treated(material, rows)
    return Dataset(
        accounts=accounts,
        day=day,
        x=matrix_of_snapshots(material, accounts, day),
        y=np.array([one.happens(target) for one in rows], dtype=np.bool_),
        horizon_days=target.horizon_days,
        shape=Shape.of(material.config.events),
        loss=_is_loss(target),
        of_terms=target.kind in ENDS,
        known_on=np.array([one.known_on for one in rows], dtype=np.int64),
        weight=None if treated is None else _weight(treated, questions.treatments),
        treated=treated,
        censored=len(looked_at) - len(rows),
    )


def labelled(questions: Questions, material: Material, target: Target) -> Iterator[tuple[int, str, bool]]:
    """(snapshot, account, label) by the protocol."""
    for one in population(questions, material, target):
        if one.is_observed:
            yield one.day, one.account, one.happens(target)


def population(
    questions: Questions, material: Material, target: Target, *, known: Material | None = None
) -> Iterator[LookedAt]:
    """Who is looked at, account by account, also where it is not known what came of it.

    Args:
        known: what is known of the accounts, where that is less than `material`; when they are looked at, and
            until when they were observed, follows from `material`.
    """
    assert questions.snapshots is not None
    source = known or material
    for account in source.accounts:
        window = window_of(material, account, target)
        if window is None:
            continue
        outcomes = source.outcomes(account)
        for day in snapshot_days(questions.snapshots, window):
            then = source.outcomes_at(account, day)
            if is_in_population(questions.population, target, then, day):
                until = known_on(target, then, day)
                yield LookedAt(
                    day=day,
                    account=account,
                    outcomes=outcomes,
                    known=then,
                    known_on=until,
                    is_observed=until <= window.observed,
                )


def window_of(material: Material, account: str, target: Target) -> Window | None:
    """The account's clock, and the last day of which the target's outcome is known."""
    if target.kind in OF_TERMS or target.kind is Kind.OUTCOME:
        told = material.last_term_start if target.kind in OF_TERMS else material.plays.last_day
        return None if told is None else Window(origin=material.first_day, observed=told)
    if material.clocks:
        return material.clocks.get(material.courses.get(account, ""))
    return Window(origin=material.first_day, observed=material.last_day)


def _is_loss(target: Target) -> bool:
    """Whether it is the end of something that happens, and neither an upgrade nor the outcome of a play."""
    return target.kind not in (Kind.UPGRADED, Kind.OUTCOME)


def _treated(material: Material, rows: Sequence[LookedAt]) -> Flags:
    """Whether a treatment that may have changed a row's outcome lies between its snapshot and the day at
    whose end that is known.

    What is done because an account has left has not made it leave: who was lost stays a lesson in who leaves.
    Leaving those rows out would leave out whoever left, and keep whoever stayed.
    """
    of = material.plays.treatments
    return np.array(
        [
            any(
                one.overlaps(row.day + 1, row.known_on) and not (one.answers_loss and row.ends_badly)
                for one in of.get(row.account, ())
            )
            for row in rows
        ],
        dtype=np.bool_,
    )


def _weight(treated: Flags, section: Handling | None) -> Floats:
    assert section is not None
    of_treated = {Treated.EXCLUDE: 0.0, Treated.WEIGHT: section.weight, Treated.KEEP: 1.0}
    return np.where(treated, of_treated[section.treated], 1.0)


def default_split(material: Material) -> int:
    """The day that divides a log."""
    return split_day(material.first_day, material.last_day)
