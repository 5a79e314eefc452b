"""The consumers of the tables' streams, and which changes concern them.

The event source mappings filter by the same conditions; whoever waits for a consumer asks here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stemtide.contact_events import NOTE_PREFIX, STOPPING
from stemtide.plays.told import TASK
from stemtide.ports import BACKFILLED, LATE, LOGIN
from stemtide.table_stream import Change

FACT_PREFIX: Final = "fact#"
DROP_PREFIX: Final = "drop#"
RECORD: Final = "record"
EVENT_PREFIX: Final = "event#"
PENDING: Final = "pending"
BILLED_PREFIXES: Final = ("customer", "invoice#", "subscription#")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableConsumer:
    """A function's name (one word, the last of its full name), the role of the table whose stream it reads,
    and what of it the function gets."""

    name: str
    table: str
    concerns: Callable[[Change], bool]


def _inserted(change: Change) -> bool:
    return change.event == "INSERT"


def _fact(change: Change) -> bool:
    return _inserted(change) and str(change.keys["item"]).startswith(FACT_PREFIX)


def _used(change: Change) -> bool:
    new = change.new or {}
    return (_inserted(change) and BACKFILLED not in new) or LATE in new or LOGIN in new


def _told(change: Change) -> bool:
    item = str(change.keys["item"])
    if item.startswith(DROP_PREFIX):
        return _inserted(change)
    return item == RECORD and "assessment" in (change.new or {})


def _pending(change: Change) -> bool:
    return str(change.keys["pk"]).startswith(EVENT_PREFIX) and (change.new or {}).get("open_state") == PENDING


def _billed(change: Change) -> bool:
    return change.event != "REMOVE" and str(change.keys["sk"]).startswith(BILLED_PREFIXES)


def _stops(change: Change) -> bool:
    new = change.new or {}
    noted = _inserted(change) and str(change.keys["sk"]).startswith(NOTE_PREFIX)
    return noted and new["kind"] in STOPPING


def _asks(change: Change) -> bool:
    return _inserted(change) and TASK in (change.new or {})


PROFILE: Final = TableConsumer(name="profile", table="accounts", concerns=_fact)
DETECT: Final = TableConsumer(name="detect", table="usage", concerns=_used)
PUBLISH: Final = TableConsumer(name="publish", table="accounts", concerns=_told)
BILLING: Final = TableConsumer(name="billing", table="billing", concerns=_pending)
ANNOUNCE: Final = TableConsumer(name="announce", table="billing", concerns=_billed)
STOPS: Final = TableConsumer(name="stops", table="contacts", concerns=_stops)
TASKS: Final = TableConsumer(name="tasks", table="episodes", concerns=_asks)
ALL: Final = (PROFILE, DETECT, PUBLISH, BILLING, ANNOUNCE, STOPS, TASKS)
