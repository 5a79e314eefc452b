"""What the model looks at: importance, beeswarm, and what is lost without a group of features."""

from models.card.document import Block, Figure, Paragraph, Section, Table
from models.card.formats import change, number, percent, sentence_list, with_interval
from models.card.plots.bars import Row, rows_of_rates
from models.card.plots.forest import Estimate, forest
from models.card.plots.swarm import beeswarm
from models.card.subject import Subject
from models.evidence import Swarm

SHOWN = 12
LIKELIER = 0.25
"""Ranks this far from the ends count as high and low values."""


def drivers(subject: Subject) -> Section:
    """Which features carry the model, and which way."""
    blocks: list[Block] = [*_importance(subject), *_swarm(subject), *_ablation(subject)]
    return Section(key="drivers", title="What it looks at", blocks=tuple(blocks))


def _importance(subject: Subject) -> tuple[Block, ...]:
    found = subject.evidence.importance
    if not found:
        return (Paragraph("Importance was not measured."),)
    first = [f"'{one.label}'" for one in found[:3]]
    held = sum(one.share for one in found[: len(first)])
    caption = f"{sentence_list(first)} make up {percent(held)} of all contributions."
    plot = rows_of_rates(
        [Row(name=one.label, note=percent(one.share), value=one.share) for one in found[:SHOWN]],
        title="Share of all contributions, %",
        alt=f"Importance of features. {caption}",
    )
    table = Table(
        title="Mean absolute SHAP contribution to the margin (log odds)",
        columns=("feature", "name", "mean contribution", "share"),
        rows=tuple(
            (one.label, one.feature, number(one.mean_abs_contribution, 4), percent(one.share))
            for one in found
        ),
        numbers_from=2,
        folded=True,
    )
    return (Figure(title="Importance", caption=caption, plot=plot, table=table),)


def _swarm(subject: Subject) -> tuple[Block, ...]:
    swarms = subject.evidence.swarm[:SHOWN]
    if not any(swarm.contributions for swarm in swarms):
        return (Paragraph("Contributions of single rows were not measured."),)
    rows = max(len(swarm.contributions) for swarm in swarms)
    ways = [text for swarm in swarms[:3] if (text := _direction(swarm, subject.words.noun))]
    caption = (
        f"Each dot is one of {rows:,} sampled test rows: to the right the feature speaks for"
        f" {subject.words.noun}, to the left against it. {' '.join(ways)}"
    ).strip()
    plot = beeswarm(
        swarms,
        title=f"Contribution to the log odds of {subject.words.noun}",
        alt=f"SHAP beeswarm. {caption}",
    )
    table = Table(
        title="Contributions of the sampled rows, in log odds",
        columns=("feature", "lowest", "highest", "mean where the value is low", "mean where it is high"),
        rows=tuple(_summary(swarm) for swarm in swarms),
        folded=True,
    )
    return (Figure(title="SHAP beeswarm", caption=caption, plot=plot, table=table),)


def _ends(swarm: Swarm) -> tuple[float | None, float | None]:
    """Mean contributions of the lowest and the highest quarter of values."""
    pairs = list(zip(swarm.contributions, swarm.value_ranks, strict=True))
    low = [value for value, rank in pairs if rank is not None and rank <= LIKELIER]
    high = [value for value, rank in pairs if rank is not None and rank >= 1 - LIKELIER]
    return (sum(low) / len(low) if low else None), (sum(high) / len(high) if high else None)


def _direction(swarm: Swarm, noun: str) -> str:
    low, high = _ends(swarm)
    if low is None or high is None or low == high:
        return ""
    return f"{'High' if high > low else 'Low'} values of '{swarm.label}' speak for {noun}."


def _summary(swarm: Swarm) -> tuple[str, ...]:
    low, high = _ends(swarm)
    least, most = min(swarm.contributions, default=None), max(swarm.contributions, default=None)
    return (swarm.label, change(least), change(most), change(low), change(high))


def _ablation(subject: Subject) -> tuple[Block, ...]:
    found = subject.evidence.ablations
    if not found:
        return (Paragraph("No group of features was left out to see what it is worth."),)
    needed = [f"'{one.group}'" for one in found if one.auc_change_ci and one.auc_change_ci[1] < 0]
    whole = f"for {sentence_list(needed)}" if needed else "for no group"
    caption = (
        "Change of the AUC when a group of features is left out and the model is fitted again, with 95 %"
        f" intervals; left of the line the group helps. The whole interval lies there {whole}."
    )
    plot = forest(
        [
            Estimate(
                name=one.group,
                note=change(one.auc_change),
                value=one.auc_change,
                interval=one.auc_change_ci,
                style="point-worse" if one.auc_change_ci and one.auc_change_ci[0] > 0 else "point",
            )
            for one in found
        ],
        title="Change of the AUC without the group",
        reference=0.0,
        reference_name="no change",
        alt=f"Ablation. {caption}",
    )
    table = Table(
        title="Ablation by group of features",
        columns=("group", "features", "AUC without it", "change"),
        rows=tuple(
            (
                one.group,
                ", ".join(subject.label(feature) for feature in one.features),
                number(one.auc_roc),
                with_interval(one.auc_change, one.auc_change_ci, change),
            )
            for one in found
        ),
        numbers_from=2,
        folded=True,
    )
    return (Figure(title="Ablation per group of features", caption=caption, plot=plot, table=table),)
