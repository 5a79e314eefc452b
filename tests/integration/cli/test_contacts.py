"""`stemtide contacts` on a stack that moto imitates."""

import json

import boto3
import pytest
from stemtide import tables
from stemtide.mail.message import address_key
from stemtide.mail.ports import Asked, Note, Stop
from stemtide.store import clients
from stemtide.store.contacts import Contacts

from tests.domain_tables import create
from tests.integration.cli.conftest import Deployment

ADA = "Ada@example.com"
MANY_MS = 1_900_000_000_000


@pytest.fixture
def store(deployment: Deployment) -> Contacts:
    """The stack's contacts table, empty."""
    create(boto3.client("dynamodb"), tables.CONTACTS)
    content = json.loads(deployment.file.read_text())
    content["tables"]["contacts"] = "contacts"
    deployment.file.write_text(json.dumps(content))
    return Contacts(clients.dynamodb().Table("contacts"), accounts_table="accounts")


def asked() -> Asked:
    return Asked(account="acme", key="0" * 24, address=address_key(ADA), campaign="upsell")


def test_a_hold_keeps_mail_back_until_it_is_released(deployment: Deployment, store: Contacts) -> None:
    held = deployment.run("contacts", "hold", "acme", "--why", "a case")
    again = deployment.run("contacts", "hold", "acme", "--why", "another")
    standing = store.look(asked()).held
    shown = deployment.run("contacts", "show", "acme")
    released = deployment.run("contacts", "release", "acme")

    assert (held["changed"], again["changed"], released["changed"]) == (True, False, True)
    assert standing == shown["held"] == "a case"
    assert store.look(asked()).held is None
    assert deployment.run("contacts", "show", "acme")["contacts"][0]["kind"] == "released"


def test_an_address_is_suppressed_in_whatever_spelling_and_let_through_again(
    deployment: Deployment, store: Contacts
) -> None:
    deployment.run("contacts", "suppress", ADA.upper())
    stopped = deployment.run("contacts", "show", ADA)["stops"]
    back = deployment.run("contacts", "unsuppress", ADA)

    assert list(stopped) == ["suppressed"]
    assert back["lifted"] == ["suppressed"]
    assert store.look(asked()).stops == {}


def test_an_opt_out_is_for_its_owner_to_take_back(deployment: Deployment, store: Contacts) -> None:
    store.addresses.stop(address_key(ADA), Stop.OPTED_OUT, at_ms=MANY_MS)
    store.addresses.stop(address_key(ADA), Stop.BOUNCED, at_ms=MANY_MS)

    found = deployment.run("contacts", "unsuppress", ADA)

    assert (found["lifted"], found["left"]) == (["bounced"], ["opted_out"])


def test_an_erased_address_stays_erased(deployment: Deployment, store: Contacts) -> None:
    deployment.run("contacts", "erase", ADA)
    deployment.run("contacts", "unsuppress", ADA)

    assert set(store.look(asked()).stops) == {Stop.ERASED}


def test_an_account_may_have_an_at_sign(deployment: Deployment, store: Contacts) -> None:
    deployment.run("contacts", "erase", "ada@acme", "--account")

    assert deployment.run("contacts", "show", "ada@acme", "--account")["erased"] is True
    assert deployment.run("contacts", "show", "ada@acme")["stops"] == {}


def test_campaigns_are_listed_and_resumed(deployment: Deployment, store: Contacts) -> None:
    store.campaigns.enlist("upsell")
    store.pause("upsell", why="2 bounces of 10 mails", at_ms=MANY_MS)
    [before] = deployment.run("contacts", "campaigns")["campaigns"]

    resumed = deployment.run("contacts", "resume", "upsell")
    [after] = deployment.run("contacts", "campaigns")["campaigns"]

    assert (before["campaign"], before["paused"]) == ("upsell", "2 bounces of 10 mails")
    assert (resumed["changed"], after["paused"], after["mails"]) == (True, None, 0)
    assert deployment.run("contacts", "resume", "upsell")["changed"] is False


def test_what_happened_is_shown_with_its_reason(deployment: Deployment, store: Contacts) -> None:
    facts = {"journey": "upsell", "step": "1", "template": "limit_reached"}
    store.note(
        Note(account="acme", at_ms=MANY_MS, kind="mail_deferred", about="k", reason="budget", facts=facts)
    )

    result = deployment.invoke("contacts", "show", "acme")

    assert "mail_deferred (budget) upsell 1 limit_reached" in result.output


def test_what_is_no_address_is_refused_in_words(deployment: Deployment, store: Contacts) -> None:
    result = deployment.invoke("contacts", "suppress", "ada")

    assert result.exit_code == 1
    assert "give one address" in result.stderr


def test_a_stack_without_the_table_says_what_to_do(deployment: Deployment) -> None:
    result = deployment.invoke("contacts", "campaigns")

    assert result.exit_code == 1
    assert "deploy it again" in result.stderr
