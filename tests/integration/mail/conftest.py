"""The functions of mail on AWS as moto imitates it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.ses.models import ses_backends
from stemtide import tables
from stemtide.config import bundled_config
from stemtide.settings import MailSettings, NoticesSettings
from stemtide.store import clients
from stemtide.store.contacts import Contacts

from tests.domain_tables import create
from tests.stream_cloud import start_function

REGION = "us-east-1"
MAIL = {
    "account": "acme",
    "to": "ada@example.org",
    "template": "payment_recovered",
    "journey": "dunning",
    "episode": "in_1",
    "step": "recovered",
    "values": {},
    "zone": "UTC",
}


@dataclass(frozen=True, slots=True)
class Cloud:
    """The functions and what they work on."""

    mail: ModuleType
    notices: ModuleType
    contacts: Contacts
    queue: str
    dead: str

    def send(self, **changes: Any) -> dict[str, Any]:
        [outcome] = self.mail.handler({"mails": [request(**changes)]}, None)["outcomes"]
        return outcome

    def tell(self, *bodies: str) -> list[str]:
        """Deliver messages; the ids of those that must come again."""
        records = [
            {
                "messageId": f"q{n}",
                "receiptHandle": f"r{n}",
                "attributes": {"ApproximateReceiveCount": "1"},
                "body": body,
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:notices",
            }
            for n, body in enumerate(bodies)
        ]
        answer = self.notices.handler({"Records": records}, None)
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    def sent(self) -> list[Any]:
        return list(ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages)


def request(**changes: Any) -> dict[str, Any]:
    """A mail with its template's own example values."""
    from stemtide.mail.templates import find

    asked = MAIL | changes
    return asked | {"values": find(asked["template"]).example()}


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A verified sender, empty tables, a key for links."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        for table in (tables.ACCOUNTS, tables.CONTACTS):
            create(boto3.client("dynamodb"), table)
        boto3.client("secretsmanager").create_secret(
            Name="links", SecretString=json.dumps({"current": "k" * 64})
        )
        boto3.client("sesv2").create_email_identity(EmailIdentity="example.com")
        sqs = boto3.client("sqs")
        queue, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("notices", "dead"))
        settings = (
            MailSettings(
                contacts_table="contacts",
                accounts_table="accounts",
                configuration_set="stemtide",
                api_url="https://api.example.com",
                link_keys_secret="links",
                clock="0/0/1.0",
                metric_namespace="Stemtide",
            ),
            NoticesSettings(
                contacts_table="contacts",
                accounts_table="accounts",
                notice_queue=queue,
                notice_dead_letter_queue=dead,
                clock="0/0/1.0",
                metric_namespace="Stemtide",
            ),
        )
        for one in settings:
            for name, value in one.to_env().items():
                monkeypatch.setenv(name, value)
        bundled_config.cache_clear()
        table = clients.dynamodb().Table("contacts")
        yield Cloud(
            mail=start_function("mail"),
            notices=start_function("notices"),
            contacts=Contacts(table, accounts_table="accounts"),
            queue=queue,
            dead=dead,
        )
