"""What is said of a model that must not be used."""

from typing import Final, NamedTuple

REFUSED: Final = "RefusedModel"
"""The metric: how many are refused, 0 where all is well, from every function that loads models."""


class Refusal(NamedTuple):
    """A version (or a pointer's file) that must not be used, why, and the version that goes on instead (None:
    the rules score, or for a challenger nobody)."""

    refused: str
    reason: str
    kept: str | None
