"""A usage drop: that an account's usage fell by a configured rule, found as of an instant."""

from typing import Any

import msgspec


class Drop(msgspec.Struct, frozen=True, kw_only=True):
    """One account's drop by one rule; at most one per rule and day of `as_of_ms`.

    `figures` are what the rule compared, by name, as JSON values.
    """

    account: str
    rule: str
    as_of_ms: int
    figures: dict[str, Any] = {}
