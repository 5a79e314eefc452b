"""Which accounts: by adoption, by segment in logos and revenue, and the model's quality in parts of them."""

from models.card.document import Block, Figure, Paragraph, Section, Table
from models.card.formats import count, money, number, percent, plural, share, with_interval
from models.card.plots.bars import Pair, Row, pairs, rows_of_rates
from models.card.plots.forest import Estimate, forest
from models.card.sections.probabilities import rate_table
from models.card.subgroup_cautions import floor_of, is_below
from models.card.subject import Subject
from models.evidence import RateBin, Segment

SHOWN = 12
SUBGROUPS_SHOWN = 16
LISTED = 40
LOGO, REVENUE = "Logo churn", "Revenue churn"
"""What segments tell, whatever the model foretells."""


def accounts(subject: Subject) -> Section:
    """To whom it happens."""
    return Section(
        key="accounts",
        title=f"Which accounts {subject.words.do}",
        blocks=(*_adoption(subject), *_segments(subject)),
    )


def subgroups(subject: Subject) -> Section:
    """Whether the model works for everybody."""
    groups, floor = subject.evidence.subgroups, floor_of(subject)
    title = "Does it work for everybody?"
    if not groups:
        text = "The rows were not divided into subgroups: there is no plan, segment or the like to divide by."
        return Section(key="subgroups", title=title, blocks=(Paragraph(text),))
    below = sum(1 for group in groups if is_below(group, floor))
    measured = [group for group in groups if group.auc_roc is not None]
    caption = (
        f"AUC within parts of the test rows, with 95 % intervals. {len(measured)} of {len(groups)}"
        f" could be measured; {below or 'none'} of them {'lies' if below == 1 else 'lie'} below the"
        f" floor of {number(floor)}, which the best single feature reaches over all rows (orange)."
    )
    table = Table(
        title=f"Subgroups{_first(len(groups), LISTED)}; probability and rate are means of the part's rows",
        columns=("by", "part", "rows", "positives", "AUC (95 %)", "mean probability", "observed rate"),
        rows=tuple(
            (
                group.by,
                group.name,
                count(group.rows),
                count(group.positives),
                with_interval(group.auc_roc, group.auc_roc_ci),
                percent(group.predicted),
                percent(group.observed),
            )
            for group in groups[:LISTED]
        ),
        numbers_from=2,
    )
    blocks: list[Block] = [table]
    if measured:
        plot = forest(
            [
                Estimate(
                    name=f"{group.by}: {group.name}",
                    note=f"{group.positives:,} of {group.rows:,}",
                    value=group.auc_roc,
                    interval=group.auc_roc_ci,
                    style="point-worse" if is_below(group, floor) else "point",
                )
                for group in measured[:SUBGROUPS_SHOWN]
            ],
            title=f"AUC (ROC){_first(len(measured), SUBGROUPS_SHOWN)}",
            reference=subject.figure("auc_roc"),
            reference_name="all rows",
            alt=f"AUC of subgroups. {caption}",
        )
        blocks.insert(0, Figure(title="Subgroups", caption=caption, plot=plot))
    return Section(key="subgroups", title=title, blocks=tuple(blocks))


def _adoption(subject: Subject) -> tuple[Block, ...]:
    bins, words = subject.evidence.adoption, subject.words
    if not any(one.observed is not None for one in bins):
        return (
            Paragraph("Adoption does not apply: no parts of the product are configured, or none was used."),
        )
    caption = (
        f"{words.rate.capitalize()} by the number of features in use, with 90 % intervals. {_extremes(bins)}"
    )
    plot = rows_of_rates(
        [
            Row(
                name=_in_use(one.label),
                note=f"{percent(one.observed)}, {one.positives:,} of {one.rows:,}",
                value=one.observed,
                interval=one.interval,
            )
            for one in bins
        ],
        title=f"Observed {words.rate}, %",
        reference=subject.base_rate,
        reference_name="average",
        alt=f"Adoption. {caption}",
    )
    table = rate_table("By the number of features in use", "features in use", bins, words.rate)
    return (Figure(title=f"Adoption and {words.noun}", caption=caption, plot=plot, table=table),)


def _in_use(label: str) -> str:
    return f"{label} in use" if label[:1].isdigit() else label


def _extremes(bins: tuple[RateBin, ...]) -> str:
    seen = [one for one in bins if one.observed is not None]
    low, high = min(seen, key=lambda one: one.observed or 0.0), max(seen, key=lambda one: one.observed or 0.0)
    if low is high:
        return ""
    return (
        f"It is highest, {percent(high.observed)}, at {high.label} and lowest, {percent(low.observed)},"
        f" at {low.label}."
    )


def _segments(subject: Subject) -> tuple[Block, ...]:
    found = subject.evidence.segments
    if not found:
        return (Paragraph("Segments do not apply: the log has no subscriptions to tell them by."),)
    caption = (
        f"{LOGO} counts accounts whose last term ran out, {REVENUE.lower()} their recurring revenue, over"
        " the whole log and whatever is predicted."
        f" {_dearer(found)}"
    )
    plot = pairs(
        [
            Pair(
                name=one.name,
                note=f"{one.lost:,} of {plural(one.accounts, 'account')}",
                first=share(one.lost, one.accounts),
                second=share(one.lost_mrr, one.mrr),
            )
            for one in found[:SHOWN]
        ],
        title=f"Share, %{_first(len(found), SHOWN)}",
        first=LOGO,
        second=REVENUE,
        alt=f"Segments. {caption}",
    )
    figure = Figure(title=f"{LOGO} and {REVENUE.lower()}", caption=caption.strip(), plot=plot)
    return (figure, _segment_table(subject, found))


def _dearer(found: tuple[Segment, ...]) -> str:
    ratios = [
        (revenue / logo, one)
        for one in found
        if (logo := share(one.lost, one.accounts)) and (revenue := share(one.lost_mrr, one.mrr)) is not None
    ]
    if not ratios:
        return "Revenue is not known."
    ratio, one = max(ratios, key=lambda pair: pair[0])
    logo, revenue = share(one.lost, one.accounts), share(one.lost_mrr, one.mrr)
    if ratio <= 1:
        return "In no segment is the share of revenue higher than that of accounts."
    return (
        f"They lie furthest apart in '{one.name}': {percent(logo)} of accounts, {percent(revenue)} of"
        " revenue."
    )


def _segment_table(subject: Subject, found: tuple[Segment, ...]) -> Table:
    currency = subject.evidence.currency
    return Table(
        title=(
            f"Segments over the whole log, one outcome per account{_first(len(found), LISTED)}; money a month"
        ),
        columns=(
            "segment",
            "accounts",
            "left",
            LOGO.lower(),
            "recurring revenue",
            "of those who left",
            REVENUE.lower(),
        ),
        rows=tuple(
            (
                one.name,
                count(one.accounts),
                count(one.lost),
                percent(share(one.lost, one.accounts)),
                money(one.mrr, currency),
                money(one.lost_mrr, currency),
                percent(share(one.lost_mrr, one.mrr)),
            )
            for one in found[:LISTED]
        ),
    )


def _first(found: int, shown: int) -> str:
    """' (first 12 of 40)' where not all are shown."""
    return f" (first {shown} of {found}, all in evidence.json)" if found > shown else ""
