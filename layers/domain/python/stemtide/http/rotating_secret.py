"""A secret that is changed with an overlap: for a while what is current and what was before are both good."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

CACHE_SECONDS: Final = 300.0
"""A replaced value keeps being good for a running function for at most this long."""
RECHECK_SECONDS: Final = 15.0
"""What no value fits makes a running function look again after this long, so that a new value is good at once
without every wrong request costing a call to Secrets Manager."""


class _Secret(msgspec.Struct, frozen=True):
    """The secret's JSON."""

    current: str
    previous: str | None = None


@dataclass(slots=True, kw_only=True)
class RotatingSecret:
    """The values, read from Secrets Manager (`client`) and kept for `CACHE_SECONDS`.

    `clock` gives seconds that only grow.
    """

    client: Any
    secret_id: str
    clock: Callable[[], float]
    _values: tuple[str, ...] = field(default=(), init=False)
    _read_at: float | None = field(default=None, init=False)

    def fits(self, test: Callable[[str], bool]) -> bool:
        """Whether a value passes a test; all are tried, so that the time does not tell which."""
        self._refresh(CACHE_SECONDS)
        if self._matches(test):
            return True
        return self._refresh(RECHECK_SECONDS) and self._matches(test)

    def _matches(self, test: Callable[[str], bool]) -> bool:
        results = [test(value) for value in self._values]
        return any(results)

    def _refresh(self, max_age: float) -> bool:
        now = self.clock()
        if self._read_at is not None and now - self._read_at < max_age:
            return False
        answer = self.client.get_secret_value(SecretId=self.secret_id)
        secret = msgspec.json.decode(answer["SecretString"], type=_Secret)
        self._values = tuple(value for value in (secret.current, secret.previous) if value)
        self._read_at = now
        return True
