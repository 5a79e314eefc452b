"""One local user per role, and a token for each (a real account's people are invited by an admin)."""

import secrets
from typing import Any

ROLES = ("admin", "csm", "viewer")


def issue_tokens(cognito: Any, *, user_pool_id: str, client_id: str) -> dict[str, str]:
    """ID tokens by role; users are created on first use, each a member of the group of its role.

    Args:
        cognito: a boto3 `cognito-idp` client.
    """
    return {
        role: _token(cognito, user_pool_id=user_pool_id, client_id=client_id, role=role) for role in ROLES
    }


def _token(cognito: Any, *, user_pool_id: str, client_id: str, role: str) -> str:
    email = f"{role}@stemtide.example"
    password = secrets.token_urlsafe(24) + "aA1!"
    pool = {"UserPoolId": user_pool_id, "Username": email}
    try:
        cognito.admin_create_user(
            **pool,
            MessageAction="SUPPRESS",
            UserAttributes=[
                {"Name": "email", "Value": email},
                {"Name": "email_verified", "Value": "true"},
            ],
        )
    except cognito.exceptions.UsernameExistsException:
        cognito.admin_get_user(**pool)
    cognito.admin_set_user_password(**pool, Password=password, Permanent=True)
    cognito.admin_add_user_to_group(**pool, GroupName=role)
    answer = cognito.admin_initiate_auth(
        UserPoolId=user_pool_id,
        ClientId=client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )
    return str(answer["AuthenticationResult"]["IdToken"])
