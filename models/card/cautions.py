"""What to bear in mind of a model, derived from its figures: every caution has its condition."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from models.card.document import Caution, Level
from models.card.formats import (
    count,
    interval,
    number,
    percent,
    plural,
    sentence_list,
    share,
    with_interval,
)
from models.card.subgroup_cautions import of_subgroups
from models.card.subject import Subject

MIN_TEST_POSITIVES: Final = 30
"""Fewer give an AUC whose interval is some 0.2 wide."""
MIN_FIT_POSITIVES: Final = 50
"""Fewer tell a few coarse patterns apart at most."""
MAX_ECE: Final = 0.02
TOO_GOOD_AUC: Final = 0.97
"""Published churn models reach 0.75 to 0.85."""
MIN_COVERAGE: Final = 0.8
"""Of ten intervals of 90 %, seven or fewer hold in 7 % of the cases by chance."""
MAX_RATE_RATIO: Final = 1.5
MAX_TREATED: Final = 0.1
MAX_SHARE: Final = 0.5
MIN_PART_POSITIVES: Final = 10
MAX_AUC_DROP: Final = 0.05


def cautions_of(subject: Subject) -> tuple[Caution, ...]:
    """All that apply, warnings before notes."""
    sources = (_positives, _ranking, _rivals, _probabilities, _tiers, _data, _inputs, _export, of_subgroups)
    found = [caution for source in sources for caution in source(subject)]
    return tuple(sorted(found, key=lambda caution: caution.level != "warning"))


def _caution(key: str, title: str, text: str, level: Level = "warning") -> Caution:
    return Caution(key=key, level=level, title=title, text=text)


def _positives(subject: Subject) -> Iterator[Caution]:
    rows, words = subject.evidence.rows, subject.words
    if not rows.test_positives:
        yield _caution(
            "not-measured",
            "Not measured on later time",
            f"{subject.note or 'No test row was a positive'}: how well this model does is not known.",
        )
    elif rows.test_positives < MIN_TEST_POSITIVES:
        yield _caution(
            "few-test-positives",
            "Few positives in the test",
            f"In only {plural(rows.test_positives, 'test row')} the account {words.did}. With fewer than"
            f" {MIN_TEST_POSITIVES}, a handful of accounts more or less would change every figure: read"
            " the intervals, not the figures.",
        )
    if rows.fit_positives < MIN_FIT_POSITIVES:
        measured = "The recipe that was measured" if subject.is_recipe else "The model"
        yield _caution(
            "few-fit-positives",
            "Few positives to learn from",
            f"{measured} was fitted to {plural(rows.fit_positives, 'row')} in which the account"
            f" {words.did}. It can have learnt coarse patterns only.",
        )


def _ranking(subject: Subject) -> Iterator[Caution]:
    auc, found = subject.figure("auc_roc"), subject.interval("auc_roc_ci")
    floor, name = subject.figure("baseline_auc_roc"), subject.metrics.get("baseline_feature")
    if found and found[0] <= 0.5:
        yield _caution(
            "chance",
            "Not shown to be better than chance",
            f"The 95 % interval of the AUC, {interval(found)}, includes 0.5.",
        )
    if auc is not None and auc >= TOO_GOOD_AUC:
        yield _caution(
            "too-good",
            "Better than such models usually are",
            f"An AUC of {number(auc)} is rarely real: check that no feature knows the outcome already.",
        )
    if auc is not None and floor is not None:
        label = f"'{subject.label(str(name))}'"
        if floor >= auc:
            yield _caution(
                "below-feature",
                "No better than a single feature",
                f"{label} alone reaches an AUC of {number(floor)}, the model {with_interval(auc, found)}.",
            )
        elif found and found[0] <= floor:
            yield _caution(
                "near-feature",
                "The lead over a single feature is uncertain",
                f"{label} alone reaches {number(floor)}, which lies within the model's interval"
                f" ({interval(found)}).",
                "note",
            )
    yield from _newcomers(subject, auc)


def _newcomers(subject: Subject, auc: float | None) -> Iterator[Caution]:
    theirs, rows, positives = subject.part("unseen_accounts")
    if not subject.metrics.get("unseen_accounts"):
        return
    if positives < MIN_PART_POSITIVES:
        yield _caution(
            "unseen-unknown",
            "Not tested on new accounts",
            f"Of accounts that the model was not fitted to there are {plural(rows, 'test row')} with"
            f" {plural(positives, 'positive')}: how it does on customers it has never met is not known.",
            "note",
        )
    elif theirs is not None and auc is not None and theirs < auc - MAX_AUC_DROP:
        yield _caution(
            "unseen-worse",
            "Weaker on accounts it has not met",
            f"Their AUC is {number(theirs)} ({positives:,} of {rows:,} rows), that of all {number(auc)}.",
        )


def _rivals(subject: Subject) -> Iterator[Caution]:
    served = subject.served
    for rival in subject.rivals:
        gap = rival.auc_gap_ci
        apart = bool(
            gap is None
            and served
            and served.auc_roc_ci
            and rival.auc_roc_ci
            and rival.auc_roc_ci[0] > served.auc_roc_ci[1]
        )
        if apart or (gap is not None and gap[1] < 0):
            detail = (
                f"the served model's AUC minus its own is {with_interval(rival.auc_gap, gap)}"
                if gap
                else f"its AUC is {with_interval(rival.auc_roc, rival.auc_roc_ci)}"
            )
            yield _caution(
                f"rival-{rival.name}",
                f"'{rival.name}' ranks better",
                f"On the same rows {detail}, an interval that lies wholly on its side. This model is served"
                " nevertheless: it can be exported and explained exactly.",
            )


def _probabilities(subject: Subject) -> Iterator[Caution]:
    ece, coverage, rows = subject.figure("ece"), subject.evidence.coverage, subject.evidence.rows
    if ece is not None and ece > MAX_ECE:
        yield _caution(
            "ece",
            "Probabilities are off",
            f"On average they miss the observed rate by {percent(ece)} (limit {percent(MAX_ECE)}): use"
            " the order of the accounts rather than the probability itself.",
        )
    if coverage.share is not None and coverage.share < MIN_COVERAGE:
        yield _caution(
            "coverage",
            "Intervals are too narrow",
            f"Of the {coverage.bins} intervals of 90 % that are served, {coverage.covered} held on"
            " later time.",
        )
    before, after = share(rows.fit_positives, rows.fit), share(rows.test_positives, rows.test)
    if before and after and not 1 / MAX_RATE_RATIO <= after / before <= MAX_RATE_RATIO:
        yield _caution(
            "rate-moved",
            f"The {subject.words.rate} changed over time",
            f"It was {percent(before)} in the fitted rows and {percent(after)} in the test rows. What"
            " moved it may go on moving.",
        )


def _tiers(subject: Subject) -> Iterator[Caution]:
    order = {name: place for place, name in enumerate(("low", "medium", "high", "critical"))}
    tiers = sorted(subject.evidence.tiers, key=lambda tier: order.get(tier.name, len(order)))
    seen = [tier for tier in tiers if tier.observed is not None]
    turned = [
        f"'{above.name}' ({percent(above.observed)} of {count(above.rows)}) lies below '{below.name}'"
        f" ({percent(below.observed)} of {count(below.rows)})"
        for below, above in pairwise(seen)
        if (above.observed or 0.0) < (below.observed or 0.0)
    ]
    if turned:
        yield _caution("tiers-turned", "Tiers are not in order", f"Observed: {sentence_list(turned)}.")
    empty = [f"'{tier.name}'" for tier in tiers if not tier.rows]
    if empty:
        yield _caution(
            "tiers-empty",
            "Tiers without rows",
            f"No test row fell into {sentence_list(empty)}: what that tier is worth was not measured.",
            "note",
        )


def _data(subject: Subject) -> Iterator[Caution]:
    rows, left = subject.evidence.rows, subject.evidence.survivorship
    if left.left and not left.left_in_fit:
        yield _caution(
            "survivors",
            "Learnt from survivors",
            f"{plural(left.left, 'account')} left, none of which was gone when the test began and is among"
            " the fitted rows.",
        )
    treated = share(rows.treated, rows.treated + rows.fit + rows.test)
    if treated and treated > MAX_TREATED:
        yield _caution(
            "treated",
            "Many accounts were being treated",
            f"{plural(rows.treated, 'row')} of accounts under treatment were left out ({percent(treated)}):"
            " the rest are those that nobody thought needed it.",
            "note",
        )
    if rows.first_test_snapshot is not None and rows.first_test_snapshot == rows.last_test_snapshot:
        yield _caution(
            "one-day",
            "Tested on one day",
            f"All test rows are of {rows.first_test_snapshot}: a season or a slow change would not show.",
            "note",
        )
    for place, note in enumerate(subject.notes, 1):
        yield _caution(f"log-{place}", "Of the data", f"{note}.", "note")


def _inputs(subject: Subject) -> Iterator[Caution]:
    first = max(subject.evidence.importance, key=lambda one: one.share, default=None)
    if first is not None and first.share > MAX_SHARE:
        yield _caution(
            "one-feature",
            "Rests on one feature",
            f"'{first.label}' makes up {percent(first.share)} of all contributions: when its source fails, so"
            " does the model.",
        )
    for one in subject.evidence.ablations:
        if one.auc_change_ci and one.auc_change_ci[0] > 0:
            yield _caution(
                f"group-{one.group}",
                f"Better without '{one.group}'",
                "Left out, the AUC on the test rows rises by"
                f" {with_interval(one.auc_change, one.auc_change_ci)}.",
            )


def _export(subject: Subject) -> Iterator[Caution]:
    if not subject.parity:
        yield _caution(
            "parity",
            "Exported graph not compared",
            "What serves was not compared with what was trained.",
            "note",
        )
