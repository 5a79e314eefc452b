"""The provider: requests in, answers out, time in between."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import payments.routes  # noqa: F401 - registers the routes
from payments import faults, idempotency, periods, routing
from payments.due import EVENTS_KEPT_S, KEYS_KEPT_S
from payments.errors import ApiError, LostReplyError, rate_limited, server_error
from payments.listing import Listing, page
from payments.params import Params
from payments.rendering import check_levels, rendered
from payments.store import Object
from payments.world import World

Answer = tuple[int, Object, dict[str, str]]
MAX_KEY: Final = 255


class Provider:
    """Answers Stripe's routes over one world.

    Args:
        clock: model time, epoch seconds; asked at every request.
        seed: tells the ids of several providers apart.
        event_types: the events that are made; None: all.
        world: one that was there before, instead of an empty one.
        most_due: how much may happen between two requests; time waits where more has fallen due.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], int],
        seed: str = "",
        event_types: Collection[str] | None = None,
        world: World | None = None,
        most_due: int | None = None,
    ) -> None:
        self._most_due = most_due
        self._clock = clock
        self.world = world or World(seed=seed, now=clock(), event_types=event_types)

    def tick(self) -> None:
        """Let happen what has fallen due by now, each at its own instant."""
        world, now, done = self.world, self._clock(), 0
        while done != self._most_due and (due := world.next_due(now)) is not None:
            at, obj = due
            world.set_now(at)
            periods.fall_due(world, obj)
            done += 1
        if done != self._most_due:
            world.set_now(now)
        _prune(world, "event", now - EVENTS_KEPT_S)
        _prune(world, idempotency.KIND, now - KEYS_KEPT_S)

    def handle(self, method: str, path: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> Answer:
        """Work off one request; the status, the body and headers of its answer.

        Args:
            params: nested, from a form or as Python values.
            headers: names in small letters; `idempotency-key` is read.

        Raises:
            LostReplyError: the request was worked off and its answer is lost.
        """
        self.tick()
        world = self.world
        world.request_id, world.fault = world.new_id("req"), None
        planned = faults.taken(world, method, path)
        world.key = headers.get("idempotency-key") if method == "POST" else None
        told = {"request-id": world.request_id}
        try:
            return self._once(method, path, params, told, planned)
        finally:
            world.request_id = world.key = None

    def _once(
        self, method: str, path: str, params: Mapping[str, Any], told: dict[str, str], planned: str | None
    ) -> Answer:
        """The saved answer of the key, or the request's own, saved under it."""
        world, key = self.world, self.world.key
        if planned == "429":
            return 429, rate_limited().body(), told
        if key is None:
            status, body = self._worked_off(method, path, params, planned)
        else:
            told["idempotency-key"] = key
            try:
                saved = idempotency.replayed(world, key, method, path, params)
            except ApiError as error:
                return error.status, error.body(), told
            if saved is not None:
                return saved[0], dict(saved[1]), told | {"idempotent-replayed": "true"}
            status, body = self._worked_off(method, path, params, planned)
            idempotency.save(world, key, method, path, params, status=status, body=body)
            body = dict(body)
        if world.fault == "lost_reply":
            raise LostReplyError
        return status, body, told

    def _worked_off(
        self, method: str, path: str, params: Mapping[str, Any], planned: str | None
    ) -> tuple[int, Object]:
        """The answer, or a 500 in its place, from before or after the request was done."""
        if planned == "500":
            return 500, server_error().body()
        answer = self._answer(method, path, params)
        self.world.fault = planned or self.world.fault
        return (500, server_error().body()) if self.world.fault in ("500", "500_after") else answer

    def _answer(self, method: str, path: str, params: Mapping[str, Any]) -> tuple[int, Object]:
        world = self.world
        try:
            route, ids = routing.find(method, path)
            asked = Params(params)
            asked.only(route.allowed)
            expand = asked.texts("expand")
            check_levels(expand)
            result = route.handler(world, asked, ids)
            if isinstance(result, Listing):
                return 200, _listed(world, result, asked, expand)
            return 200, result if result.get("deleted") else rendered(world.store, result, expand)
        except ApiError as error:
            return error.status, error.body()


def _listed(world: World, listing: Listing, asked: Params, expand: list[str]) -> Object:
    answer = page(listing, asked)
    inner = [path.removeprefix("data.") for path in expand]
    answer["data"] = [rendered(world.store, row, inner) for row in answer["data"]]
    return answer


def _prune(world: World, kind: str, before: int) -> None:
    """Forget the oldest objects of a kind, which lie in order of their creation."""
    objects = world.store.kinds.get(kind)
    while objects:
        oldest = next(iter(objects.values()))
        if oldest["created"] > before:
            return
        world.store.remove(oldest)
