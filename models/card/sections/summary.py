"""The first page: what the model says, how good it is, what it is for, what to bear in mind."""

from models.card.cautions import cautions_of
from models.card.document import Block, Bullets, Cautions, KeyFigure, KeyFigures, Paragraph, Section
from models.card.formats import (
    capital,
    count,
    interval,
    number,
    percent,
    plural,
    times,
    with_interval,
)
from models.card.subject import Subject

GRADES = ((0.7, "weakly"), (0.8, "moderately well"), (0.9, "well"), (1.01, "very well"))
STANDING = (
    "It describes the customers, the product and the time of its log. Other products, new kinds of"
    " customers and later years are a different matter until they are measured.",
    "The interval of an account is that of accounts with a similar probability: no statement about the one.",
    "Accounts with little history, and accounts whose sources are missing, get a lower confidence.",
)


def in_short(subject: Subject) -> Section:
    """What it says and how good that is, in plain words."""
    words = subject.words
    says = (
        f"For every account this model gives the probability that it {words.does} {subject.within}."
        f" A high score means that {words.high_score}."
    )
    blocks: list[Block] = [Paragraph(says), Paragraph(_how_good(subject))]
    if subject.figure("auc_roc") is not None:
        blocks.append(_key_figures(subject))
    return Section(key="summary", title="In short", blocks=tuple(blocks))


def purpose(subject: Subject) -> Section:
    """What it may be used for, and what not."""
    words = subject.words
    uses = tuple(use.format(noun=words.noun) for use in words.uses)
    return Section(
        key="purpose",
        title="What it is for, and not for",
        blocks=(Bullets(uses, "Made for"), Bullets(words.misuses, "Not made for")),
    )


def caveats(subject: Subject) -> Section:
    """Limits: those of this model, derived from its figures, and those that every such model has."""
    found = cautions_of(subject)
    first: Block = Cautions(found)
    if not found:
        first = Paragraph("No figure below gives cause for a warning of its own.")
    return Section(
        key="caveats",
        title="Limits and caveats",
        blocks=(first, Bullets(STANDING, "As with every such model")),
    )


def _how_good(subject: Subject) -> str:
    rows, words, auc = subject.evidence.rows, subject.words, subject.figure("auc_roc")
    found = subject.interval("auc_roc_ci")
    if auc is None:
        return f"How good it is was not measured on later time: {subject.note or 'the figure is missing'}."
    tested = (
        f"It was tested on {plural(rows.test, 'row')} (an account on a day) of"
        f" {plural(rows.test_accounts, 'account')}, rows that it was not fitted to; in"
        f" {count(rows.test_positives)} of them ({percent(subject.base_rate)}) the account {words.did}."
    )
    certain = f" (95 % interval {_hundredths(found)})" if found else ""
    ranks = (
        f" Given one account that {words.does} and one that {words.does_not}, it puts the first ahead in"
        f" {100 * auc:.0f} of 100 cases{certain}; guessing would in 50{_single(subject)}."
    )
    return tested + ranks + _verdict(subject, auc)


def _single(subject: Subject) -> str:
    floor, feature = subject.figure("baseline_auc_roc"), subject.metrics.get("baseline_feature")
    if floor is None or feature is None:
        return ""
    return f", the best single feature ('{subject.label(str(feature))}') in {100 * floor:.0f}"


def _verdict(subject: Subject, auc: float) -> str:
    found, words = subject.interval("auc_roc_ci"), subject.words
    if found and found[0] <= 0.5:
        return f" So it is not shown to tell those who {words.do} from the others at all."
    grade = next(word for limit, word in GRADES if auc < limit)
    few = subject.evidence.rows.test_positives < 100
    return f" It tells the two apart {grade}" + (", as far as so few positives can show." if few else ".")


def _hundredths(found: tuple[float, float]) -> str:
    return f"{100 * found[0]:.0f} to {100 * found[1]:.0f}"


def _key_figures(subject: Subject) -> KeyFigures:
    rows, words, coverage = subject.evidence.rows, subject.words, subject.evidence.coverage
    found = subject.interval("auc_roc_ci")
    items = [
        KeyFigure(
            "Ranking (AUC)",
            number(subject.figure("auc_roc"), 2),
            f"95 % interval {interval(found, lambda v: number(v, 2))}; chance is 0.50",
        ),
        KeyFigure(
            "Positives in the test",
            count(rows.test_positives),
            f"of {plural(rows.test, 'row')}: a {words.rate} of {percent(subject.base_rate)}",
        ),
        KeyFigure(
            "Top tenth",
            times(subject.figure("lift_top_decile")),
            f"the average {words.rate}, in the tenth of the rows that is ranked highest",
        ),
        KeyFigure(
            "Precision at 80 % recall",
            percent(subject.figure("precision_at_80_recall")),
            "are right when one looks far enough down the list to find four in five of those who"
            f" {words.did}",
        ),
        KeyFigure(
            "Calibration error",
            percent(subject.figure("ece")),
            "how far probability and observed rate lie apart on average",
        ),
        KeyFigure(
            "Intervals that held",
            f"{coverage.covered} of {coverage.bins}" if coverage.bins else percent(None),
            "of the served 90 % intervals, on later time",
        ),
    ]
    return KeyFigures(tuple(items))


def subtitle(subject: Subject) -> str:
    """One line under the title."""
    auc = with_interval(
        subject.figure("auc_roc"), subject.interval("auc_roc_ci"), lambda value: number(value, 2)
    )
    return f"{capital(subject.words.noun)} {subject.within}, AUC {auc} on rows it was not fitted to"
