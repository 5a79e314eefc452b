"""How good it is: figures with intervals beside their floors, ROC, precision and recall, other models."""

from collections.abc import Callable

from models.card.document import Block, Figure, Paragraph, Section, Table
from models.card.formats import (
    change,
    number,
    percent,
    plural,
    times,
    with_interval,
)
from models.card.plots import curves
from models.card.plots.forest import Estimate, forest
from models.card.subject import Subject
from models.evidence import Contender, Point


def quality(subject: Subject) -> Section:
    """The figures of the test rows."""
    if subject.figure("auc_roc") is None:
        text = f"Not measured on later time: {subject.note or 'no figures were given'}."
        return Section(key="quality", title="Quality", blocks=(Paragraph(text),))
    blocks: list[Block] = []
    if subject.is_recipe:
        blocks.append(
            Paragraph(
                "The figures are those of the same recipe fitted to the earlier part of the log. This"
                " version was then fitted to all of it, later time included, on which it cannot be"
                " measured any more."
            )
        )
    blocks += [_figures(subject), *_curves(subject), Paragraph(_newcomers(subject))]
    return Section(key="quality", title="Quality", blocks=tuple(blocks))


def contenders(subject: Subject) -> Section:
    """Models of another sort on the same rows."""
    rows = subject.evidence.contenders
    title = "Against other models"
    if not subject.rivals:
        text = "No model of another sort was fitted to the same rows."
        return Section(key="contenders", title=title, blocks=(Paragraph(text),))
    worse = sum(1 for one in subject.rivals if one.auc_gap_ci and one.auc_gap_ci[0] > 0)
    better = sum(1 for one in subject.rivals if one.auc_gap_ci and one.auc_gap_ci[1] < 0)
    caption = (
        "AUC on the same test rows, with 95 % intervals. By the paired difference the served model"
        f" ranks better than {worse} of {len(subject.rivals)} others and worse than {better}; the rest"
        " cannot be told apart."
    )
    plot = forest(
        [
            Estimate(
                name=f"{one.name} (served)" if one.served else one.name,
                note=with_interval(one.auc_roc, one.auc_roc_ci),
                value=one.auc_roc,
                interval=one.auc_roc_ci,
                style="point" if one.served else "point-second",
            )
            for one in rows
        ],
        title="AUC (ROC)",
        reference=subject.figure("baseline_auc_roc"),
        reference_name="best single feature",
        alt=caption,
    )
    figure = Figure(title="Contenders", caption=caption, plot=plot)
    return Section(key="contenders", title=title, blocks=(figure, _contender_table(rows), *_notes(rows)))


def _figures(subject: Subject) -> Table:
    words, feature = subject.words, subject.metrics.get("baseline_feature")
    single = f"'{subject.label(str(feature))}' alone {number(subject.figure('baseline_auc_roc'))}"
    base = percent(subject.base_rate)
    rows = (
        (
            "AUC (ROC)",
            with_interval(subject.figure("auc_roc"), subject.interval("auc_roc_ci")),
            _floors(subject, "auc_roc", number, "chance 0.5", *([single] if feature else [])),
            f"share of pairs in which the account that {words.does} is ranked ahead",
        ),
        (
            "AUC (precision and recall)",
            with_interval(subject.figure("auc_pr"), subject.interval("auc_pr_ci")),
            _floors(subject, "auc_pr", number, f"guessing {number(subject.base_rate)}"),
            "mean precision over all shares of positives found",
        ),
        (
            "Precision at 80 % recall",
            percent(subject.figure("precision_at_80_recall")),
            _floors(subject, "precision_at_80_recall", percent, f"guessing {base}"),
            f"of those looked at, how many {words.did}",
        ),
        (
            "Lift of the top tenth",
            times(subject.figure("lift_top_decile")),
            f"guessing {times(1)}",
            "their rate over the average",
        ),
        (
            "Calibration error",
            percent(subject.figure("ece")),
            _floors(subject, "ece", percent, f"perfect {percent(0)}"),
            "mean distance of probability and observed rate, ten bins",
        ),
    )
    return Table(
        title="Test rows; 95 % intervals in brackets, by drawing whole accounts",
        columns=("measure", "this model", "to compare with", "in words"),
        rows=rows,
        numbers_from=4,
    )


def _floors(subject: Subject, name: str, show: Callable[[float | None], str], *floors: str) -> str:
    """What needs no model, then the other models."""
    return "; ".join([*floors, *(f"{rival.name} {show(getattr(rival, name))}" for rival in subject.rivals)])


def _curves(subject: Subject) -> tuple[Block, ...]:
    evidence, words = subject.evidence, subject.words
    if not evidence.roc or not evidence.precision_recall or subject.base_rate is None:
        return (Paragraph("The curves were not measured: they need positives and negatives in the test."),)
    auc, at_80 = subject.figure("auc_roc"), subject.figure("precision_at_80_recall")
    roc_says = (
        f"To find four in five of those who {words.did} one also has to look at"
        f" {percent(_alarms_at(evidence.roc, 0.8))} of those who {words.did_not}."
    )
    pr_says = (
        "The further one goes down the list, the more are found and the fewer of those looked at are"
        f" right: {percent(at_80)} when four in five are found. Guessing would be right in"
        f" {percent(subject.base_rate)}."
    )
    return (
        Figure(
            title="ROC curve",
            caption=roc_says,
            plot=curves.roc(
                evidence.roc,
                auc,
                found=f"Found of those who {words.did}, %",
                alarms=f"False alarms of those who {words.did_not}, %",
                alt=f"ROC curve, AUC {number(auc)}. {roc_says}",
            ),
            table=_points("ROC", evidence.roc, "false alarms", "found"),
        ),
        Figure(
            title="Precision and recall",
            caption=pr_says,
            plot=curves.precision_recall(
                evidence.precision_recall,
                subject.base_rate,
                at_80,
                found=f"Found of those who {words.did}, %",
                right="Right of those looked at, %",
                alt=f"Precision against recall. {pr_says}",
            ),
            table=_points("Precision and recall", evidence.precision_recall, "found", "right"),
        ),
    )


def _alarms_at(roc: tuple[Point, ...], wanted: float) -> float | None:
    return min((point.x for point in roc if point.y >= wanted - 1e-12), default=None)


def _points(title: str, points: tuple[Point, ...], x: str, y: str, most: int = 21) -> Table:
    """The curve at evenly spread points."""
    last = len(points) - 1
    places = sorted({round(place * last / (most - 1)) for place in range(most)})
    rows = tuple((percent(points[place].x), percent(points[place].y)) for place in places)
    return Table(title=title, columns=(x, y), rows=rows, numbers_from=0, folded=True)


def _newcomers(subject: Subject) -> str:
    texts = []
    for name, who in (
        ("seen_accounts", "it was fitted to, at later time"),
        ("unseen_accounts", "it never met"),
    ):
        auc, rows, positives = subject.part(name)
        if subject.metrics.get(name):
            texts.append(
                f"On accounts {who}, the AUC is {number(auc)}"
                f" ({plural(positives, 'positive')} in {plural(rows, 'row')})."
            )
    return " ".join(texts) or "Accounts that it was and was not fitted to were not told apart."


def _contender_table(rows: tuple[Contender, ...]) -> Table:
    return Table(
        title="Contenders; the gap is the served model's AUC minus the contender's, paired, 95 %",
        columns=("model", "AUC (ROC)", "AUC (PR)", "precision at 80 % recall", "calibration error", "gap"),
        rows=tuple(
            (
                f"{one.name} (served)" if one.served else one.name,
                with_interval(one.auc_roc, one.auc_roc_ci),
                with_interval(one.auc_pr, one.auc_pr_ci),
                percent(one.precision_at_80_recall),
                percent(one.ece),
                "" if one.served else _gap(one),
            )
            for one in rows
        ),
    )


def _gap(one: Contender) -> str:
    return with_interval(one.auc_gap, one.auc_gap_ci, change)


def _notes(rows: tuple[Contender, ...]) -> tuple[Block, ...]:
    noted = [f"{one.name}: {one.note}" for one in rows if one.note]
    return (Paragraph(f"{'. '.join(note.rstrip('.') for note in noted)}."),) if noted else ()
