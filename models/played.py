"""What a deployed stack's own plays teach: outcomes from the end of the day on which they became known, and
who was treated when."""

from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Mapping as Dict
from typing import TypeVar

import msgspec
from stemtide.as_of import end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.config_training import Reactivated
from stemtide.plays.labels import Label
from stemtide.plays.play import Journey, Outcome
from stemtide.plays.treated import Treated

from models.plays import Plays, Treatment
from models.targets import OfEnd, PlayOutcome

Found = TypeVar("Found")


def known_labels(labels: Iterable[Label], *, as_of_day: int) -> list[Label]:
    """The labels that were known at the end of a day (since 1970-01-01), one a play, by when they became
    known: one that is told again, or later, is the one that was told first."""
    end_ms = end_of_day_ms(as_of_day)
    first: dict[str, Label] = {}
    for label in sorted((one for one in labels if one.known_ms <= end_ms), key=_order):
        first.setdefault(label.play, label)
    return list(first.values())


def plays_of(
    labels: Iterable[Label], treated: Iterable[Treated], *, as_of_day: int, reactivated: Reactivated
) -> Plays:
    """What plays had told by the end of a day, as if nothing had come or become known later.

    Args:
        labels: of outcomes; what became known later is left out, what is told twice counts once.
        treated: whoever something is done about, also where the outcome is not known yet.
        reactivated: what a customer counts as who came back within the time of its play.
    """
    known = known_labels(labels, as_of_day=as_of_day)
    outcomes = _by_account((one.account, _outcome(one, reactivated)) for one in known)
    end_ms = end_of_day_ms(as_of_day)
    begun = [one for one in sorted(treated, key=_begin) if one.from_ms <= end_ms]
    return Plays(
        outcomes=outcomes,
        treatments=_by_account((one.account, _treatment(one, end_ms)) for one in begun),
        are_own=True,
    )


def _outcome(label: Label, reactivated: Reactivated) -> PlayOutcome:
    return PlayOutcome(
        day=label.known_ms // DAY_MS, outcome=str(label.outcome), of_end=_of_end(label, reactivated)
    )


def _of_end(label: Label, reactivated: Reactivated) -> OfEnd | None:
    """What it says of the subscription that had ended; a retention play asks of one that has not."""
    if label.journey is not Journey.WIN_BACK:
        return None
    is_lost = label.outcome is Outcome.LOST or reactivated is Reactivated.LEFT
    return OfEnd(ended=label.started_ms // DAY_MS, until=label.at_ms // DAY_MS, is_lost=is_lost)


def _treatment(one: Treated, end_ms: int) -> Treatment:
    ended = None if one.until_ms is None or one.until_ms > end_ms else one.until_ms // DAY_MS
    return Treatment(start=one.from_ms // DAY_MS, end=ended, answers_loss=one.journey is Journey.WIN_BACK)


def _by_account(rows: Iterable[tuple[str, Found]]) -> Dict[str, tuple[Found, ...]]:
    found: dict[str, list[Found]] = defaultdict(list)
    for account, one in rows:
        found[account].append(one)
    return {account: tuple(of_account) for account, of_account in found.items()}


def _begin(one: Treated) -> tuple[str, int, str]:
    return one.account, one.from_ms, one.journey


def _order(label: Label) -> tuple[int, str, bytes]:
    return label.known_ms, label.play, msgspec.json.encode(label)
