"""The part of `stemtide.toml` that says who collects unpaid invoices."""

from enum import StrEnum


class CollectionOwner(StrEnum):
    """Who collects: the provider while we look on, the provider while we write, or we."""

    OBSERVE = "observe"
    ASSIST = "assist"
    OWN = "own"
