"""How to read what the model says of an account: score, tier, interval, confidence."""

from stemtide.scoring.assessment import AT_RISK
from stemtide.scoring.confidence import (
    COMPLETE,
    HIGH_HALF_WIDTH,
    HIGH_ROWS,
    MEDIUM_HALF_WIDTH,
    MEDIUM_ROWS,
    SHORT_HISTORY_DAYS,
)

from models.card.document import Block, Paragraph, Section, Table
from models.card.formats import NOT_MEASURED, interval, percent, plural
from models.card.subject import Subject

TIERS = (("low", 0, 24), ("medium", 25, 49), ("high", 50, 74), ("critical", 75, 100))


def reading(subject: Subject) -> Section:
    """The four things that stand beside an account, and how they hang together."""
    words = subject.words
    at_risk = "" if words.is_good else f" 'At risk' is a score of {AT_RISK} or more."
    blocks: list[Block] = [
        Paragraph(
            "Probability, score and tier say the same thing three ways. The probability is the share"
            f" of such accounts that {words.do} {subject.within}; it is often a few per cent. The"
            " score, 0 to 100, is a monotone map of it in which 25, 50 and 75 stand for fixed"
            f" multiples of the usual odds. The tier follows from the score alone.{at_risk}"
        ),
        _tiers(subject),
        Paragraph(_interval(subject)),
        _confidence(),
        Paragraph(
            f"The grade is one lower when less than {100 * COMPLETE:.0f} % of the features are known, one"
            f" lower again when the account is known for less than {SHORT_HISTORY_DAYS} days, and again when"
            " a source of its data is stale."
        ),
        Paragraph(
            "The drivers are the three features that moved the account's score most, each with its"
            " value and the typical one. Contributions are exact (SHAP, log odds): those of all features"
            " and the model's base value add up to its output. They say why the model thinks so, not why"
            f" the account {words.does}."
        ),
    ]
    return Section(key="reading", title="How to read it", blocks=tuple(blocks))


def _tiers(subject: Subject) -> Table:
    knots = subject.manifest.score_map if subject.manifest else ()
    cuts = [knot.probability for knot in knots]
    observed = {tier.name: tier for tier in subject.evidence.tiers}
    rows = []
    for place, (name, low, high) in enumerate(TIERS):
        span = (
            f"{percent(cuts[place])} to {percent(cuts[place + 1])}"
            if len(cuts) > place + 1
            else "not exported"
        )
        tier = observed.get(name)
        rows.append(
            (
                name,
                f"{low} to {high}",
                span,
                percent(tier.observed) if tier else NOT_MEASURED,
                interval(tier.interval, percent) if tier else NOT_MEASURED,
                f"{tier.positives:,} of {tier.rows:,}" if tier else NOT_MEASURED,
            )
        )
    return Table(
        title="Tiers, and what came of them on the test rows",
        columns=("tier", "score", "probability", subject.words.rate, "90 % interval", f"{subject.words.did}"),
        rows=tuple(rows),
    )


def _interval(subject: Subject) -> str:
    text = (
        "The interval beside a probability is the 90 % interval of the rate observed among the calibration"
        " rows of the same bin of probability: accounts like this one, none of which its booster had seen."
        " It is Clopper and Pearson's, widened because rows of one account tell the same outcome again, and"
        " moved to where the latest outcomes say that rates are now, as far as they tell."
    )
    bins = subject.manifest.bins if subject.manifest else ()
    if not bins:
        return text
    last = bins[-1]
    return text + (
        f" In {last.positives:,} of {plural(last.rows, 'row')} of the highest bin, for example, the account"
        f" {subject.words.did}, which gives {interval((last.low, last.high), percent)}."
    )


def _confidence() -> Table:
    return Table(
        title="Confidence grades that interval",
        columns=("grade", "half width / centre, at most", "rows in the bin, at least"),
        rows=(
            ("high", f"{HIGH_HALF_WIDTH:g}", str(HIGH_ROWS)),
            ("medium", f"{MEDIUM_HALF_WIDTH:g}", str(MEDIUM_ROWS)),
            ("low", "any", "any"),
        ),
    )
