"""From the changes of a table to facts on the bus; or it is noted in shadow that they are withheld."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from stemtide.config_shadow import Shadow
from stemtide.domain_events import DomainEvent, event_of, stamp_of
from stemtide.ports import UNREADABLE, UnavailableError
from stemtide.shadow import Withheld, dispatch
from stemtide.table_stream import Change


class PutOnBus(Protocol):
    """Puts every event at least once; the places of those that the bus did not take in time."""

    def __call__(self, events: Sequence[tuple[str, DomainEvent]], /) -> Collection[int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPorts:
    """What publishing touches: the bus, where withheld facts are noted, where what can never be read goes."""

    put: PutOnBus
    withhold: Callable[[Withheld], Any]
    set_aside: Callable[[Change, Exception], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """Facts on the bus, facts withheld; `failed` are the changes that must come again."""

    facts: int
    withheld: int
    failed: list[str]


def publish_changes(found: Sequence[Change], *, shadow: Shadow, ports: PublishPorts) -> Published:
    """Publish the facts of a delivery of a table's stream, or note that they are withheld."""
    outgoing: list[tuple[Change, tuple[str, DomainEvent]]] = []
    withheld, failed = 0, []
    for change, fact in _told(found, ports):
        sent = dispatch(fact, shadow=shadow, stamped=stamp_of(change))
        if sent.withheld is not None:
            try:
                ports.withhold(sent.withheld)
            except UnavailableError:
                failed.append(change.sequence)
                continue
            withheld += 1
        if sent.detail_type is not None:
            outgoing.append((change, (sent.detail_type, fact)))
    refused = ports.put([published for _, published in outgoing])
    failed += [outgoing[place][0].sequence for place in sorted(refused)]
    return Published(facts=len(outgoing) - len(refused), withheld=withheld, failed=failed)


def _told(found: Sequence[Change], ports: PublishPorts) -> list[tuple[Change, DomainEvent]]:
    """Each change with its fact; what cannot be read is set aside and holds up nothing."""
    told = []
    for change in found:
        try:
            fact = event_of(change)
        except UNREADABLE as error:
            ports.set_aside(change, error)
        else:
            if fact is not None:
                told.append((change, fact))
    return told
