"""What a backfill was asked for, and what it has found and done."""

from dataclasses import dataclass

from stemtide.calls import DAY_MS

from stemtide_cli.backfill_cutovers import Cutover
from stemtide_cli.backfill_facts import Told
from stemtide_cli.backfill_stage import Totals
from stemtide_cli.backfill_writing import Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command line asks for; instants in epoch ms, `until_ms` the first one that is left out."""

    cutover_ms: int | None
    until_ms: int | None
    replace: bool
    dry_run: bool
    now_ms: int
    discard: bool = False
    """Drop what the stream has counted between the data's end and the cutover."""

    @property
    def stop_us(self) -> int | None:
        """The first instant that the log does not count, as far as it is known before the log is."""
        stop = self.cutover_ms if self.cutover_ms is not None else self.until_ms
        return None if stop is None else stop * 1000

    def end_ms(self, totals: Totals) -> int:
        """Up to where the log counts: as asked for, else up to its last call, or its last whole day.

        A last call at midnight sharp is that of a log of days: it stands for all of its day, if that is over.
        """
        if self.cutover_ms is not None:
            return self.cutover_ms
        if self.until_ms is not None and self.until_ms <= self.now_ms:
            return self.until_ms
        return self._data_end_ms(totals)

    def reach_ms(self, totals: Totals) -> int:
        """Up to where the log says what has happened: `end_ms`, or earlier if its data ends before that.

        Args:
            totals: of the log without stops.
        """
        end_ms = self.end_ms(totals)
        return end_ms if totals.later else min(end_ms, self._data_end_ms(totals))

    def _data_end_ms(self, totals: Totals) -> int:
        last_ms = (totals.last_us or 0) // 1000
        whole = last_ms % DAY_MS == 0 and last_ms + DAY_MS <= self.now_ms
        return last_ms + (DAY_MS if whole else 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a run has found and done."""

    asked: Asked
    names: tuple[str, ...]
    ignored: tuple[str, ...]
    resumed: bool
    totals: Totals
    end_ms: int
    cutovers: dict[str, Cutover]
    days: int
    calls: int
    rejected: str | None
    told: Written
    repaired: int
    waiting: list[tuple[str, str]]
    facts: Told

    @property
    def is_complete(self) -> bool:
        """Whether a repetition would find nothing to do."""
        return not (self.asked.dry_run or self.told.others or self.waiting)
