"""The keys that producers send events with."""

import string

from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra import nag
from infra.config import Deployment
from infra.constructs.lifetime import removal

KEY_CHARS = 40


class WriteKeys(Construct):
    """A secret `{"current": key}`; while a key is being changed it also holds `previous`."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, construct_id)
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description=f"{deployment.name}: write keys of POST /v1/events (current, optionally previous)",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template="{}",  # noqa: S106 - the shape, not a secret
                generate_string_key="current",
                password_length=KEY_CHARS,
                exclude_characters=string.punctuation
                + " ",  # HTTP Basic users hold no colon; URLs stay plain
            ),
            removal_policy=removal(deployment),
        )
        nag.acknowledge(
            self.secret,
            "AwsSolutions-SMG4",
            reason="keys live in producers: a person changes them, with an overlap (docs/operations.md)",
        )
