"""The beeswarm: every dot a row, placed by its contribution, coloured by the rank of the feature's value."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from models.card.formats import known
from models.card.plots.axes import Scale, plain, round_ticks
from models.card.plots.canvas import WIDTH, Canvas
from models.evidence import Swarm

COLOURS: Final = 5
ROW: Final = 54.0
NAME: Final = 18.0
HEAD: Final = 34.0
FOOT: Final = 52.0
PAD: Final = 14.0
DOT: Final = 4.2
"""Dots of a column stand this far apart, less where there are too many."""


def beeswarm(swarms: Sequence[Swarm], *, title: str, alt: str) -> Markup:
    """One band per feature; unknown values are grey."""
    spread = [value for swarm in swarms for value in swarm.contributions if known(value)]
    ticks = round_ticks(min([0.0, *spread]), max([0.0, *spread]))
    floor = HEAD + len(swarms) * ROW
    canvas = Canvas(floor + FOOT)
    x = Scale(ticks[0], ticks[-1], PAD + 6, WIDTH - PAD - 6)
    _legend(canvas)
    label = plain(ticks)
    for tick in ticks:
        canvas.line(x(tick), HEAD, x(tick), floor, "grid")
        canvas.words(x(tick), floor + 18, label(tick), anchor="middle")
    canvas.line(x(0), HEAD, x(0), floor, "axis")
    for place, swarm in enumerate(swarms):
        top = HEAD + place * ROW
        for style, points in _placed(swarm, x, top + NAME + (ROW - NAME) / 2).items():
            canvas.dots(points, f"bee {style}")
        canvas.words(PAD, top + 15, swarm.label, "name halo")
    canvas.words(PAD, floor + 42, title, "title")
    return canvas.svg(alt)


def _placed(swarm: Swarm, x: Scale, middle: float) -> dict[str, list[tuple[float, float]]]:
    """Dots by colour; those of one column are stacked around its middle, in the order of their values."""
    stacks: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for contribution, rank in zip(swarm.contributions, swarm.value_ranks, strict=True):
        if known(contribution):
            stacks[round(x(contribution) / DOT)].append((-1.0 if rank is None else rank, x(contribution)))
    highest = max((len(stack) for stack in stacks.values()), default=1)
    gap = min(DOT, (ROW - NAME - 4) / max(1, highest - 1))
    found: dict[str, list[tuple[float, float]]] = {_style(place): [] for place in range(-1, COLOURS)}
    for _, stack in sorted(stacks.items()):
        for place, (rank, at) in enumerate(sorted(stack)):
            y = middle + (place - (len(stack) - 1) / 2) * -gap
            found[_style(-1 if rank < 0 else min(COLOURS - 1, int(rank * COLOURS)))].append((at, y))
    return found


def _style(place: int) -> str:
    return "bee-unknown" if place < 0 else f"bee-{place}"


def _legend(canvas: Canvas) -> None:
    canvas.words(PAD, 18, "value: low", "tick")
    start = PAD + 92
    for place in range(COLOURS):
        canvas.dots([(start + 14 * place, 13)], f"bee bee-key {_style(place)}")
    canvas.words(start + 14 * COLOURS, 18, "high", "tick")
    canvas.dots([(start + 14 * COLOURS + 60, 13)], f"bee bee-key {_style(-1)}")
    canvas.words(start + 14 * COLOURS + 72, 18, "unknown", "tick")
