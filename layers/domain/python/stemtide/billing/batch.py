"""A batch of events: one look at each object, whatever number of events is about it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from stemtide.billing.events import Claim, State
from stemtide.billing.working import Worked
from stemtide.ports import UnavailableError

MOST_UNAVAILABLE: Final = 2
"""After so many objects that could not be looked at the rest waits, too: the provider is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """An event and the number of the stream's record that brought it."""

    sequence: str
    claim: Claim


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Events that are done or wait for a person; the records that must come again, and the errors."""

    done: int = 0
    unmapped: int = 0
    failed: list[tuple[Claim, str]] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def work_batch(
    arrived: Iterable[Arrived],
    *,
    work: Callable[[Claim], Worked],
    finish: Callable[[Claim, Worked], None],
    spent: Callable[[], bool],
) -> Outcome:
    """Work off events: of those about one object the latest, for all.

    Args:
        work: does what follows from an event.
        finish: notes what became of one.
        spent: whether the time is up; what is left comes again.
    """
    outcome = Outcome()
    for group in _by_object(arrived):
        if len(outcome.errors) >= MOST_UNAVAILABLE or spent():
            outcome.again += [one.sequence for one in group]
            continue
        latest = max((one.claim for one in group), key=lambda claim: claim.created_ms)
        try:
            worked = work(latest)
            for one in group:
                finish(one.claim, worked)
        except UnavailableError as error:
            outcome.errors.append(f"{type(error).__name__}: {error}"[:200])
            outcome.again += [one.sequence for one in group]
            continue
        outcome.done += len(group) if worked.state is None else 0
        outcome.unmapped += len(group) if worked.state is State.UNMAPPED else 0
        if worked.state is State.FAILED:
            outcome.failed += [(one.claim, worked.reason or "") for one in group]
    return outcome


def _by_object(arrived: Iterable[Arrived]) -> Sequence[list[Arrived]]:
    groups: dict[tuple[str, str, str | None], list[Arrived]] = {}
    for one in arrived:
        claim = one.claim
        groups.setdefault((claim.kind, claim.object_id, claim.customer), []).append(one)
    return list(groups.values())
