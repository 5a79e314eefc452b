"""Mails that SES takes are in the local mailbox, whole, and stay there when the emulator is killed."""

from __future__ import annotations

import json
import urllib.request
from email.message import EmailMessage
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local_cloud.emulator_process import Emulator

SENDER = "hello@acme.example"


def mails_of(emulator: Emulator, query: str = "") -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{emulator.url}/_stemtide/mailbox{query}") as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def send(emulator: Emulator, *, account: str) -> str:
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = "ada@customer.example"
    message["Subject"] = "Grüße"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content("Hi")
    message.add_alternative("<p>Hi</p>", subtype="html")
    answer = emulator.client("sesv2").send_email(
        FromEmailAddress=SENDER,
        Destination={"ToAddresses": ["ada@customer.example"]},
        Content={"Raw": {"Data": message.as_bytes()}},
        EmailTags=[{"Name": "account", "Value": account}, {"Name": "class", "Value": "lifecycle"}],
    )
    return str(answer["MessageId"])


def test_a_mail_is_in_the_mailbox_with_headers_and_tags_after_a_kill_too(mortal: Emulator) -> None:
    """SES API v2, SendEmail: raw messages are sent with their headers; tags belong to the message."""
    mortal.client("sesv2").create_email_identity(EmailIdentity=SENDER)

    message_id = send(mortal, account="box-1")
    before = mails_of(mortal, "?account=box-1")
    mortal.kill()
    mortal.start()

    after = mails_of(mortal, "?account=box-1")
    assert before == after
    [mail] = after
    assert (mail["id"], mail["subject"], mail["class"]) == (message_id, "Grüße", "lifecycle")
    assert mail["headers"]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (mail["text"].strip(), mail["html"].strip()) == ("Hi", "<p>Hi</p>")


def test_a_mail_that_ses_refuses_is_in_no_mailbox(mortal: Emulator) -> None:
    ses = mortal.client("sesv2")

    with pytest.raises(ClientError, match="none does not exist"):
        ses.send_email(
            FromEmailAddress="stranger@nobody.example",
            Destination={"ToAddresses": ["ada@customer.example"]},
            Content={"Template": {"TemplateName": "none", "TemplateData": "{}"}},
        )

    assert not [mail for mail in mails_of(mortal) if "stranger" in mail["from"]]
