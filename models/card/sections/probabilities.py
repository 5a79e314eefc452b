"""Whether the probabilities can be taken at their word: calibration, deciles, tiers, coverage."""

from collections.abc import Sequence

from models.card.document import Block, Figure, Paragraph, Section, Table
from models.card.formats import count, interval, percent, plural, times
from models.card.plots import curves
from models.card.plots.bars import Row, columns, rows_of_rates
from models.card.subject import Subject
from models.evidence import Interval, RateBin


def probabilities(subject: Subject) -> Section:
    """Said against seen."""
    blocks: list[Block] = [
        *(_calibration(subject)),
        *(_deciles(subject)),
        *(_tiers(subject)),
        Paragraph(_coverage(subject)),
    ]
    return Section(key="probabilities", title="Probabilities and tiers", blocks=tuple(blocks))


def rate_table(title: str, first: str, bins: Sequence[RateBin], rate: str) -> Table:
    """Bins as a table."""
    return Table(
        title=title,
        columns=(first, "rows", "positives", "mean probability", f"observed {rate}", "90 % interval"),
        rows=tuple(
            (
                one.label,
                count(one.rows),
                count(one.positives),
                percent(one.predicted),
                percent(one.observed),
                interval(one.interval, percent),
            )
            for one in bins
        ),
        folded=True,
    )


def _calibration(subject: Subject) -> tuple[Block, ...]:
    bins, words = subject.evidence.calibration, subject.words
    if not any(one.observed is not None and one.predicted is not None for one in bins):
        return (Paragraph("Calibration was not measured: no test rows."),)
    judged = [(one.predicted, *one.interval) for one in bins if one.predicted is not None and one.interval]
    held = sum(1 for said, low, high in judged if low <= said <= high)
    caption = (
        f"In {held} of {plural(len(judged), 'bin')} the mean probability lies within the 90 % interval of the"
        f" {words.rate} observed. Dots on the dashed line are right; above it more {words.did} than was said."
        " Above the dots: positives of rows."
    )
    plot = curves.calibration(
        bins,
        said="Mean probability, % (square-root scale)",
        seen=f"Observed {words.rate}, % (square-root scale)",
        alt=f"Calibration. {caption}",
    )
    table = rate_table("Calibration by bin", "bin", bins, words.rate)
    return (Figure(title="Calibration", caption=caption, plot=plot, table=table),)


def _deciles(subject: Subject) -> tuple[Block, ...]:
    bins, base, words = subject.evidence.deciles, subject.base_rate, subject.words
    if not bins or not base:
        return (Paragraph("Lift was not measured: it needs positives in the test."),)
    lifts = [None if one.observed is None else one.observed / base for one in bins]
    positives = sum(one.positives for one in bins)
    top = sum(one.positives for one in bins[:3])
    caption = (
        f"The highest tenth {words.did} {times(lifts[0])} as often as the average ({percent(base)}, dashed)."
        f" The first {min(3, len(bins))} tenths hold {top:,} of the {plural(positives, 'positive')}."
    )
    plot = columns(
        [
            Row(
                name=str(place),
                note="" if lift is None else f"{lift:.1f}",
                value=lift,
                interval=_scaled(one.interval, base),
            )
            for place, (one, lift) in enumerate(zip(bins, lifts, strict=True), start=1)
        ],
        x_title="Tenths of the rows, highest probability first",
        y_title="Times the average rate",
        reference=1.0,
        alt=f"Lift by decile. {caption}",
    )
    table = rate_table("Deciles, from the highest probability down", "decile", bins, words.rate)
    return (Figure(title="Lift by decile", caption=caption, plot=plot, table=table),)


def _tiers(subject: Subject) -> tuple[Block, ...]:
    tiers, words = subject.evidence.tiers, subject.words
    if not tiers:
        return (Paragraph("Tiers were not measured."),)
    seen = [f"{one.name} {percent(one.observed)}" for one in tiers if one.observed is not None]
    caption = f"What came of the tiers, with 90 % intervals: {', '.join(seen) or 'nothing was measured'}."
    plot = rows_of_rates(
        [
            Row(
                name=one.name,
                note=f"{percent(one.observed)}, {one.positives:,} of {one.rows:,}",
                value=one.observed,
                interval=one.interval,
                style=f"bar tier-{one.name}" if one.name in ("low", "medium", "high", "critical") else "bar",
            )
            for one in tiers
        ],
        title=f"Observed {words.rate}, %",
        reference=subject.base_rate,
        reference_name="average",
        alt=f"Observed rate per tier. {caption}",
    )
    return (Figure(title=f"Observed {words.rate} per tier", caption=caption, plot=plot),)


def _coverage(subject: Subject) -> str:
    found = subject.evidence.coverage
    if not found.bins or found.share is None:
        return "Whether the served intervals hold on later time was not measured."
    return (
        f"Coverage: {found.covered} of the {found.bins} served 90 % intervals ({percent(found.share)})"
        " held the rate observed on later time, that sample's own uncertainty allowed for."
    )


def _scaled(found: Interval, base: float) -> Interval:
    return None if found is None else (found[0] / base, found[1] / base)
