"""Which accounts' closed days have changed: what scoring keeps of them is void."""

from collections.abc import Callable, Sequence

from stemtide.ports import LATE, UnavailableError, is_day
from stemtide.table_stream import Change


def is_late(change: Change) -> bool:
    """Whether a change of the usage table is one of a day that was over."""
    return is_day(str(change.keys["day"])) and bool((change.new or {}).get(LATE))


def void_late(changes: Sequence[Change], void: Callable[[Sequence[str]], object]) -> str | None:
    """Void what is kept of the accounts with late changes; the sequence number to come again from, if any."""
    late = [change for change in changes if is_late(change)]
    if not late:
        return None
    try:
        void(list(dict.fromkeys(str(change.keys["account"]) for change in late)))
    except UnavailableError:
        return late[0].sequence
    return None
