"""What a recipient may choose: every lifecycle mail, those of some kinds, or none."""

from collections.abc import Collection
from typing import Final, Protocol

import msgspec

JOURNEYS: Final = ("win_back", "upsell", "retention")
"""The journeys whose mails a recipient may choose one by one."""


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """An address's choice: no lifecycle mail at all (`opted_out`), or none of some journeys."""

    opted_out: bool = False
    journeys_off: frozenset[str] = frozenset()

    def wants(self, journey: str) -> bool:
        """Whether a lifecycle mail of this journey may be sent."""
        return not self.opted_out and journey not in self.journeys_off


class Choices(Protocol):
    """Where addresses' choices are kept; each write returns whether it changed anything."""

    def preferences(self, address_key: str, /) -> Preferences:
        """The choice as of now."""

    def opt_out(self, address_key: str, /, *, account: str, at_ms: int, how: str) -> bool:
        """No lifecycle mail from now on."""

    def opt_in(self, address_key: str, /, *, account: str, at_ms: int, how: str) -> bool:
        """Every lifecycle mail again, unless a bounce or a complaint stands against it."""

    def choose(
        self, address_key: str, /, *, off: Collection[str], account: str, at_ms: int, how: str
    ) -> bool:
        """Lifecycle mail, but none of these journeys."""
