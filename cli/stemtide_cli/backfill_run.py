"""The steps of a backfill, each of which may be interrupted and done again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final

import msgspec
from stemtide.as_of import day_index
from stemtide.backfill import BACKFILL_SUFFIX, is_split, made_of, nothing
from stemtide.calls import DAY_MS
from stemtide.history_keys import BACKFILL
from stemtide.history_rows import NOWHERE, HistoryRows, RowBuffer
from stemtide.ports import is_day
from stemtide.state import decode
from stemtide.store.records import Records

from stemtide_cli.ahead import one_ahead
from stemtide_cli.backfill_cutovers import Cutover, Cutovers
from stemtide_cli.backfill_days import Days, Part
from stemtide_cli.backfill_planning import Day, Known
from stemtide_cli.backfill_settling import Settling
from stemtide_cli.backfill_stage import Stage
from stemtide_cli.backfill_writing import Writer, Written

CUTOVERS: Final = "cutovers"
STOPS: Final = "stops"
PARTS: Final = "part"
BEGUN: Final = "begun"
WRITTEN: Final = "written"
LAST_LOOK: Final = "last"
"""Names the rows of the days that the last look set right, as its number does a part's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A counted log and the tables that it goes to.

    Args:
        history: where the rows of the days are kept.
        end_ms: up to where the log counts, unless an account has its own cutover.
        tables: what tells these tables from others of the same names, and from what they were before a run
            replaced days: progress in others is not theirs.
    """

    stage: Stage
    days: Days
    end_ms: int
    cutovers: Mapping[str, Cutover]
    writer: Writer
    keeper: Cutovers
    records: Records
    settling: Settling
    tables: str
    progress: Callable[[str], None]
    history: HistoryRows = NOWHERE
    told: Written = field(default_factory=Written)

    def stops(self) -> dict[str, int]:
        """Accounts (with epoch us) whose own cutover lies within a day on which the log may go on."""
        return {
            account.name: at_ms * 1000
            for account in self.days.accounts()
            if (at_ms := self.cutovers[account.name].at_ms) % DAY_MS
            and at_ms < self.end_ms
            and account.last_day >= at_ms // DAY_MS
        }

    def further_stops(self, stops: Mapping[str, int]) -> dict[str, int] | None:
        """Up to which stops the log has to be counted instead of these; None if it is counted rightly.

        They are noted: the cutovers that a run sets would be stops for its repetition, were they asked for
        anew.
        """
        noted = self.stage.noted(f"{self.tables}:{STOPS}")
        found = self.stops() if noted is None else msgspec.json.decode(noted, type=dict[str, int])
        if found.items() <= stops.items():
            return None
        self.stage.done(f"{self.tables}:{STOPS}", msgspec.json.encode(found).decode())
        return found

    @property
    def has_begun(self) -> bool:
        """Whether a run has set the cutovers, and so may have written days."""
        return self.stage.noted(f"{self.tables}:{CUTOVERS}") is not None

    def keep_cutovers(self, now_s: int) -> None:
        """First of all the cutovers: from then on the stream leaves the time before them alone.

        Args:
            now_s: from when on they are kept for so long (epoch seconds).
        """
        if not self.has_begun:
            self.progress(f"setting the cutovers of {len(self.cutovers):,} accounts")
            self.keeper.keep(self.cutovers, now_s=now_s)
            self.stage.done(f"{self.tables}:{CUTOVERS}", str(self.settling.clock()))

    def write_days(self) -> None:
        """Every day before its account's cutover, part by part; a part with other backfills stays open."""
        for part, days, known in one_ahead(self._prepared(self.days.parts())):
            written = self.writer.write(days, known)
            self._keep(str(part.number), written)
            self.told.add(written)
            self._touch(days)
            if not written.others:
                self.stage.done(self._step(part), WRITTEN)
            self.progress(f"{bar(part.share)} {part.share:.0%}, {self.told.written:,} days written")

    def check(self) -> int:
        """Days that somebody has written without knowing of the cutover, set right; how many those were."""
        noted = self.stage.noted(f"{self.tables}:{CUTOVERS}")
        self.settling.wait(float(noted or 0), self.progress)
        self.progress(f"a last look at {len(self.cutovers):,} accounts")
        found = Written()
        for told in self.writer.side_by_side(self._check, self.cutovers):
            found.add(told)
        self._keep(LAST_LOOK, found)
        self.told.for_archive += found.for_archive
        return found.written

    def _keep(self, name: str, written: Written) -> None:
        """The rows of days that are in go to the history, before their part is noted as written."""
        rows = RowBuffer(history=self.history, folder=f"{BACKFILL}{self.stage.folder.name}", name=name)
        rows.add(written.stands)
        rows.flush()
        written.stands.clear()

    def _prepared(self, parts: Sequence[Part]) -> Iterator[tuple[Part, list[Day], dict[str, Known]]]:
        for part in parts:
            step = self._step(part)
            state = self.stage.noted(step)
            if state == WRITTEN:
                continue
            names = [account.name for account in self.days.accounts(part)]
            read = partial(self._known, backfilled=state == BEGUN or self.writer.planner.again)
            known = dict(zip(names, self.writer.side_by_side(read, names), strict=True))
            self.stage.done(step, BEGUN)
            yield part, list(self._days_of(part)), known

    def _days_of(self, part: Part) -> Iterator[Day]:
        caps = self.writer.planner.caps
        for account, day, counted in self.days.read(part):
            cutover = self.cutovers[account].at_ms
            if day * DAY_MS < cutover:
                made = made_of(counted, covered_ms=cutover, caps=caps)
                yield Day(account=account, day=day, made=made)

    def _known(self, account: str, *, backfilled: bool) -> Known:
        return self.writer.patience(partial(self.writer.items.of, account, backfilled=backfilled))

    def _touch(self, days: Sequence[Day]) -> None:
        """Note the accounts' last days, as the detector does on a day's first use."""
        last = {day.account: day.sort for day in days}
        self.writer.side_by_side(
            lambda entry: self.writer.patience(partial(self.records.touch, *entry)), last.items()
        )

    def _check(self, account: str) -> Written:
        cutover, told = self.cutovers[account].at_ms, Written()
        for sort, item in self._known(account, backfilled=False).items():
            if not is_day(sort) or decode(item.blob).covered_ms is not None:
                continue
            day = day_index(date.fromisoformat(sort))
            if day * DAY_MS >= cutover:
                continue
            if self._waits(account, sort, day, cutover):
                told.for_archive.append((account, sort))
                continue
            told.add(self.writer.settle(Day(account=account, day=day, made=nothing(cutover))))
        return told

    def _waits(self, account: str, sort: str, day: int, cutover: int) -> bool:
        """Whether it is a cutover's day whose backfilled part waits beside it for the archive."""
        if not is_split(day * DAY_MS, cutover):
            return False
        near = self.writer.patience(partial(self.writer.items.of_day, account, sort))
        return sort + BACKFILL_SUFFIX in near

    def _step(self, part: Part) -> str:
        return f"{self.tables}:{PARTS}:{part.number}"


def bar(share: float, width: int = 20) -> str:
    """A share as a bar of characters."""
    full = round(share * width)
    return f"[{'#' * full}{'.' * (width - full)}]"
