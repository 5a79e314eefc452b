"""What tests of a recompute's corrections share: an account-day with a repeated call, and looks at it."""

from typing import Any

from stemtide.aggregate import aggregate
from stemtide.archive import archive
from stemtide.calls import DAY_MS, day_number
from stemtide.ports import UsageRow
from stemtide.recompute import Outcome, Task
from stemtide.state import Caps, State, decode, encode

from tests.recompute_memory import RULES, projections, recompute_of
from tests.stream_memory import Lab
from tests.streams import call, event, record

DAY = "2026-03-14"
TODAY = day_number(DAY)
NOON_MS = TODAY * DAY_MS + DAY_MS // 2
CAPS = Caps(id_window=3, inline_users=3, remembered_ids=0)


def deliver(lab: Lab, *records: dict[str, Any], archived: bool = True) -> None:
    if archived:
        archive(event(*records), ports=lab.archive_ports())
    assert aggregate(event(*records), ports=lab.ports(), rules=RULES) == {"batchItemFailures": []}


def repeated(lab: Lab, *, account: str = "acme", **changes: Any) -> None:
    """Four calls and the first of them again: one too many in the table."""
    context = {"context": {"groupId": account}}
    start = len(lab.objects.bodies) * 100
    names = ["m-1", "m-2", "m-3", "m-4", "m-1"]
    deliver(
        lab,
        *(
            record(call(name, **context, **changes), at=start + at, key=account)
            for at, name in enumerate(names)
        ),
    )


def put(lab: Lab, sort: str, state: State, *, version: int = 1) -> None:
    lab.items.rows["acme", sort] = UsageRow(
        account="acme",
        sort=sort,
        version=version,
        blob=encode(state),
        events=state.events,
        expires_at=2**31,
    )


def recompute(lab: Lab, first: int = TODAY, last: int = TODAY) -> Outcome:
    return recompute_of(lab).run(Task(first=first, last=last))


def state_of(lab: Lab, day: str = DAY) -> State:
    return decode(lab.items.rows["acme", day].blob)


def calls(lab: Lab) -> dict[str, int]:
    return {day: found.calls for account, day, found in projections(lab) if account == "acme"}
