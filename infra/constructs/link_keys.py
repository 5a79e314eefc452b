"""The keys that sign the links in mails."""

import string

from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra import nag
from infra.config import Deployment
from infra.constructs.lifetime import removal

KEY_CHARS = 64


class LinkKeys(Construct):
    """A secret `{"current": key}`; after a change also `previous`, for the links in mails sent before.

    It outlives its stack as the data does: without it nobody could unsubscribe by a mail that was sent.
    """

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, construct_id)
        self.secret = secretsmanager.Secret(
            self,
            "Secret",
            description=f"{deployment.name}: keys of the links in mails (current, optionally previous)",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template="{}",  # noqa: S106 - the shape, not a secret
                generate_string_key="current",
                password_length=KEY_CHARS,
                exclude_characters=string.punctuation + " ",
            ),
            removal_policy=removal(deployment),
        )
        nag.acknowledge(
            self.secret,
            "AwsSolutions-SMG4",
            reason="a link must work for as long as its mail lies in a mailbox: a person changes the key and "
            "keeps the old one (docs/mail.md)",
        )
