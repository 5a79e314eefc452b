"""Whether an episode's ledger is whole: numbered without a gap, every charge claimed, the end told."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from stemtide.dunning.episode import Episode
from stemtide.dunning.ledger import Entry, Kind


class Run(Protocol):
    """The row of a run of any journey."""

    @property
    def seq(self) -> int: ...

    @property
    def is_over(self) -> bool: ...


def gaps(episode: Episode, entries: Sequence[Entry]) -> tuple[str, ...]:
    """What is wrong with a ledger, in words; empty: it is whole.

    Row and entries are written together, so the row's `seq` tells of entries that are missing at the end.
    """
    in_order = sorted(entries, key=lambda entry: entry.seq)
    return (*numbers(episode, in_order), *_charges(episode, in_order), *ends(episode, in_order))


def numbers(episode: Run, entries: Sequence[Entry]) -> Iterator[str]:
    """Which entries are missing, doubled, or not of the row."""
    found = Counter(entry.seq for entry in entries)
    last = max(episode.seq, *found, 0)
    if missing := [number for number in range(1, last + 1) if number not in found]:
        yield f"missing: {_listed(missing)} of {last}"
    if doubled := [number for number, times in found.items() if times > 1]:
        yield f"there more than once: {_listed(doubled)}"
    if later := [number for number in found if number > episode.seq]:
        yield f"not known to the episode: {_listed(later)}"


def _charges(episode: Episode, entries: Sequence[Entry]) -> Iterator[str]:
    claimed = {entry.key for entry in entries if entry.kind is Kind.CHARGE_CLAIMED}
    told = {entry.key for entry in entries if entry.kind is Kind.CHARGE}
    for entry in entries:
        if entry.kind is Kind.CHARGE and entry.key not in claimed:
            yield f"{entry.seq}: a charge that was never claimed"
        if entry.kind is Kind.CHARGE_CLAIMED and entry.key not in told and episode.is_over:
            yield f"{entry.seq}: a claim whose charge was never told"


def ends(episode: Run, entries: Sequence[Entry]) -> Iterator[str]:
    """Whether the entries, in their order, begin and end as the row says."""
    kinds = [entry.kind for entry in entries]
    if entries and entries[0].seq == 1 and kinds[0] is not Kind.OPENED:
        yield f"1: {kinds[0]} instead of {Kind.OPENED}"
    if episode.is_over and (not kinds or kinds[-1] is not Kind.ENDED):
        yield "the episode is over, and its ledger does not end"
    if not episode.is_over and Kind.ENDED in kinds:
        yield "the ledger has ended, and the episode runs"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in sorted(numbers))
