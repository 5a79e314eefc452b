"""Facts onto the event bus."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from stemtide.domain_events import SOURCE, DomainEvent
from stemtide.ports import UnavailableError
from stemtide.store.errors import translated

MAX_ENTRIES: Final = 10
"""Entries of one PutEvents request (EventBridge API reference)."""
ROUNDS: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """The bus `name` through `client` (EventBridge); `sleep` waits the given seconds."""

    client: Any
    name: str
    sleep: Callable[[float], None]
    jitter: Callable[[], float] = field(default=random.random)

    def publish(self, events: Sequence[tuple[str, DomainEvent]]) -> set[int]:
        """Put every event at least once; the places of those that the bus did not take in time.

        Args:
            events: each with the detail type that rules match it by.

        Raises:
            ClientError: the bus refuses for a reason that does not pass by itself.
        """
        waiting = list(range(len(events)))
        for attempt in range(ROUNDS):
            if attempt:
                self.sleep(FIRST_PAUSE_SECONDS * 2**attempt * (0.5 + self.jitter() / 2))
            chunks = [waiting[i : i + MAX_ENTRIES] for i in range(0, len(waiting), MAX_ENTRIES)]
            waiting = [place for chunk in chunks for place in self._refused(events, chunk)]
            if not waiting:
                break
        return set(waiting)

    def _refused(self, events: Sequence[tuple[str, DomainEvent]], places: Sequence[int]) -> list[int]:
        entries = [self._entry(*events[place]) for place in places]
        try:
            with translated():
                answer = self.client.put_events(Entries=entries)
        except UnavailableError:
            return list(places)  # some may be on the bus: they come twice, under the same id
        results = answer["Entries"]
        return [place for place, result in zip(places, results, strict=True) if result.get("ErrorCode")]

    def _entry(self, detail_type: str, event: DomainEvent) -> dict[str, Any]:
        return {
            "EventBusName": self.name,
            "Source": SOURCE,
            "DetailType": detail_type,
            "Detail": msgspec.json.encode(event).decode(),
            "Resources": [],
        }
