"""ROC, precision against recall, calibration."""

from collections.abc import Sequence

from markupsafe import Markup

from models.card.formats import count, known, number, percent
from models.card.plots.axes import LEFT, RIGHT, Frame, per_cent, round_ticks
from models.card.plots.canvas import WIDTH
from models.evidence import Point, RateBin

UNIT = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LABEL_GAP = 16.0


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
        frame.canvas.words(
            frame.x(0.8), frame.y(at_80) - 12, f"{percent(at_80)} at 80 % found", "label halo", "middle"
        )
    return frame.canvas.svg(alt)


def calibration(bins: Sequence[RateBin], *, said: str, seen: str, alt: str) -> Markup:
    """Observed rates with their intervals against what was said; labels are positives of rows."""
    measured = [one for one in bins if known(one.predicted) and known(one.observed)]
    top = max(
        [1e-6]
        + [one.predicted or 0.0 for one in measured]
        + [one.interval[1] if one.interval else one.observed or 0.0 for one in measured]
    )
    ticks = round_ticks(0, min(1.0, top))
    frame = Frame.drawn(
        x_ticks=ticks,
        y_ticks=ticks,
        x_title=said,
        y_title=seen,
        x_show=per_cent(ticks),
        y_show=per_cent(ticks),
    )
    frame.canvas.line(frame.x(0), frame.y(0), frame.x(ticks[-1]), frame.y(ticks[-1]), "reference")
    taken = -1e9
    for one in sorted(measured, key=lambda bin_: bin_.predicted or 0.0):
        x, y = frame.x(one.predicted or 0.0), frame.y(one.observed or 0.0)
        if one.interval:
            frame.canvas.upright_whisker(frame.y(one.interval[0]), frame.y(one.interval[1]), x)
        frame.canvas.dot(x, y, "point")
        note = f"{count(one.positives)}/{count(one.rows)}"
        half = 3.6 * len(note)
        above = frame.y(one.interval[1]) if one.interval else y
        if x - half > max(taken + 6, LEFT) and x + half < WIDTH - RIGHT:
            frame.canvas.words(x, above - 9, note, "tick halo", "middle")
            taken = x + half
    return frame.canvas.svg(alt)


def _unit_frame(*, x_title: str, y_title: str) -> Frame:
    show = per_cent(UNIT)
    return Frame.drawn(
        x_ticks=UNIT, y_ticks=UNIT, x_title=x_title, y_title=y_title, x_show=show, y_show=show, height=360
    )
