"""The challenger beside the champion: the same accounts at the same instant, from what was read once.

Nothing that goes wrong here costs the champion's scores anything; it is counted and said.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from stemtide.features.vectors import Vector
from stemtide.ports import SideBySide, UnavailableError
from stemtide.scoring.assess import assess
from stemtide.scoring.assessment import Assessment, Trigger
from stemtide.scoring.known_sources import Fresh

LOST: Final = (UnavailableError, ValueError, KeyError, TypeError, ArithmeticError, msgspec.MsgspecError)
"""What may go wrong with a row or a model. Anything else is a fault of the code, and ends the batch, whose
outcome the champion's scores have noted by then."""


def score_beside(
    vectors: Sequence[Vector],
    *,
    model: Any,
    fresh: Mapping[int, Fresh],
    trigger: Trigger,
    least_history_days: int,
    write: Callable[[Vector, Assessment, Trigger], object],
    side_by_side: SideBySide,
    say_lost: Callable[[int, Exception], None],
) -> int:
    """Write the challenger's score of each account; how many there are now.

    Args:
        vectors: those that the champion scored.
        model: the challenger, as `assess` takes it.
        fresh: by instant (epoch ms), which sources were fresh then.
        least_history_days: as the champion was told (`assess`): whom rules score for lack of history they
            score here, too.
        write: keeps a score once, however often it is called.
        say_lost: told how many accounts have no score of the challenger, and why the first has none.
    """
    if not vectors:
        return 0
    try:
        found = assess(model, vectors, fresh=fresh, least_history_days=least_history_days)
        assessed = list(zip(vectors, found, strict=True))
    except LOST as error:
        say_lost(len(vectors), error)
        return 0

    def written(pair: tuple[Vector, Assessment]) -> Exception | None:
        try:
            write(*pair, trigger)
        except LOST as error:
            return error
        return None

    errors = [error for error in side_by_side(written, assessed) if error is not None]
    if errors:
        say_lost(len(errors), errors[0])
    return len(assessed) - len(errors)
