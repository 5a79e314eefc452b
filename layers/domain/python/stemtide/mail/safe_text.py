"""Text of any origin, made harmless for subject, plain text and page alike: one line, nothing unseen."""

import re
import unicodedata
from typing import Final

ELLIPSIS: Final = "…"
_JOINERS: Final = frozenset("\u200c\u200d")
"""Unseen, but words of Persian and families of emoji fall apart without them."""
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co"})
"""Controls, unseen format characters (those that turn the direction of text, too), halves of characters, and
characters without a meaning of their own."""
_MARKS: Final = frozenset({"Mn", "Me"})
MOST_MARKS: Final = 3
"""Marks on one letter: more than that is no language but a letter that grows over the lines around it."""
_SCHEME: Final = re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://", re.IGNORECASE)
_LOOKS_LIKE_A_LINK: Final = re.compile(r"[/@\\]|\bwww\.|\w\.\w{2}", re.IGNORECASE)


def one_line(text: str, *, most: int) -> str:
    """The text in one line of at most `most` characters, without what is not seen; may be empty.

    A scheme (`https://`) is left out: mail programs would make a link of it that we never wrote. A text that
    is nothing else keeps its letters.
    """
    spaced = (" " if c.isspace() else c for c in text)
    seen = "".join(c for c in spaced if c in _JOINERS or unicodedata.category(c) not in _DROPPED)
    composed = unicodedata.normalize("NFC", _few_marks(unicodedata.normalize("NFC", seen)))
    left = _without_scheme(composed).split() or composed.replace("://", " ").split()
    return _cut(" ".join(left), most)


def person(text: str, *, most: int) -> str:
    """A person's name as it may stand in a greeting; empty when it looks like an address or a link.

    Whoever signs up types any name, and a name that is a link would be advertised by us.
    """
    name = one_line(text, most=most)
    return "" if _LOOKS_LIKE_A_LINK.search(name) else name


def _without_scheme(text: str) -> str:
    """What is left when no scheme is: leaving one out may bring its two halves around it together."""
    while (shorter := _SCHEME.sub("", text)) != text:
        text = shorter
    return text


def _few_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for c in text:
        marks = marks + 1 if unicodedata.category(c) in _MARKS else 0
        if marks <= MOST_MARKS:
            kept.append(c)
    return "".join(kept)


def _cut(text: str, most: int) -> str:
    """The beginning of a text, never in the middle of a letter with its marks or of a joined emoji."""
    if len(text) <= most:
        return text
    end = most - len(ELLIPSIS)
    while end > 0 and (_belongs_to_what_is_before(text[end]) or text[end - 1] in _JOINERS):
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def _belongs_to_what_is_before(c: str) -> bool:
    return c in _JOINERS or unicodedata.category(c) in _MARKS or "\U0001f3fb" <= c <= "\U0001f3ff"
