"""What a recipient may choose: every lifecycle mail, those of some kinds, or none."""

from collections.abc import Collection
from typing import Final, Protocol

import msgspec

from stemtide.mail.ports import JOURNEY_STOPS

JOURNEYS: Final = tuple(JOURNEY_STOPS)
"""The journeys whose mails a recipient may choose one by one."""


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """An address's choice: no lifecycle mail at all (`opted_out`), or none of some journeys.

    `stopped`: a bounce, a complaint or a person stops mail to it, whatever its owner chooses.
    """

    opted_out: bool = False
    journeys_off: frozenset[str] = frozenset()
    stopped: bool = False


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
