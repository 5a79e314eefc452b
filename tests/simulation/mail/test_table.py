"""The tables in memory end as moto's do: the same calls of the store, item by item."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from moto import mock_aws
from stemtide import tables
from stemtide.mail.budget import Contact
from stemtide.mail.message import MailClass
from stemtide.mail.notices import Notice, NoticeKind
from stemtide.mail.outcomes import Reason
from stemtide.mail.ports import Asked, Claim, Note, Stop
from stemtide.ports import ConflictError
from stemtide.store import clients, contact_items
from stemtide.store.contacts import Contacts

from tests.domain_tables import create
from tests.simulation.mail.story import MONDAY_MS
from tests.simulation.mail.table import MemoryTables

STEPS = 200


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Empty tables."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(contact_items, "time", SimpleNamespace(time=lambda: 1_800_000_000))
    with mock_aws():
        resource = clients.dynamodb()
        for table in (tables.ACCOUNTS, tables.CONTACTS):
            create(resource.meta.client, table)
        yield resource


def claim_of(source: Random, store: Contacts) -> Claim:
    """A claim as the service would make it, from what is there, sometimes from what is not."""
    asked = Asked(
        account=source.choice(("acme", "beta")),
        key=f"{source.randrange(6):024x}",
        address=source.choice(("aa", "bb")),
        campaign=source.choice(("dunning", "upsell")),
    )
    standing = store.look(asked)
    contact = Contact(MONDAY_MS, asked.key, MailClass.LIFECYCLE, "upsell")
    return Claim(
        asked=asked,
        token=f"t{source.randrange(4)}",
        to="ada@example.com",
        mail_class=source.choice(tuple(MailClass)),
        template="t",
        journey="upsell",
        episode="e",
        step="1",
        at_ms=MONDAY_MS + source.randrange(3),
        real_ms=MONDAY_MS + source.randrange(3),
        run=standing.run,
        contacts=(contact,),
        budget_version=max(0, standing.budget_version - source.choice((0, 0, 0, 1))),
    )


def act_on_claims(store: Contacts, source: Random) -> Any:
    """Something that happens to a mail, drawn."""
    claim, at = claim_of(source, store), MONDAY_MS + source.randrange(100)
    match source.randrange(8):
        case 0 | 1 | 2 | 3:
            return store.claim(claim)
        case 4 | 5:
            return store.confirm(claim, message_id=f"m{source.randrange(4)}", at_ms=at)
        case 6 if source.random() < 0.5:
            return store.give_back(claim)
        case 6:
            return store.refuse(claim, why="no", at_ms=at)
        case _:
            rows = sorted(store.open_claims(MONDAY_MS + 2), key=lambda row: (row.account, row.key))
            return [store.mark_unknown(row, reason=Reason.ABANDONED, at_ms=at) for row in rows[:1]]


def act_on_others(store: Contacts, source: Random) -> Any:
    """Something that happens to an address, an account or a campaign, drawn."""
    account, address = source.choice(("acme", "beta")), source.choice(("aa", "bb"))
    campaign, at = source.choice(("dunning", "upsell")), MONDAY_MS + source.randrange(100)
    kind, message = source.choice(tuple(NoticeKind)), f"m{source.randrange(4)}"
    match source.randrange(9):
        case 0 | 1:
            return store.notices.note(Notice(kind, at, message, (address,), None, "x"), at_ms=at)
        case 2:
            return store.addresses.soft_bounce(address, message_id=message, at_ms=at, since_ms=at - 40)
        case 3:
            return store.addresses.stop(address, source.choice(tuple(Stop)), at_ms=at)
        case 4:
            return [store.addresses.lift(address, stop) for stop in Stop]
        case 5:
            return store.hold(account, why="case", at_ms=at), store.release(account, at_ms=at)
        case 6:
            return store.pause(campaign, why="w", at_ms=at), store.campaigns.resume(campaign)
        case 7:
            store.note(Note(account=account, at_ms=at, kind="k", facts={"a": 1}))
            return store.notes(account, limit=3)
        case _:
            names = sorted(store.campaigns.names())
            return store.campaigns.read(campaign, at_ms=at, window_days=2), names


def answer(store: Contacts, source: Random) -> Any:
    act = source.choice((act_on_claims, act_on_claims, act_on_others))
    try:
        return act(store, source)
    except ConflictError as error:
        return str(error)


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return int(value) if isinstance(value, Decimal) else value


def test_both_answer_and_hold_the_same(moto: Any) -> None:
    memory = MemoryTables()
    both = [
        (Contacts(table, accounts_table="accounts"), Random(5))
        for table in (memory.table("contacts"), moto.Table("contacts"))
    ]
    answers: list[Any] = []

    for _ in range(STEPS):
        mine, theirs = (answer(*one) for one in both)
        assert mine == theirs
        answers.append(mine)

    held = [plain(item) for item in moto.Table("contacts").scan()["Items"]]
    expected = [item for place, item in memory.items.items() if place[0] == "contacts"]
    assert sorted(held, key=lambda i: (i["pk"], i["sk"])) == sorted(
        expected, key=lambda i: (i["pk"], i["sk"])
    )
    assert len(held) > 30
    assert "TransactionCanceledException" in answers
    assert answers.count(None) > STEPS / 10


def test_what_an_account_may_not_get_is_read_from_its_record(moto: Any) -> None:
    moto.Table("accounts").put_item(
        Item={
            "account": "acme",
            "item": "record",
            "do_not_contact": True,
            "profile": '{"time_zone":"Asia/Tokyo"}',
        }
    )
    store = Contacts(moto.Table("contacts"), accounts_table="accounts")

    standing = store.look(Asked(account="acme", key="0" * 24, address="aa", campaign="dunning"))

    assert (standing.do_not_contact, standing.zone) == (True, "Asia/Tokyo")
