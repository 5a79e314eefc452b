"""Who is asking: the role in a verified token, and the scope of a csm."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, Protocol

from stemtide.access import RANKED_ROLES, Role, Route
from stemtide.http.problem import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A person with a role; `email` is None unless the user pool has verified it."""

    role: Role
    email: str | None


class Profiles(Protocol):
    """Where the profile of an account is read."""

    def csm_of(self, account: str) -> str | None:
        """The e-mail address of the account's csm, None without profile or csm."""


def caller(claims: Mapping[str, object] | None, route: Route) -> Caller:
    """The person behind claims that the gateway's JWT authorizer has verified.

    Raises:
        Problem: 401 without claims, 403 when no role of the person may call the route.
    """
    if claims is None:
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "no-token",
            "Send a bearer token of the user pool in the Authorization header.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    role = next((r for r in RANKED_ROLES if r.value in _groups(claims)), None)
    allowed = route.access if isinstance(route.access, frozenset) else frozenset()
    if role is None or role not in allowed:
        needed = ", ".join(r.value for r in RANKED_ROLES if r in allowed)
        raise Problem(
            HTTPStatus.FORBIDDEN,
            "role-not-allowed",
            f"{route.key} needs one of the roles {needed}; your token has {role.value if role else 'none'}.",
        )
    return Caller(role=role, email=_verified_email(claims))


def may_see(person: Caller, account: str, *, csm_scope: Literal["all", "own"], profiles: Profiles) -> bool:
    """Whether the account is one of the person's: only a csm under scope `own` is held to some.

    An unverified address does not count: whoever holds a token can set the own one to any value.
    """
    if person.role is not Role.CSM or csm_scope == "all":
        return True
    csm = profiles.csm_of(account)
    return csm is not None and person.email is not None and csm.casefold() == person.email.casefold()


def _groups(claims: Mapping[str, object]) -> frozenset[str]:
    """`cognito:groups` as the gateway passes it: "[admin csm]", or a list."""
    groups = claims.get("cognito:groups")
    if isinstance(groups, str):
        return frozenset(groups.removeprefix("[").removesuffix("]").split())
    if isinstance(groups, list):
        return frozenset(g for g in groups if isinstance(g, str))
    return frozenset()


def _verified_email(claims: Mapping[str, object]) -> str | None:
    email = claims.get("email")
    verified = claims.get("email_verified") in (True, "true")
    return email if verified and isinstance(email, str) and email else None
