"""Claims that nobody confirmed: whoever made them has died, and nobody knows whether the mail was sent."""

from collections.abc import Callable, Iterator
from typing import Protocol

from stemtide.mail.judging import LEASE_MS
from stemtide.mail.outcomes import Reason
from stemtide.mail.ports import MailRow
from stemtide.ports import ThrottledError, UnavailableError

JOB = "unconfirmed"


class OpenClaims(Protocol):
    """The claims that stand, and the end of one."""

    def open_claims(self, before_real_ms: int, /) -> Iterator[MailRow]: ...

    def mark_unknown(self, mail: MailRow, /, *, reason: Reason, at_ms: int) -> bool: ...


def settle(rows: OpenClaims, *, real_ms: int, model_ms: Callable[[int], int]) -> Iterator[MailRow]:
    """Note of every claim that is older than its lease that nobody knows; each of which that is true, to be
    told at once. One whose note has an unknown outcome is told, too: if it is noted, nobody finds it again.

    Raises:
        UnavailableError: outcome unknown; a repetition goes on.
    """
    found = list(rows.open_claims(real_ms - LEASE_MS))
    at_ms = model_ms(real_ms)
    for row in found:
        try:
            is_true = rows.mark_unknown(row, reason=Reason.ABANDONED, at_ms=at_ms)
        except ThrottledError:
            raise  # nothing was noted: it is found again
        except UnavailableError:
            yield row
            raise
        if is_true:
            yield row
