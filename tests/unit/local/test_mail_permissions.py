"""What the local cloud asks a role for that sends mail: the identity of the sender, as AWS does."""

import json
from typing import Any

import pytest
from ministack.core import iam_actions
from ministack.services import ses_v2

from infra.local.emulator import mail_permissions


@pytest.fixture
def corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        iam_actions, "_ses_v2_resource_arn", iam_actions._ses_v2_resource_arn
    )  # put back later
    monkeypatch.setattr(ses_v2, "_identities", {"own@example.org": {}})
    mail_permissions.install()


def asked(request: Any, path: str = "/v2/email/outbound-emails") -> str:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    found: str = iam_actions._ses_v2_resource_arn("POST", path, body, "us-east-1", "000000000000")
    return found


@pytest.mark.usefixtures("corrected")
@pytest.mark.parametrize(
    ("sender", "identity"),
    [
        ("hello@example.com", "example.com"),
        ("Acme <hello@example.com>", "example.com"),
        ("=?utf-8?b?QWNtw6k=?= <own@example.org>", "own@example.org"),
    ],
)
def test_who_sends_needs_the_identity_of_the_sender(sender: str, identity: str) -> None:
    assert asked({"FromEmailAddress": sender}) == f"arn:aws:ses:us-east-1:000000000000:identity/{identity}"


@pytest.mark.usefixtures("corrected")
def test_everything_else_is_asked_for_as_before() -> None:
    named = "arn:aws:ses:us-east-1:000000000000:identity/example.com"

    assert asked({"EmailIdentity": "example.com"}, "/v2/email/identities") == named
    assert asked({}) == asked(b"no JSON") == asked(b"[]") == "*"
