"""The one instant of each account before which the backfill counts, and from which on the stream does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Final

from stemtide.as_of import day_index
from stemtide.backfill import cutover_of, nothing, streamed_since
from stemtide.calls import iso_of
from stemtide.ports import CUTOVER_SORT, SideBySide, UsageRow, is_day
from stemtide.state import decode, encode
from stemtide.store.backfill_items import BackfillItems
from stemtide.store.batches import MAX_PUTS

from stemtide_cli.backfill_writing import Patience
from stemtide_cli.errors import CliError

KEPT: Final = timedelta(days=36_500)
"""A cutover goes with its account: without it a late call of the backfilled time would count again."""
SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutover:
    """An account's cutover (epoch ms); `stored` if it was set before; whether the account was streamed.

    `between` are the days on which the stream has counted calls after the end of the data and before the
    cutover: nobody else knows of them.
    """

    at_ms: int
    stored: bool
    streamed: bool
    between: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutovers:
    """Decides and keeps cutovers."""

    items: BackfillItems
    patience: Patience
    side_by_side: SideBySide

    def decide(
        self, accounts: Sequence[str], *, end_ms: int, asked: bool, reach_ms: int | None = None
    ) -> dict[str, Cutover]:
        """Each account's: the one it has, else `end_ms` if that was asked for, else by `cutover_of`.

        Args:
            reach_ms: up to where the data says what has happened, if that is not the end.

        Raises:
            CliError: an account has another one than was asked for.
        """
        found = self.side_by_side(partial(self._known, beyond_ms=reach_ms), accounts)
        decided: dict[str, Cutover] = {}
        for account, (stored, since, beyond) in zip(accounts, found, strict=True):
            chosen = end_ms if asked else cutover_of(since, end_ms)
            decided[account] = Cutover(
                at_ms=chosen if stored is None else stored,
                stored=stored is not None,
                streamed=since is not None,
                between=sum(first_ms < chosen for first_ms in beyond) if stored is None else 0,
            )
        if asked:
            _refuse_others({account: cut.at_ms for account, cut in decided.items()}, end_ms)
        return decided

    def keep(self, cutovers: Mapping[str, Cutover], *, now_s: int) -> None:
        """Write those that are not stored: from then on the stream drops what it brings of the time before.

        Raises:
            CliError: another backfill has set another one meanwhile.
        """
        expires_at = now_s + int(KEPT.total_seconds())
        rows = [
            UsageRow(
                account=account,
                sort=CUTOVER_SORT,
                version=1,
                blob=encode(nothing(cutover.at_ms).state),
                events=0,
                expires_at=expires_at,
            )
            for account, cutover in cutovers.items()
            if not cutover.stored
        ]
        cut = [rows[at : at + MAX_PUTS] for at in range(0, len(rows), MAX_PUTS)]
        self.side_by_side(self._put, cut)

    def _known(self, account: str, *, beyond_ms: int | None) -> tuple[int | None, int | None, list[int]]:
        """The cutover, since when it is streamed, and when the days with calls after an instant begin."""
        items = self.patience(partial(self.items.of, account))
        cutover = items.get(CUTOVER_SORT)
        days = [
            (day_index(date.fromisoformat(sort)), decode(item.blob))
            for sort, item in items.items()
            if is_day(sort)
        ]
        beyond = [
            state.first_ms or 0
            for _, state in days
            if beyond_ms is not None and state.covered_ms is None and (state.last_ms or 0) >= beyond_ms
        ]
        return None if cutover is None else decode(cutover.blob).covered_ms, streamed_since(days), beyond

    def _put(self, rows: list[UsageRow]) -> None:
        while rows:
            refused = self.patience(partial(self.items.put, rows))
            if not refused:
                return
            self._check(rows[index] for index in refused)
            rows = [row for index, row in enumerate(rows) if index not in refused]

    def _check(self, rows: Iterable[UsageRow]) -> None:
        """Those that are there already must be the same: then an answer was lost."""
        for row in rows:
            stored = self.patience(partial(self.items.of, row.account)).get(CUTOVER_SORT)
            if stored is None or stored.blob != row.blob:
                raise CliError(
                    f"another backfill has set the cutover of {row.account} at this moment",
                    hint="wait for its end and run the command again",
                )


def _refuse_others(cutovers: Mapping[str, int], asked_ms: int) -> None:
    others = {account: at_ms for account, at_ms in cutovers.items() if at_ms != asked_ms}
    if not others:
        return
    shown = ", ".join(f"{account} {iso_of(at_ms)}" for account, at_ms in list(others.items())[:SHOWN])
    raise CliError(
        f"{len(others):,} accounts were backfilled with another cutover than {iso_of(asked_ms)}: {shown}"
        f"{' …' if len(others) > SHOWN else ''}",
        hint="an account has one cutover for good: leave --cutover out, and each keeps its own",
    )


def refuse_losses(cutovers: Mapping[str, Cutover], reach_ms: int) -> None:
    """Raise the CliError of what the stream has counted between the end of the data and the cutovers."""
    lost = {account: cutover for account, cutover in cutovers.items() if cutover.between}
    if not lost:
        return
    days = sum(cutover.between for cutover in lost.values())
    shown = ", ".join(f"{account} {iso_of(cutover.at_ms)}" for account, cutover in list(lost.items())[:SHOWN])
    raise CliError(
        f"the data ends at {iso_of(reach_ms)}; between then and the cutover only the stream has counted"
        f" {days:,} days of {len(lost):,} accounts, which would be lost: {shown}"
        f"{' …' if len(lost) > SHOWN else ''}",
        hint="leave --cutover and --until out (the cutover is then where the data ends), give an export that"
        " reaches the cutover, or drop those days with --discard-streamed",
    )
