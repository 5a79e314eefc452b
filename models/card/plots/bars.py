"""Rates and shares as bars: deciles as columns, everything that has names as rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from models.card.formats import known, percent
from models.card.plots.axes import BOTTOM, LEFT, RIGHT, Frame, Scale, per_cent, round_ticks
from models.card.plots.canvas import CHARACTER, WIDTH, Canvas
from models.evidence import Interval

ROW = 46.0
HEAD = 12.0
REFERENCE_HEAD = 30.0
FOOT = 52.0
PAD = 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A named rate; `note` stands at the right end of its name's line."""

    name: str
    note: str
    value: float | None
    interval: Interval = None
    style: str = "bar"


def columns(rows: Sequence[Row], *, x_title: str, y_title: str, reference: float, alt: str) -> Markup:
    """Columns with intervals, from left to right, and a line to compare them with."""
    top = max([reference, *(_end(row) for row in rows)])
    ticks = round_ticks(0, top)
    frame = Frame.drawn(
        x_ticks=(0.0, float(len(rows))), y_ticks=ticks, x_title=x_title, y_title=y_title, x_show=lambda _: ""
    )
    step = (WIDTH - RIGHT - LEFT) / len(rows)
    floor = frame.canvas.height - BOTTOM
    frame.canvas.line(LEFT, frame.y(reference), WIDTH - RIGHT, frame.y(reference), "reference")
    for place, row in enumerate(rows):
        middle = LEFT + (place + 0.5) * step
        frame.canvas.words(middle, floor + 21, row.name, anchor="middle", room=step + 8)
        if row.value is None or not known(row.value):
            continue
        y = frame.y(row.value)
        frame.canvas.bar(middle - 0.36 * step, y, 0.72 * step, floor - y, row.style)
        if row.interval:
            frame.canvas.upright_whisker(frame.y(row.interval[0]), frame.y(row.interval[1]), middle)
        above = frame.y(_end(row)) - 8
        frame.canvas.words(middle, above, row.note, "tick halo", "middle", room=step + 14)
    return frame.canvas.svg(alt)


def rows_of_rates(
    rows: Sequence[Row], *, title: str, reference: float | None = None, reference_name: str = "", alt: str
) -> Markup:
    """Bars from zero with their names above them, intervals, and a line to compare them with."""
    top = max([1e-6, reference or 0.0, *(_end(row) for row in rows)])
    head = HEAD if reference is None else REFERENCE_HEAD
    canvas, x = _sheet(len(rows), ROW, round_ticks(0, top), title, head)
    if reference is not None:
        _named_reference(canvas, x(reference), reference_name)
    for place, row in enumerate(rows):
        at = head + place * ROW
        _names(canvas, at + 16, row.name, row.note)
        if row.value is None or not known(row.value):
            canvas.words(PAD, at + 35, "not measured", "tick")
            continue
        canvas.bar(PAD, at + 23, x(row.value) - PAD, 14, row.style)
        if reference is not None:
            canvas.line(x(reference), at + 20, x(reference), at + 40, "reference")
        if row.interval:
            canvas.whisker(x(row.interval[0]), x(row.interval[1]), at + 30)
    return canvas.svg(alt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two shares of one group."""

    name: str
    note: str
    first: float | None
    second: float | None


def pairs(rows: Sequence[Pair], *, title: str, first: str, second: str, alt: str) -> Markup:
    """Two bars each, explained in a legend at the head."""
    top = max([1e-6] + [value for row in rows for value in (row.first, row.second) if value is not None])
    canvas, x = _sheet(len(rows), ROW + 18, round_ticks(0, top), title, HEAD + 26)
    canvas.bar(PAD, 8, 14, 14, "bar")
    canvas.words(PAD + 20, 20, first, "tick")
    start = PAD + 40 + CHARACTER * len(first)
    canvas.bar(start, 8, 14, 14, "bar-second")
    canvas.words(start + 20, 20, second, "tick")
    for place, row in enumerate(rows):
        at = HEAD + 26 + place * (ROW + 18)
        _names(canvas, at + 16, row.name, row.note)
        for value, y, style in ((row.first, at + 23, "bar"), (row.second, at + 40, "bar-second")):
            if value is None:
                canvas.words(PAD, y + 12, "not measured", "tick")
                continue
            canvas.bar(PAD, y, x(value) - PAD, 14, style)
            canvas.words(x(value) + 6, y + 12, percent(value), "tick halo")
    return canvas.svg(alt)


def _sheet(
    rows: int, height: float, ticks: tuple[float, ...], title: str, head: float
) -> tuple[Canvas, Scale]:
    """A sheet with an axis of shares at its foot, and the scale."""
    floor = head + rows * height
    canvas = Canvas(floor + FOOT)
    x = Scale(ticks[0], ticks[-1], PAD, WIDTH - PAD - 46)
    show = per_cent(ticks)
    for tick in ticks:
        canvas.line(x(tick), head, x(tick), floor, "grid")
        canvas.words(x(tick), floor + 18, show(tick), anchor="middle")
    canvas.words(PAD, floor + 42, title, "title")
    return canvas, x


def _names(canvas: Canvas, y: float, name: str, note: str) -> None:
    wide = CHARACTER * len(note) + 20
    canvas.words(PAD, y, name, "name halo", room=WIDTH - 2 * PAD - wide)
    canvas.words(WIDTH - PAD, y, note, "tick halo", "end")


def _named_reference(canvas: Canvas, x: float, name: str) -> None:
    anchor = "start" if x < WIDTH / 4 else "end" if x > 3 * WIDTH / 4 else "middle"
    canvas.words(x, 16, name, "tick", anchor)
    canvas.line(x, 21, x, REFERENCE_HEAD, "reference")


def _end(row: Row) -> float:
    values = (row.value, row.interval[1] if row.interval else None)
    return max((value for value in values if value is not None and known(value)), default=0.0)
