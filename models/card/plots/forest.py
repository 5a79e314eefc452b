"""Estimates with their intervals, one below the other, against a line."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from models.card.formats import known
from models.card.plots.axes import Scale, Show, plain, round_ticks
from models.card.plots.canvas import CHARACTER, WIDTH, Canvas
from models.evidence import Interval

ROW = 44.0
HEAD = 30.0
FOOT = 52.0
PAD = 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A named figure with its interval."""

    name: str
    note: str
    value: float | None
    interval: Interval
    style: str = "point"


def forest(
    rows: Sequence[Estimate],
    *,
    title: str,
    reference: float | None,
    reference_name: str,
    show: Show | None = None,
    alt: str,
) -> Markup:
    """Dots with whiskers; where a row was not measured it says so."""
    values = [value for row in rows for value in (row.value, *(row.interval or ())) if known(value)]
    spread = [value for value in (*values, reference) if value is not None]
    ticks = round_ticks(min(spread, default=0.0), max(spread, default=1.0))
    floor = HEAD + len(rows) * ROW
    canvas = Canvas(floor + FOOT)
    x = Scale(ticks[0], ticks[-1], PAD + 12, WIDTH - PAD - 12)
    label = show or plain(ticks)
    for tick in ticks:
        canvas.line(x(tick), HEAD, x(tick), floor, "grid")
        canvas.words(x(tick), floor + 18, label(tick), anchor="middle")
    if reference is not None:
        canvas.line(x(reference), 22, x(reference), HEAD, "reference")
        share = (x(reference) - PAD) / (WIDTH - 2 * PAD)
        anchor = "start" if share < 0.3 else "end" if share > 0.7 else "middle"
        canvas.words(x(reference), 16, reference_name, "tick", anchor)
    for place, row in enumerate(rows):
        at = HEAD + place * ROW
        canvas.words(
            PAD, at + 17, row.name, "name halo", room=WIDTH - 2 * PAD - CHARACTER * len(row.note) - 20
        )
        canvas.words(WIDTH - PAD, at + 17, row.note, "tick halo", "end")
        if reference is not None:
            canvas.line(x(reference), at + 22, x(reference), at + 40, "reference")
        if row.value is None or not known(row.value):
            continue
        if row.interval:
            canvas.whisker(x(row.interval[0]), x(row.interval[1]), at + 31)
        canvas.dot(x(row.value), at + 31, row.style)
    canvas.words(PAD, floor + 42, title, "title")
    return canvas.svg(alt)
