"""What is written once though its reply is lost: the SDK sends the same request again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from stemtide import tables
from stemtide.mail.message import address_key
from stemtide.mail.ports import Stop
from stemtide.store.contacts import Contacts

from tests.domain_tables import create
from tests.local_cloud.emulator_process import Emulator
from tests.lost_replies import lose_reply

ADDRESS = address_key("ada@example.org")
AT_MS = 1_773_500_000_000


@pytest.fixture(scope="module")
def table(emulator: Emulator) -> Any:
    """A contacts table on the emulator."""
    own = replace(tables.CONTACTS, role="contacts-of-lost-replies")
    resource: Any = emulator.dynamodb()
    create(resource.meta.client, own)
    return resource.Table(own.role)


@pytest.fixture
def contacts(emulator: Emulator, table: Any) -> Contacts:
    """Its store, with a client of its own."""
    return Contacts(emulator.dynamodb().Table(table.name), accounts_table="accounts")


Change = Callable[[Contacts], bool]
CHANGES: dict[str, tuple[Change, Change]] = {
    "pause and resume": (
        lambda contacts: contacts.campaigns.pause("dunning", why="complaints", at_ms=AT_MS),
        lambda contacts: contacts.campaigns.resume("dunning"),
    ),
    "hold and release": (
        lambda contacts: contacts.hold("acme", why="in court", at_ms=AT_MS),
        lambda contacts: contacts.release("acme", at_ms=AT_MS),
    ),
    "stop and lift": (
        lambda contacts: contacts.addresses.stop(ADDRESS, Stop.BOUNCED, at_ms=AT_MS),
        lambda contacts: contacts.addresses.lift(ADDRESS, Stop.BOUNCED),
    ),
    "opt out and in": (
        lambda contacts: contacts.opt_out(ADDRESS, account="acme", at_ms=AT_MS, how="page"),
        lambda contacts: contacts.opt_in(ADDRESS, account="acme", at_ms=AT_MS, how="page"),
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_whoever_has_made_a_change_is_told_so_though_the_reply_was_lost(
    contacts: Contacts, table: Any, name: str
) -> None:
    for change in CHANGES[name]:
        lost = lose_reply(table.meta.client)

        assert change(Contacts(table, accounts_table="accounts"))

        assert lost
        assert not change(contacts)


def test_a_release_is_told_to_the_timeline_with_it(contacts: Contacts, table: Any) -> None:
    contacts.hold("umbrella", why="in court", at_ms=AT_MS)
    lost = lose_reply(table.meta.client)

    Contacts(table, accounts_table="accounts").release("umbrella", at_ms=AT_MS + 1)

    assert lost
    assert [note.kind for note in contacts.notes("umbrella")] == ["released", "held"]


def test_a_campaign_counts_anew_once_when_it_is_resumed(contacts: Contacts, table: Any) -> None:
    contacts.campaigns.pause("win_back", why="bounces", at_ms=AT_MS)
    lost = lose_reply(table.meta.client)

    Contacts(table, accounts_table="accounts").campaigns.resume("win_back")

    assert lost
    assert contacts.campaigns.read("win_back", at_ms=AT_MS, window_days=7).run == 1
