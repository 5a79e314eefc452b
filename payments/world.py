"""All that the provider knows: its objects, its time, what falls due, what is being asked of it now."""

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from payments.due import due_at
from payments.errors import ApiError
from payments.rendering import copied, rendered
from payments.shapes import API_VERSION
from payments.store import Object, Store

STATE: Final = "_state"
"""Kind and id of the object that holds what the provider knows beside its objects."""


class World:
    """The provider's state; every change goes through `put` or `change`.

    Args:
        seed: ids of worlds with different seeds differ.
        now: epoch seconds.
        event_types: the events that are made; None: all.
    """

    def __init__(self, *, seed: str = "", now: int = 0, event_types: Collection[str] | None = None) -> None:
        self.store = Store()
        self.state: Object = self.store.put({"object": STATE, "id": STATE, "sequence": 0, "now": now})
        self.seed = seed
        self.event_types = event_types
        self.listeners: list[Callable[[Object], None]] = []
        self.request_id: str | None = None
        self.key: str | None = None
        self.fault: str | None = None
        """What is to become of the answer to the request at work: None, `lost_reply` or `500`."""
        self._heap: list[tuple[int, int, str, str]] = []
        self._pushed = 0

    @classmethod
    def of(cls, objects: Iterable[Object], *, seed: str) -> "World":
        """The world that held these objects, in the order in which they were made."""
        world = cls(seed=seed)
        for obj in objects:
            world.put(obj)
            if obj["object"] == STATE:
                world.state = obj
        world.store.dirty.clear()
        return world

    @property
    def now(self) -> int:
        """Epoch seconds of model time."""
        now: int = self.state["now"]
        return now

    def set_now(self, now: int) -> None:
        """Time goes on, never back."""
        if now > self.state["now"]:
            self.state["now"] = now
            self.store.dirty[STATE, STATE] = None

    def new_id(self, prefix: str) -> str:
        """An id of its own, the same in every run with the same seed and the same requests."""
        self.state["sequence"] += 1
        self.store.dirty[STATE, STATE] = None
        return f"{prefix}_Loc{self.seed}{self.state['sequence']:011d}"

    def put(self, obj: Object) -> Object:
        """Take an object in, or take note that it has changed; what falls due of it is noted."""
        self.store.put(obj)
        due = due_at(obj)
        if due is not None:
            self._pushed += 1
            heapq.heappush(self._heap, (due, self._pushed, obj["object"], obj["id"]))
        return obj

    def change(self, obj: Object, event: str | None, **changes: Any) -> Object:
        """Change fields of an object and say so, if anything is another."""
        previous = {name: obj[name] for name, value in changes.items() if obj[name] != value}
        if previous:
            obj.update(changes)
            self.put(obj)
            if event is not None:
                self.emit(event, obj, previous)
        return obj

    def emit(self, kind: str, obj: Object, previous: Object | None = None) -> None:
        """An event of this moment about an object as it is."""
        if self.event_types is not None and kind not in self.event_types:
            return
        data: Object = {"object": rendered(self.store, obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = {
            "id": self.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": len(self.listeners),
            "request": {"id": self.request_id, "idempotency_key": self.key},
            "type": kind,
        }
        self.store.put(event)
        for listener in self.listeners:
            listener(event)

    def next_due(self, until: int) -> tuple[int, Object] | None:
        """The earliest thing that has fallen due, taken off the list."""
        while self._heap and self._heap[0][0] <= until:
            at, _, kind, object_id = heapq.heappop(self._heap)
            obj = self.store.find(kind, object_id)
            if obj is not None and due_at(obj) == at:
                return at, obj
        return None


@contextmanager
def all_or_nothing(world: World, touched: list[Object]) -> Iterator[None]:
    """A request that is refused half-way leaves nothing behind.

    Args:
        touched: the objects that were there before and that it may change.
    """
    before = [copied(obj) for obj in touched]
    fresh: list[Object] = []
    world.store.fresh = fresh
    try:
        yield
    except ApiError:
        for obj in fresh:
            world.store.remove(obj)
        for obj, was in zip(touched, before, strict=True):
            obj.clear()
            obj.update(was)
            if not world.store.find(obj["object"], obj["id"]):
                world.store.kinds[obj["object"]][obj["id"]] = obj
            world.put(obj)
        raise
    finally:
        world.store.fresh = None
