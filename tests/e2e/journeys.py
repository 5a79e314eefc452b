"""Customers whose payments fail, what is kept of their episodes, what they are written."""

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stemtide.dunning.ledger import Entry, Kind
from stemtide.store import clients
from stemtide.store.episodes import EpisodeTable

from tests.e2e.conftest import DAY_S
from tests.e2e.payments import Payments
from tests.e2e.stack import Stack

WHOLE_EPISODE_S = 80 * DAY_S


def table_of(stack: Stack, role: str) -> Any:
    """A table of a stack (boto3 Table resource)."""
    resource: Any = clients.dynamodb(
        endpoint_url=stack.facts["endpoint_url"],
        region_name=stack.facts["region"],
        aws_access_key_id="000000000000",
        aws_secret_access_key="test",
    )
    return resource.Table(stack.facts["tables"][role])


def episodes_of(stack: Stack) -> EpisodeTable:
    """The episodes of a stack."""
    return EpisodeTable(table_of(stack, "episodes"))


@dataclass(frozen=True, slots=True)
class Unpaid:
    """A customer whose renewal has failed."""

    customer: str
    subscription: str


def fails(
    payments: Payments, account: str, outcomes: list[Any], then: Any = None, plan: str = "business"
) -> Unpaid:
    """A customer whose renewal fails with the first outcome."""
    who = payments.customer(account=account)
    payments.v1.customers.update(who, {"email": f"{account}@example.com", "name": "Ada"})
    payments.control("script", {"customer": who, "outcomes": ["succeed"]})
    subscription = payments.subscribe(who, plan)
    payments.control("script", {"customer": who, "outcomes": outcomes, "then": then})
    payments.control(f"subscriptions/{subscription.id}/renew", {})
    return Unpaid(who, str(subscription.id))


def until(look: Callable[[], Any], *, within: float = WHOLE_EPISODE_S) -> Any:
    """What `look` sees once it is true."""
    deadline = time.monotonic() + within
    while not (found := look()):
        assert time.monotonic() < deadline, "it has not happened in time"
        time.sleep(0.5)
    return found


def mails(stack: Stack, account: str) -> list[dict[str, Any]]:
    """What the mailbox got for an account, the oldest first."""
    with urllib.request.urlopen(f"{stack.facts['mailbox_url']}?account={account}") as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found[::-1]


def of_kind(entries: list[Entry], kind: Kind) -> list[Entry]:
    return [entry for entry in entries if entry.kind is kind]
