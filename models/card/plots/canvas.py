"""A sheet to draw on: lines, bars, dots, words. Sizes are those of a figure 480 wide; the page scales it."""

from collections.abc import Iterable
from typing import Final

from markupsafe import Markup

from models.card.formats import shortened
from models.card.markup import coordinate, element

WIDTH: Final = 480.0
CHARACTER: Final = 8.0
"""Width of an average character at the larger text size that narrow pages have."""

Points = Iterable[tuple[float, float]]


class Canvas:
    """Collects marks in drawing order."""

    def __init__(self, height: float) -> None:
        self.height = height
        self._parts: list[Markup] = []

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        """A straight line."""
        self._parts.append(element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=style))

    def path(self, points: Points, style: str) -> None:
        """A line through points."""
        steps = " ".join(f"{coordinate(x)},{coordinate(y)}" for x, y in points)
        self._parts.append(element("polyline", points=steps, class_=style))

    def area(self, points: Points, style: str) -> None:
        """The area that a line through points encloses."""
        steps = " ".join(f"{coordinate(x)},{coordinate(y)}" for x, y in points)
        self._parts.append(element("polygon", points=steps, class_=style))

    def dot(self, x: float, y: float, style: str, radius: float = 5) -> None:
        """A round mark."""
        self._parts.append(element("circle", cx=x, cy=y, r=radius, class_=style))

    def dots(self, points: Points, style: str) -> None:
        """Many small round marks of one colour: strokes without length whose caps are round."""
        steps = "".join(f"M{coordinate(x)} {coordinate(y)}h0" for x, y in points)
        if steps:
            self._parts.append(element("path", d=steps, class_=style))

    def bar(self, x: float, y: float, width: float, height: float, style: str) -> None:
        """A rectangle."""
        self._parts.append(
            element("rect", x=x, y=y, width=max(0.0, width), height=height, rx=2, class_=style)
        )

    def whisker(self, low: float, high: float, at: float, style: str = "whisker") -> None:
        """A horizontal interval."""
        self.line(low, at, high, at, style)
        for end in (low, high):
            self.line(end, at - 4, end, at + 4, style)

    def upright_whisker(self, low: float, high: float, at: float, style: str = "whisker") -> None:
        """A vertical interval."""
        self.line(at, low, at, high, style)
        for end in (low, high):
            self.line(at - 4, end, at + 4, end, style)

    def words(
        self, x: float, y: float, text: str, style: str = "tick", anchor: str = "start", room: float = WIDTH
    ) -> None:
        """A line of text, cut off where it would not fit."""
        kept = shortened(text, int(room / CHARACTER))
        self._parts.append(element("text", kept, x=x, y=y, class_=style, text_anchor=anchor))

    def svg(self, alt: str) -> Markup:
        """The drawing; `alt` says in words what is seen."""
        return element(
            "svg",
            *self._parts,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {coordinate(WIDTH)} {coordinate(self.height)}",
            role="img",
            aria_label=alt,
        )
