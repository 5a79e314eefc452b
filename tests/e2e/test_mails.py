"""A mail from the request to the mailbox, and its recipient's way out, on the deployed stack."""

import json
import time
import urllib.error
import urllib.request
from html import unescape
from typing import Any

import pytest
from stemtide.mail.link_keys import LinkKeys, PreferenceLinks
from stemtide.mail.message import MailRequest
from stemtide.mail.templates import find

from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

FORM = "application/x-www-form-urlencoded"


def asked(template: str, account: str, *, journey: str, **changes: Any) -> dict[str, Any]:
    """A request to the mail function."""
    plain = {"to": f"ada@{account}.example", "episode": "e1", "step": "day-0", "locale": "de-AT"}
    values = find(template).example() | {"name": "Ada <b>Lovelace</b>"}
    return plain | {"account": account, "template": template, "journey": journey, "values": values} | changes


def sent(stack: Stack, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    """The outcomes of these requests."""
    answer = stack.client("lambda").invoke(
        FunctionName="stemtide-mail", Payload=json.dumps({"mails": requests}).encode()
    )
    outcomes: list[dict[str, Any]] = json.loads(answer["Payload"].read())["outcomes"]
    return outcomes


def mailbox(stack: Stack, account: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{stack.facts['mailbox_url']}?account={account}") as answer:
        mails: list[dict[str, Any]] = json.load(answer)
    return mails


def visit(url: str, form: str | None = None) -> tuple[int, str]:
    """Status and page of a link as a browser opens it, or posts to it."""
    headers = {"Accept-Language": "en"} | ({} if form is None else {"Content-Type": FORM})
    body = None if form is None else form.encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def link_of(stack: Stack, account: str) -> str:
    """The link in the lifecycle mails to the account's recipient."""
    secrets = stack.client("secretsmanager")
    [secret] = [
        one["ARN"] for one in secrets.list_secrets()["SecretList"] if "links in mails" in one["Description"]
    ]
    keys = LinkKeys(client=secrets, secret_id=secret, clock=time.monotonic)
    links = PreferenceLinks(
        api_url=stack.facts["api_url"], keys=keys, at_ms=lambda: time.time_ns() // 1_000_000
    )
    request = asked("check_in", account, journey="retention")
    return links.url(MailRequest(**request))


def test_a_mail_that_is_asked_for_twice_is_in_the_mailbox_once_as_its_recipient_reads_it(
    stack: Stack,
) -> None:
    request = asked("payment_failed", "mail-1", journey="dunning")

    outcomes = sent(stack, request) + sent(stack, request)

    assert [one["outcome"] for one in outcomes] == ["sent", "duplicate"]
    [mail] = mailbox(stack, "mail-1")
    assert (mail["class"], mail["episode"], mail["step"]) == ("transactional", "e1", "day-0")
    assert mail["to"] == "ada@mail-1.example"
    assert "€ 49,00" in mail["subject"]
    assert "€\u00a049,00" in mail["text"]
    assert "€\u00a049,00" in unescape(mail["html"])
    assert "<b>Lovelace" not in mail["html"]
    assert not [name for name in mail["headers"] if name.startswith("List-")]


def test_whoever_has_opted_out_by_one_click_gets_mail_about_payments_only(stack: Stack) -> None:
    link = link_of(stack, "mail-2")

    looked = visit(link)
    clicked = [visit(link, "List-Unsubscribe=One-Click") for _ in range(2)]
    outcomes = sent(
        stack,
        asked("check_in", "mail-2", journey="retention"),
        asked("payment_failed", "mail-2", journey="dunning"),
    )

    assert looked[0] == 200
    assert "Which mails would you like?" in looked[1]
    assert [status for status, _ in clicked] == [200, 200]
    assert "You are unsubscribed" in clicked[0][1]
    assert [(one["outcome"], one.get("reason")) for one in outcomes] == [
        ("refused", "opted_out"),
        ("sent", None),
    ]
    assert [mail["class"] for mail in mailbox(stack, "mail-2")] == ["transactional"]


def test_a_link_that_nobody_signed_opens_nothing(stack: Stack) -> None:
    link = link_of(stack, "mail-3")
    forged = link[:-2] + ("BB" if link.endswith("AA") else "AA")

    assert visit(forged)[0] == 404
    assert visit(forged, "List-Unsubscribe=One-Click")[0] == 404
