"""Parts of the rows in which the model does worse than the floor, or in which nobody can tell."""

from collections.abc import Iterator
from typing import Final

from models.card.document import Caution
from models.card.formats import number, sentence_list, with_interval
from models.card.subject import Subject
from models.evidence import Subgroup

CHANCE: Final = 0.5
NAMED: Final = 5
"""So many are named, the others counted: the table has all."""


def floor_of(subject: Subject) -> float:
    """What a model must beat to be worth its trouble: the best single feature, at least chance."""
    return max(CHANCE, subject.figure("baseline_auc_roc") or CHANCE)


def is_below(group: Subgroup, floor: float) -> bool:
    """Whether a part's AUC was measured and lies below the floor."""
    return group.auc_roc is not None and group.auc_roc < floor


def of_subgroups(subject: Subject) -> Iterator[Caution]:
    """A warning where a whole interval lies below the floor, a note where only the figure does."""
    groups, floor = subject.evidence.subgroups, floor_of(subject)
    below = [group for group in groups if is_below(group, floor)]
    surely = [group for group in below if group.auc_roc_ci and group.auc_roc_ci[1] < floor]
    perhaps = [group for group in below if group not in surely]
    if surely:
        yield Caution(
            key="subgroups-below",
            level="warning",
            title="Does not work for some",
            text=(
                f"The AUC lies below the floor of {number(floor)} with its whole interval in"
                f" {_named(surely)}."
            ),
        )
    if perhaps:
        yield Caution(
            key="subgroups-maybe-below",
            level="note",
            title="May not work for some",
            text=(
                f"The AUC lies below the floor of {number(floor)}, if perhaps by chance, in"
                f" {_named(perhaps)}."
            ),
        )
    silent = [group for group in groups if group.auc_roc is None]
    if silent:
        yield Caution(
            key="subgroups-unmeasured",
            level="note",
            title="Unknown for some",
            text=(
                f"{len(silent)} of {len(groups)} subgroups have too few positives or negatives to be"
                " measured."
            ),
        )


def _named(groups: list[Subgroup]) -> str:
    shown = [
        f"{group.by} '{group.name}' ({with_interval(group.auc_roc, group.auc_roc_ci)})"
        for group in groups[:NAMED]
    ]
    rest = len(groups) - NAMED
    return sentence_list([*shown, f"{rest} more"] if rest > 0 else shown)
