"""Elements of HTML and SVG; whatever is no markup already is escaped, so a name cannot become any."""

from typing import Final

from markupsafe import Markup, escape

from models.card.formats import clean

_VOID: Final = frozenset({"meta", "hr", "br"})


def element(tag: str, *children: str, **attributes: str | float | None) -> Markup:
    """`<tag attributes>children</tag>`; an underscore in an attribute is a hyphen, None leaves it out."""
    named = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _value(value))
        for name, value in attributes.items()
        if value is not None
    )
    opened = Markup("<{}{}>").format(tag, named)
    if tag in _VOID:
        return opened
    return opened + joined(*children) + Markup("</{}>").format(tag)


def joined(*children: str) -> Markup:
    """Markup as it is, text escaped."""
    return Markup("").join(child if isinstance(child, Markup) else escape(clean(child)) for child in children)


def coordinate(value: float) -> str:
    """A tenth of a pixel is enough."""
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def _value(value: str | float) -> str:
    return clean(value) if isinstance(value, str) else coordinate(value)
