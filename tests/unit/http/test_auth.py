"""Roles come from verified groups, the highest wins; a csm under scope `own` sees the own accounts only."""

from dataclasses import dataclass
from http import HTTPStatus

import pytest
from stemtide.access import GET_QUARANTINE, GET_USAGE, Role
from stemtide.http.auth import Caller, caller, may_see
from stemtide.http.problem import Problem

from tests.http_api import claims_of


@dataclass
class Profiles:
    csm: str | None

    def csm_of(self, account: str) -> str | None:
        return self.csm


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        ("[viewer]", Role.VIEWER),
        ("[csm viewer]", Role.CSM),
        ("[viewer csm admin]", Role.ADMIN),
        ("[admin]", Role.ADMIN),
        ("csm", Role.CSM),
        (["viewer", "admin"], Role.ADMIN),
        (["csm"], Role.CSM),
    ],
)
def test_the_highest_group_is_the_role(groups: str | list[str], role: Role) -> None:
    assert caller(claims_of(groups), GET_USAGE).role is role


@pytest.mark.parametrize(
    "groups", [None, "", "[]", "[superuser]", "[Admin]", "[administrator]", "[x,admin]", [], [1], 7]
)
def test_without_a_known_group_nothing_is_allowed(groups: object) -> None:
    with pytest.raises(Problem) as caught:
        caller(claims_of(groups), GET_USAGE)  # type: ignore[arg-type]

    assert caught.value.status is HTTPStatus.FORBIDDEN
    assert "needs one of the roles admin, csm, viewer; your token has none" in caught.value.detail


def test_a_role_below_the_routes_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        caller(claims_of("[csm]"), GET_QUARANTINE)

    assert caught.value.status is HTTPStatus.FORBIDDEN
    assert "needs one of the roles admin; your token has csm" in caught.value.detail


def test_without_claims_a_token_is_asked_for() -> None:
    with pytest.raises(Problem) as caught:
        caller(None, GET_USAGE)

    assert caught.value.status is HTTPStatus.UNAUTHORIZED
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize(("verified", "email"), [("true", "carla@acme.example"), ("false", None), ("", None)])
def test_an_address_counts_only_when_it_is_verified(verified: str, email: str | None) -> None:
    assert caller(claims_of("[csm]", email_verified=verified), GET_USAGE).email == email


@pytest.mark.parametrize(
    ("role", "scope", "csm", "email", "sees"),
    [
        (Role.CSM, "own", "carla@acme.example", "carla@acme.example", True),
        (Role.CSM, "own", "Carla@ACME.example", "carla@acme.example", True),
        (Role.CSM, "own", "otto@acme.example", "carla@acme.example", False),
        (Role.CSM, "own", None, "carla@acme.example", False),
        (Role.CSM, "own", "carla@acme.example", None, False),
        (Role.CSM, "own", None, None, False),
        (Role.CSM, "all", None, None, True),
        (Role.VIEWER, "own", None, None, True),
        (Role.ADMIN, "own", None, None, True),
    ],
)
def test_scope_own_holds_a_csm_to_accounts_that_name_the_csm(
    role: Role, scope: str, csm: str | None, email: str | None, sees: bool
) -> None:
    person = Caller(role=role, email=email)

    assert may_see(person, "acme", csm_scope=scope, profiles=Profiles(csm)) is sees  # type: ignore[arg-type]
