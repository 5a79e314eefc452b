"""Faults planned for the next requests to a route, whoever they are about."""

from collections.abc import Mapping
from typing import Any, Final

from payments.errors import invalid
from payments.store import Object
from payments.world import World

KIND: Final = "_faults"
FAULTS: Final = ("lost_reply", "500", "500_after", "429")


def plan_fault(world: World, body: Mapping[str, Any]) -> Object:
    """The next `times` requests whose path begins with `path` meet a fault.

    Raises:
        ApiError: a fault that there is not.
    """
    unknown = set(body) - {"method", "path", "fault", "times"}
    fault, times = body.get("fault"), body.get("times", 1)
    if unknown or fault not in FAULTS or not isinstance(times, int) or times < 0:
        raise invalid(f"give method, path, fault (one of {', '.join(FAULTS)}) and times")
    rule = {
        "method": body.get("method", "POST"),
        "path": body.get("path", "/v1/"),
        "fault": fault,
        "times": times,
    }
    rules = [*_rules(world), rule]
    world.put({"object": KIND, "id": KIND, "rules": [rule for rule in rules if rule["times"]]})
    return {"faults": _rules(world)}


def _rules(world: World) -> list[Object]:
    found = world.store.find(KIND, KIND)
    return found["rules"] if found else []


def taken(world: World, method: str, path: str) -> str | None:
    """The fault that a request meets, taken off the plan."""
    rules = _rules(world)
    for place, rule in enumerate(rules):
        if rule["method"] == method and path.startswith(rule["path"]):
            rest = [{**rule, "times": rule["times"] - 1}] if rule["times"] > 1 else []
            world.put({"object": KIND, "id": KIND, "rules": rules[:place] + rest + rules[place + 1 :]})
            return str(rule["fault"])
    return None
