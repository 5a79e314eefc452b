"""Rows that take more than SQL to judge: sent through the stream's own decoder, one by one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from stemtide.calls import Bounds
from stemtide.envelope import Arrived
from stemtide.facts import Fact
from stemtide.records import decode_record

from stemtide_cli import packing
from stemtide_cli.log import Log, Row

ANY_TIME: Final = Bounds(max_lateness=timedelta(0))
"""Whatever the bound: a log's calls may be late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A row as the stream would take it: refused for a reason, or usage of an account and perhaps a fact."""

    row: int
    account: str | None
    reason: str | None = None
    detail: str | None = None
    fact: Fact | None = None


def judge(rows: Iterable[Row], log: Log, *, now_ms: int, facts: bool = False) -> Iterator[Judged]:
    """Each row with what `replay` and the aggregates would make of it.

    Args:
        rows: of the log.
        now_ms: its arrival.
        facts: the log's rows are billing facts and traits (see `facts_log`).
    """
    for row in rows:
        number, account = int(row[1]), row[3]
        packed = packing.pack([row], fingerprint=log.fingerprint, properties=log.properties, facts=facts)
        if packed.skipped:
            yield Judged(row=number, account=account, reason=next(iter(packed.skipped)))
            continue
        ((entry,),) = packed.requests
        arrived = Arrived(at_ms=now_ms, key=entry.account, bounds=ANY_TIME)
        decoded = decode_record(entry.data, arrived)
        if decoded.rejected:
            rejection = decoded.rejected[0].rejection
            yield Judged(row=number, account=account, reason=str(rejection.reason), detail=rejection.detail)
        else:
            fact = decoded.facts[0][1] if decoded.facts else None
            yield Judged(row=number, account=account, fact=fact)
