"""Whether the ledger of a run of any journey is whole."""

from collections.abc import Sequence

from stemtide.dunning import audit as of_dunning
from stemtide.dunning.episode import Episode
from stemtide.dunning.ledger import Entry
from stemtide.plays import audit as of_plays
from stemtide.store.episode_rows import AnyRow


def gaps(row: AnyRow, entries: Sequence[Entry]) -> tuple[str, ...]:
    """What is wrong with a ledger, in words; empty: it is whole."""
    return of_dunning.gaps(row, entries) if isinstance(row, Episode) else of_plays.gaps(row, entries)
