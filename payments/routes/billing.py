"""Events, and who the account is."""

from payments.errors import invalid
from payments.listing import Listing, newest_first
from payments.params import Params
from payments.routing import route
from payments.store import Object
from payments.world import World


@route("GET", "/v1/events/{id}")
def retrieve(world: World, _: Params, ids: list[str]) -> Object:
    return world.store.need("event", ids[0])


@route("GET", "/v1/events", "type types limit starting_after ending_before created delivery_success")
def list_all(world: World, params: Params, _: list[str]) -> Listing:
    names = params.texts("types")
    one = params.text("type")
    if names and one:
        raise invalid("You may pass either type or types, not both.", param="types")
    wanted = [one] if one else names
    rows = [event for event in world.store.all("event") if _matches(event["type"], wanted)]
    return newest_first(rows, "/v1/events", kind="event")


def _matches(kind: str, wanted: list[str]) -> bool:
    """Whether an event's type is one of the wanted, which may end in `.*`."""
    if not wanted:
        return True
    return any(kind == name or (name.endswith("*") and kind.startswith(name[:-1])) for name in wanted)
