"""ROC, precision against recall, calibration."""

import math
from collections.abc import Iterator, Sequence

from markupsafe import Markup

from models.card.formats import count, known, number, percent
from models.card.plots.axes import Frame, per_cent, round_ticks
from models.card.plots.canvas import CHARACTER, WIDTH
from models.evidence import Point, RateBin

UNIT = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LABELLED_FROM = 0.5
"""The label stands above the curve from here on."""
STEPS = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
STEP_GAP = 0.07
"""Ticks stand this share of the axis apart, at least."""


def roc(points: Sequence[Point], auc: float | None, *, found: str, alarms: str, alt: str) -> Markup:
    """True against false alarms.

    Args:
        found: title of the vertical axis.
        alarms: title of the horizontal one.
    """
    frame = _unit_frame(x_title=alarms, y_title=found)
    place = [(frame.x(point.x), frame.y(point.y)) for point in points]
    corner = (frame.x(1), frame.y(0))
    frame.canvas.area([(frame.x(0), frame.y(0)), *place, corner], "shade")
    frame.canvas.line(frame.x(0), frame.y(0), frame.x(1), frame.y(1), "reference")
    frame.canvas.path(place, "curve")
    frame.canvas.words(frame.x(0.98), frame.y(0.05), f"AUC {number(auc)}", "label", "end")
    frame.canvas.words(frame.x(0.55), frame.y(0.43), "chance", "tick")
    return frame.canvas.svg(alt)


def precision_recall(
    points: Sequence[Point], base_rate: float, at_80: float | None, *, found: str, right: str, alt: str
) -> Markup:
    """Precision against recall, with the rate that guessing has."""
    highest = max([base_rate, *(point.y for point in points)])
    ticks = round_ticks(0, highest)
    frame = Frame.drawn(
        x_ticks=UNIT,
        y_ticks=ticks,
        x_title=found,
        y_title=right,
        x_show=per_cent(UNIT),
        y_show=per_cent(ticks),
    )
    frame.canvas.path([(frame.x(point.x), frame.y(point.y)) for point in points], "curve")
    frame.canvas.line(frame.x(0), frame.y(base_rate), frame.x(1), frame.y(base_rate), "reference")
    frame.canvas.words(frame.x(0.01), frame.y(base_rate) - 7, f"guessing: {percent(base_rate)}", "tick halo")
    if at_80 is not None and known(at_80):
        frame.canvas.dot(frame.x(0.8), frame.y(at_80), "point")
        above = min([frame.y(at_80), *(frame.y(point.y) for point in points if point.x >= LABELLED_FROM)])
        frame.canvas.words(frame.x(1), above - 14, f"{percent(at_80)} at 80 % found", "label halo", "end")
    return frame.canvas.svg(alt)


def calibration(bins: Sequence[RateBin], *, said: str, seen: str, alt: str) -> Markup:
    """Observed rates with their intervals against what was said; labels are positives of rows.

    Both axes grow by the square root: most probabilities are small, and the diagonal stays straight.
    """
    measured = sorted(
        ((one.predicted, one) for one in bins if one.predicted is not None and one.observed is not None),
        key=lambda pair: pair[0],
    )
    ends = [one.interval[1] if one.interval else one.observed or 0.0 for _, one in measured]
    ticks = _root_ticks(max([1e-6, *ends, *(predicted for predicted, _ in measured)]))
    show = {math.sqrt(tick): f"{100 * tick:g}" for tick in ticks}
    roots = tuple(show)
    frame = Frame.drawn(
        x_ticks=roots,
        y_ticks=roots,
        x_title=said,
        y_title=seen,
        x_show=show.__getitem__,
        y_show=show.__getitem__,
    )
    canvas = frame.canvas
    canvas.line(frame.x(0), frame.y(0), frame.x(roots[-1]), frame.y(roots[-1]), "reference")
    places: list[tuple[float, float, str]] = []
    for predicted, one in measured:
        x, observed = frame.x(math.sqrt(predicted)), one.observed or 0.0
        low, high = one.interval or (observed, observed)
        top = frame.y(math.sqrt(high))
        canvas.upright_whisker(frame.y(math.sqrt(low)), top, x)
        canvas.dot(x, frame.y(math.sqrt(observed)), "point")
        places.append((x, top, f"{count(one.positives)}/{count(one.rows)}"))
    for x, top, note in _apart(places):
        canvas.words(x, top - 9, note, "tick halo", "middle")
    return canvas.svg(alt)


def _apart(places: Sequence[tuple[float, float, str]]) -> Iterator[tuple[float, float, str]]:
    """The labels that cover neither each other nor a taller neighbour."""
    taken = 0.0
    for x, top, note in places:
        half = CHARACTER * len(note) / 2
        covers = any(other < top and 0 < abs(at - x) < half + 8 for at, other, _ in places)
        if x - half > taken and x + half < WIDTH and not covers:
            yield x, top, note
            taken = x + half + 4


def _root_ticks(top: float) -> tuple[float, ...]:
    """Round shares that cover a range and, under the square root, do not crowd."""
    last = next((step for step in STEPS if step >= top), 1.0)
    kept = [last]
    for step in reversed([step for step in STEPS if step < last]):
        if math.sqrt(kept[-1]) - math.sqrt(step) >= STEP_GAP * math.sqrt(last):
            kept.append(step)
    return tuple(sorted({0.0, *kept}))


def _unit_frame(*, x_title: str, y_title: str) -> Frame:
    show = per_cent(UNIT)
    return Frame.drawn(
        x_ticks=UNIT, y_ticks=UNIT, x_title=x_title, y_title=y_title, x_show=show, y_show=show, height=360
    )
