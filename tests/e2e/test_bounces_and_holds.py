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


AT = "2026-11-28T02:00:00.000Z"


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


def bounced(message_id: str, address: str) -> dict[str, Any]:
    """A message came back for good."""
    return {
        "bounce": {
            "bounceType": "Permanent",
            "bouncedRecipients": [{"emailAddress": address}],
            "timestamp": AT,
        },
        "mail": {"timestamp": AT, "messageId": message_id},
    }


def complained(message_id: str, address: str) -> dict[str, Any]:
    """A message was reported as spam."""
    return {
        "complaint": {"complainedRecipients": [{"emailAddress": address}], "timestamp": AT},
        "mail": {"timestamp": AT, "messageId": message_id},
    }


def tell_topic(stack: Stack, notice: dict[str, Any]) -> None:
    stack.client("sns").publish(TopicArn=stack.facts["topics"]["ses_events"], Message=json.dumps(notice))


def tell_queue_as_the_bus_does(stack: Stack, detail_type: str, detail: dict[str, Any]) -> None:
    """What the rule on the default bus would hand on: nobody but AWS itself may put events of its source."""
    event = {"version": "0", "source": "aws.ses", "detail-type": detail_type, "time": AT, "detail": detail}
    url = stack.facts["queues"]["notices"]
    stack.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(event))


def kinds(stack: Stack, account: str = ACCOUNT) -> list[str]:
    reply = stack.call("GET", f"/v1/accounts/{account}/timeline", role="viewer")
    assert reply.status == 200, reply
    return [entry["kind"] for entry in reply.body["entries"]]


def wait_for(stack: Stack, kind: str, account: str = ACCOUNT) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while kind not in kinds(stack, account):
        assert time.monotonic() < deadline, kinds(stack, account)
        time.sleep(0.5)


def test_a_mail_goes_out_once_and_none_follows_a_bounce_or_a_hold(stack: Stack, home: Home) -> None:
    first, again = send(stack), send(stack)
    [mail] = mailbox(stack)
    tell_topic(stack, {"eventType": "Bounce", **bounced(first["message_id"], "ada@example.org")})
    wait_for(stack, "mail_bounced")
    after_it = send(stack, step="2")
    held = stemtide(home, "contacts", "hold", ACCOUNT, "--why", "a case")
    stopped = send(stack, step="2", to="bob@example.org")
    stemtide(home, "contacts", "release", ACCOUNT)
    released = send(stack, step="2", to="bob@example.org")

    assert (first["outcome"], again["outcome"], again["of"]) == ("sent", "duplicate", first["message_id"])
    assert (mail["to"], mail["class"], mail["step"]) == ("ada@example.org", "transactional", "1")
    assert (after_it["outcome"], after_it["reason"]) == ("refused", "bounced")
    assert (held["changed"], stopped["reason"], released["outcome"]) == (True, "held", "sent")
    assert len(mailbox(stack)) == 2
    assert {"mail_sent", "mail_bounced", "mail_refused", "held", "released"} <= set(kinds(stack))


def test_whoever_reports_mail_about_a_payment_as_spam_gets_none_any_more(stack: Stack) -> None:
    account, to = "mailed-and-annoyed", "eve@example.org"
    sent = send(stack, account=account, to=to)

    tell_topic(stack, {"eventType": "Complaint", **complained(sent["message_id"], to)})
    wait_for(stack, "mail_complained", account)

    next_mail = send(stack, account=account, to=to, step="2")
    assert (sent["outcome"], next_mail["outcome"]) == ("sent", "refused")
    assert next_mail["reason"] == "complained_of_service_mail"


def test_a_bounce_that_the_default_bus_tells_of_suppresses_too(stack: Stack) -> None:
    account, to = "mailed-over-the-bus", "joe@example.org"
    sent = send(stack, account=account, to=to)

    tell_queue_as_the_bus_does(stack, "Email Bounced", bounced(sent["message_id"], to))
    wait_for(stack, "mail_bounced", account)

    next_mail = send(stack, account=account, to=to, step="2")
    assert (next_mail["outcome"], next_mail["reason"]) == ("refused", "bounced")
