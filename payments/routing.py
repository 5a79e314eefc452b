"""Routes by method and path, each with the parameters that it knows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from payments.errors import ApiError, invalid
from payments.listing import Listing
from payments.params import Params
from payments.store import Object
from payments.world import World

Handler = Callable[[World, Params, list[str]], Object | Listing]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True, slots=True)
class Route:
    """What works off a request, and the names of the parameters that it takes."""

    method: str
    path: str
    handler: Handler
    allowed: frozenset[str]


ROUTES: Final[dict[tuple[str, ...], Route]] = {}


def route(method: str, path: str, allowed: str = "") -> Callable[[H], H]:
    """Register what answers `method` on `path` (`{id}` stands for a segment), taking the named parameters."""

    def register(handler: H) -> H:
        names = frozenset({*allowed.split(), "expand"})
        ROUTES[method, *path.removeprefix("/v1/").split("/")] = Route(method, path, handler, names)
        return handler

    return register


def find(method: str, path: str) -> tuple[Route, list[str]]:
    """The route of a request and the ids in its path.

    Raises:
        ApiError: there is none.
    """
    if not path.startswith("/v1/"):
        raise unknown(method, path)
    parts = path[4:].split("/")
    exact = ROUTES.get((method, *parts))
    if exact is not None:
        return exact, []
    ids = parts[1::2]
    template = [part if place % 2 == 0 else "{id}" for place, part in enumerate(parts)]
    for names in (template, [*parts[:2], *template[2:]]):
        found = ROUTES.get((method, *names))
        if found is not None:
            return found, ids
    raise unknown(method, path)


def unknown(method: str, path: str) -> ApiError:
    return invalid(f"Unrecognized request URL ({method}: {path}).", status=404)
