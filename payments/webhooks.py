"""Events on their way to the product's endpoint: signed, repeated until taken, held, doubled, shuffled.

What is on its way is kept with the provider's objects, so it survives a restart.
"""

import hashlib
import hmac
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final

from payments.errors import invalid
from payments.store import Object
from payments.world import World

KIND: Final = "_delivery"
STATE: Final = "_webhooks"
GIVEN_UP_AFTER_S: Final = 3 * 86_400
"""Stripe's documentation, 'Webhooks': repeated for three days (here of real time)."""
FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 600.0
MAX_TIMES: Final = 10
SHOWN_DELIVERIES: Final = 50


def signature(secret: str, body: bytes, at_s: int) -> str:
    """The `Stripe-Signature` header of a body."""
    signed = str(at_s).encode() + b"." + body
    return f"t={at_s},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class Webhooks:
    """The queue of deliveries; a sender takes from it and says what became of each.

    Args:
        enabled: types that the endpoint asks for, `customer.*` and `*` too.
        now: real epoch seconds.
    """

    def __init__(self, world: World, *, enabled: list[str], now: Callable[[], float]) -> None:
        self._world = world
        self._now = now
        state = world.store.find(STATE, STATE)
        self.state: Object = state or {
            "object": STATE,
            "id": STATE,
            "holding": False,
            "shuffle": None,
            "times": 1,
            "delivered": 0,
            "failed": 0,
            "given_up": 0,
            "enabled": enabled,
        }
        self._taken: set[str] = set()
        self.last: list[Object] = []
        world.listeners.append(self.take_in)

    def take_in(self, event: Object) -> None:
        """Queue a new event, if the endpoint asks for its type."""
        if any(_asks(pattern, event["type"]) for pattern in self.state["enabled"]):
            self._queue(event)

    def _queue(self, event: Object) -> None:
        """The event itself is kept with its delivery: the list of events forgets it after 30 days."""
        delivery = {
            "object": KIND,
            "id": self._world.new_id("whd"),
            "event": event,
            "left": self.state["times"],
            "attempts": 0,
            "queued": self._now(),
            "due": self._now(),
        }
        self._world.store.put(delivery)

    def due(self, limit: int) -> list[Object]:
        """Deliveries to be tried now, marked as taken; in order, or shuffled when that is asked for."""
        if self.state["holding"]:
            return []
        now = self._now()
        waiting = self._world.store.kinds.get(KIND, {}).values()
        ready = (row for row in waiting if row["due"] <= now and row["id"] not in self._taken)
        if self.state["shuffle"] is None:
            taken = list(islice(ready, limit))
        else:
            shuffled = list(ready)
            random.Random(self.state["shuffle"]).shuffle(shuffled)  # noqa: S311 - a repeatable order
            taken = shuffled[:limit]
        self._taken.update(row["id"] for row in taken)
        return taken

    def body(self, delivery: Object) -> bytes:
        """What is sent: the event as it was made."""
        return json.dumps(delivery["event"], indent=2).encode()

    def settle(self, delivery: Object, status: int | None) -> None:
        """Take note of an answer (None: none came): done, once more, or again later."""
        self._taken.discard(delivery["id"])
        self._remember(delivery, status)
        if status is not None and 200 <= status < 300:
            self.state["delivered"] += 1
            delivery.update(left=delivery["left"] - 1, attempts=0, due=self._now())
            if delivery["left"] <= 0:
                self._world.store.remove(delivery)
            else:
                self._world.store.put(delivery)
        else:
            self._failed(delivery)
        self._world.store.put(self.state)

    def _failed(self, delivery: Object) -> None:
        self.state["failed"] += 1
        if self._now() - delivery["queued"] > GIVEN_UP_AFTER_S:
            self.state["given_up"] += 1
            self._world.store.remove(delivery)
            return
        pause = min(FIRST_PAUSE_S * 2 ** delivery["attempts"], MAX_PAUSE_S)
        delivery.update(attempts=delivery["attempts"] + 1, due=self._now() + pause)
        self._world.store.put(delivery)

    def _remember(self, delivery: Object, status: int | None) -> None:
        row = {"event": delivery["event"]["id"], "type": delivery["event"]["type"], "status": status}
        self.last = [*self.last, {**row, "at": self._now()}][-SHOWN_DELIVERIES:]

    def counts(self) -> Object:
        """How the deliveries stand."""
        waiting = self._world.store.kinds.get(KIND, {})
        told = {name: value for name, value in self.state.items() if name not in ("object", "id")}
        by_type = Counter(row["event"]["type"] for row in waiting.values())
        return {**told, "pending": len(waiting), "pending_by_type": dict(by_type), "last": self.last}

    def control(self, action: str, body: Mapping[str, Any]) -> Object:
        """Hold, release, duplicate, shuffle, send again, or choose types; how it stands then.

        Raises:
            ApiError: there is no such action, or its body says what cannot be.
        """
        acts = {
            "hold": self._hold,
            "release": self._release,
            "duplicate": self._duplicate,
            "shuffle": self._shuffle,
            "resend": self._resend,
            "types": self._types,
        }
        act = acts.get(action)
        if act is None:
            raise invalid(f"{action!r} is nothing to do to webhooks: {', '.join(acts)}", status=404)
        act(body)
        self._world.store.put(self.state)
        return self.counts()

    def _hold(self, body: Mapping[str, Any]) -> None:
        _only(body, set())
        self.state["holding"] = True

    def _release(self, body: Mapping[str, Any]) -> None:
        _only(body, set())
        self.state["holding"] = False
        for row in self._world.store.all(KIND):
            row.update(due=self._now(), attempts=0)
            self._world.store.put(row)

    def _duplicate(self, body: Mapping[str, Any]) -> None:
        """Every event that waits, and every later one, is sent so many times."""
        _only(body, {"times"})
        times = body.get("times", 2)
        if not isinstance(times, int) or not 1 <= times <= MAX_TIMES:
            raise invalid(f"times is 1 (each once) to {MAX_TIMES}", param="times")
        self.state["times"] = times
        for row in self._world.store.all(KIND):
            row["left"] = times
            self._world.store.put(row)

    def _shuffle(self, body: Mapping[str, Any]) -> None:
        """What waits is sent in a random order from now on; `on` false ends it."""
        _only(body, {"on", "seed"})
        seed = body.get("seed", 1)
        if not isinstance(seed, int):
            raise invalid("seed is a whole number", param="seed")
        self.state["shuffle"] = seed if body.get("on", True) else None

    def _resend(self, body: Mapping[str, Any]) -> None:
        """Events (all that are known without a list) are sent once more."""
        _only(body, {"events"})
        ids = body.get("events")
        known = [event["id"] for event in self._world.store.all("event")]
        for event_id in known if ids is None else ids:
            self._queue(self._world.store.need("event", str(event_id)))

    def _types(self, body: Mapping[str, Any]) -> None:
        _only(body, {"enabled"})
        enabled = body.get("enabled")
        if not isinstance(enabled, list) or not all(isinstance(name, str) for name in enabled):
            raise invalid("enabled is a list of event types", param="enabled")
        self.state["enabled"] = enabled


def _asks(pattern: str, kind: str) -> bool:
    return pattern in ("*", kind) or (pattern.endswith(".*") and kind.startswith(pattern[:-1]))


def _only(body: Mapping[str, Any], names: set[str]) -> None:
    unknown = sorted(set(body) - names)
    if unknown:
        raise invalid(
            f"unknown: {', '.join(unknown)}; there is {', '.join(sorted(names)) or 'nothing to give'}"
        )
