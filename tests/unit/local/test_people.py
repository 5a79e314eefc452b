"""One local user per role, with a token that says so."""

import base64
import json

import boto3
import pytest
from moto import mock_aws

from infra.local.people import ROLES, issue_tokens


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch):
    """A user pool with the three groups, and a client that admins may sign in with."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        cognito = boto3.client("cognito-idp", region_name="us-east-1")
        pool_id = cognito.create_user_pool(PoolName="people", UsernameAttributes=["email"])["UserPool"]["Id"]
        for role in ROLES:
            cognito.create_group(GroupName=role, UserPoolId=pool_id)
        client = cognito.create_user_pool_client(
            UserPoolId=pool_id, ClientName="c", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        )
        yield cognito, pool_id, client["UserPoolClient"]["ClientId"]


def claims_of(token: str) -> dict[str, object]:
    body = token.split(".")[1]
    claims: dict[str, object] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return claims


def test_each_role_gets_a_token_with_its_group_and_verified_mail(pool) -> None:
    cognito, pool_id, client_id = pool

    tokens = issue_tokens(cognito, user_pool_id=pool_id, client_id=client_id)

    for role in ROLES:
        claims = claims_of(tokens[role])
        assert claims["cognito:groups"] == [role]
        assert claims["email"] == f"{role}@stemtide.example"


def test_issuing_again_keeps_the_users(pool) -> None:
    cognito, pool_id, client_id = pool
    issue_tokens(cognito, user_pool_id=pool_id, client_id=client_id)

    issue_tokens(cognito, user_pool_id=pool_id, client_id=client_id)

    assert len(cognito.list_users(UserPoolId=pool_id)["Users"]) == len(ROLES)
