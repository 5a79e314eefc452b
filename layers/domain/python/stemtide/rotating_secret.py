"""A secret that is changed with an overlap: what is current and what was before are both good for a while."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec

CACHE_SECONDS: Final = 300.0
"""A replaced value keeps being good for a running function for at most this long."""
RECHECK_SECONDS: Final = 15.0
"""What no value fits makes a running function look again after this long, so that a new value is good at once
without every wrong request costing a call to Secrets Manager."""

T = TypeVar("T")


class _Secret(msgspec.Struct, frozen=True):
    """The secret's JSON; `previous` may be several."""

    current: str
    previous: str | tuple[str, ...] | None = None


@dataclass(slots=True, kw_only=True)
class RotatingSecret:
    """The values, the current one first, read from Secrets Manager (`client`) and kept for `CACHE_SECONDS`.

    `clock` gives seconds that only grow; a value that is shorter than `least_chars` is refused (0: any is
    taken, and an empty one is none).
    """

    client: Any
    secret_id: str
    clock: Callable[[], float]
    least_chars: int = 0
    _values: tuple[str, ...] = field(default=(), init=False)
    _read_at: float | None = field(default=None, init=False)

    def current(self) -> str:
        """The value that signs.

        Raises:
            ValueError: one of the values is too short.
        """
        self._refresh(CACHE_SECONDS)
        return self._values[0]

    def found(self, look: Callable[[tuple[str, ...]], T | None]) -> T | None:
        """What is found with the values; None: nothing, with the newest ones either.

        Raises:
            ValueError: one of the values is too short.
        """
        self._refresh(CACHE_SECONDS)
        first = look(self._values)
        if first is None and self._refresh(RECHECK_SECONDS):
            return look(self._values)
        return first

    def fits(self, test: Callable[[str], bool]) -> bool:
        """Whether a value passes a test; all are tried, so that the time does not tell which."""
        return self.found(lambda values: any(test(value) for value in values) or None) is not None

    def _refresh(self, max_age: float) -> bool:
        now = self.clock()
        if self._read_at is not None and now - self._read_at < max_age:
            return False
        answer = self.client.get_secret_value(SecretId=self.secret_id)
        secret = msgspec.json.decode(answer["SecretString"], type=_Secret)
        kept = (secret.previous,) if isinstance(secret.previous, str) else secret.previous or ()
        values = tuple(value for value in (secret.current, *kept) if value)
        if self.least_chars and (not secret.current or min(map(len, values)) < self.least_chars):
            raise ValueError(f"a key of {self.secret_id} has fewer than {self.least_chars} characters")
        self._values = values
        self._read_at = now
        return True
