"""What stands against mails on the deployed stack: a bounce through the topic, a hold by a person."""

import json
import time
import urllib.request
from typing import Any

import pytest
from stemtide.mail.templates import find

from infra.local.home import Home
from tests.e2e.conftest import stemtide
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

DEADLINE_S = 60
ACCOUNT = "mailed-once"


def send(stack: Stack, **changes: Any) -> dict[str, Any]:
    """Ask for a mail of a recovered payment; its outcome."""
    mail = {
        "account": ACCOUNT,
        "to": "ada@example.org",
        "template": "payment_recovered",
        "journey": "dunning",
        "episode": "in_1",
        "step": "1",
        "values": find("payment_recovered").example(),
    }
    answer = stack.client("lambda").invoke(
        FunctionName=stack.facts["functions"]["mail"],
        Payload=json.dumps({"mails": [mail | changes]}).encode(),
    )
    said = json.load(answer["Payload"])
    assert "FunctionError" not in answer, said
    outcome: dict[str, Any] = said["outcomes"][0]
    return outcome


def mailbox(stack: Stack) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{stack.facts['mailbox_url']}?account={ACCOUNT}", timeout=60) as reply:
        found: list[dict[str, Any]] = json.load(reply)
    return found


def bounce(stack: Stack, message_id: str, address: str) -> None:
    """Tell the topic that a message came back for good."""
    notice = {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bouncedRecipients": [{"emailAddress": address}],
            "timestamp": "2026-11-28T02:00:00.000Z",
        },
        "mail": {"timestamp": "2026-11-28T02:00:00.000Z", "messageId": message_id},
    }
    stack.client("sns").publish(TopicArn=stack.facts["topics"]["ses_events"], Message=json.dumps(notice))


def kinds(stack: Stack) -> list[str]:
    reply = stack.call("GET", f"/v1/accounts/{ACCOUNT}/timeline", role="viewer")
    assert reply.status == 200, reply
    return [entry["kind"] for entry in reply.body["entries"]]


def wait_for_bounce(stack: Stack) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while "mail_bounced" not in kinds(stack):
        assert time.monotonic() < deadline, kinds(stack)
        time.sleep(0.5)


def test_a_mail_goes_out_once_and_none_follows_a_bounce_or_a_hold(stack: Stack, home: Home) -> None:
    first, again = send(stack), send(stack)
    [mail] = mailbox(stack)
    bounce(stack, first["message_id"], "ada@example.org")
    wait_for_bounce(stack)
    bounced = send(stack, step="2")
    held = stemtide(home, "contacts", "hold", ACCOUNT, "--why", "a case")
    stopped = send(stack, step="2", to="bob@example.org")
    stemtide(home, "contacts", "release", ACCOUNT)
    released = send(stack, step="2", to="bob@example.org")

    assert (first["outcome"], again["outcome"], again["of"]) == ("sent", "duplicate", first["message_id"])
    assert (mail["to"], mail["class"], mail["step"]) == ("ada@example.org", "transactional", "1")
    assert (bounced["outcome"], bounced["reason"]) == ("refused", "bounced")
    assert (held["changed"], stopped["reason"], released["outcome"]) == (True, "held", "sent")
    assert len(mailbox(stack)) == 2
    assert {"mail_sent", "mail_bounced", "mail_refused", "held", "released"} <= set(kinds(stack))
