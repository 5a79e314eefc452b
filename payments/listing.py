"""Lists as the API pages them: newest first, by the id of the last object seen."""

from dataclasses import dataclass, field
from operator import ge, gt, le, lt
from typing import Any, Final

from payments.errors import invalid, missing
from payments.params import Params
from payments.store import Object

LIMIT: Final = 10
MAX_LIMIT: Final = 100
BOUNDS: Final = {"gt": gt, "gte": ge, "lt": lt, "lte": le}


@dataclass(frozen=True, slots=True)
class Listing:
    """Objects that a list request matches, in the order of its pages."""

    rows: list[Object]
    url: str
    kind: str = field(default="object")


def newest_first(rows: list[Object], url: str, *, kind: str = "object") -> Listing:
    """The listing of objects that come oldest first."""
    return Listing(rows[::-1], url, kind)


def page(listing: Listing, params: Params) -> Object:
    """One page of a listing, its rows as they are stored.

    Raises:
        ApiError: a limit beyond the bounds, or a cursor that is not in the list.
    """
    limit = params.integer("limit")
    limit = LIMIT if limit is None else limit
    if not 1 <= limit <= MAX_LIMIT:
        raise invalid(
            f"Limit must be between 1 and {MAX_LIMIT}", code="parameter_invalid_integer", param="limit"
        )
    rows = _created_within(listing.rows, params)
    after, before = params.text("starting_after"), params.text("ending_before")
    if after is not None:
        rows = rows[_place(rows, after, listing, "starting_after") + 1 :]
    elif before is not None:
        rows = rows[: _place(rows, before, listing, "ending_before")]
        return _answer(rows[-limit:], len(rows) > limit, listing)
    return _answer(rows[:limit], len(rows) > limit, listing)


def _answer(rows: list[Object], has_more: bool, listing: Listing) -> Object:
    return {"object": "list", "data": rows, "has_more": has_more, "url": listing.url}


def _place(rows: list[Object], object_id: str, listing: Listing, param: str) -> int:
    for place, row in enumerate(rows):
        if row["id"] == object_id:
            return place
    raise missing(listing.kind, object_id, param=param)


def _created_within(rows: list[Object], params: Params) -> list[Object]:
    """Those created at an instant, or within bounds (`created[gte]`, ...)."""
    value: Any = params.values.get("created")
    if value is None or value == "":
        return rows
    if not isinstance(value, dict):
        at = params.integer("created")
        return [row for row in rows if _made(row) == at]
    part = Params(value, "created")
    part.only(frozenset(BOUNDS))
    bounds = [(BOUNDS[name], part.integer(name)) for name in value]
    return [row for row in rows if all(compare(_made(row), at) for compare, at in bounds if at is not None)]


def _made(row: Object) -> int:
    made: int = row["created"] if "created" in row else row["date"]
    return made
