"""Claims that nobody confirmed: whoever made them has died, and nobody knows whether the mail was sent."""

from collections.abc import Callable, Iterator
from typing import Protocol

from stemtide.mail.judging import LEASE_MS
from stemtide.mail.outcomes import Reason
from stemtide.mail.ports import MailRow

JOB = "unconfirmed"


class OpenClaims(Protocol):
    """The claims that stand, and the end of one."""

    def open_claims(self, before_real_ms: int, /) -> Iterator[MailRow]: ...

    def mark_unknown(self, mail: MailRow, /, *, reason: Reason, at_ms: int) -> bool: ...


def settle(rows: OpenClaims, *, real_ms: int, model_ms: Callable[[int], int]) -> list[MailRow]:
    """Tell of every claim that is older than its lease that nobody knows; those of which that is true.

    Raises:
        UnavailableError: outcome unknown; a repetition goes on.
    """
    found = list(rows.open_claims(real_ms - LEASE_MS))
    at_ms = model_ms(real_ms)
    return [row for row in found if rows.mark_unknown(row, reason=Reason.ABANDONED, at_ms=at_ms)]
