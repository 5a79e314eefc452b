"""One small row an account instead of its days, and never what the days do not say any more."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws
from stemtide import tables
from stemtide.calls import day_of_index
from stemtide.config_schema import Events
from stemtide.features import history
from stemtide.features.usage_at import UsageAt
from stemtide.fold import fold
from stemtide.limits import LONG_DAYS
from stemtide.ports import LATE, UsageRow
from stemtide.state import EMPTY, Caps, Event, State, decode, encode, id_hash
from stemtide.store import clients, usage_reader
from stemtide.store.usage import DynamoUsageItems
from stemtide.store.usage_blocks import Block, UsageBlocks
from stemtide.store.usage_reader import WHOLE_EVERY, UsageReader
from stemtide.table_stream import Change
from stemtide.users import encode as encode_users
from stemtide.users import together, user_hash
from stemtide.voiding import void_late

from tests.domain_tables import create

TODAY = int(time.time()) // 86_400
CLOSED = TODAY - 1


@dataclass
class Kept:
    """The tables, and what was asked of them."""

    usage: Any
    accounts: Any
    calls: list[str] = field(default_factory=list)
    events: Events = field(default_factory=Events)

    def reader(self) -> UsageReader:
        return UsageReader.of_table(self.usage, blocks=UsageBlocks(self.accounts), events=self.events)

    def read(self, day: int = CLOSED, account: str = "acme") -> UsageAt:
        self.calls.clear()
        found = self.reader().read(account, day)
        bare = UsageReader.of_table(self.usage, blocks=None, events=self.events)
        asked = list(self.calls)
        whole = bare.read(account, day)
        self.calls[:] = asked
        assert same(found, whole)
        return found

    def use(self, day: int, name: str = "Report Created", user: str = "ann", number: int = 1) -> Change:
        """One more call on a day, as the aggregates write it; the change that the table's stream tells."""
        items, sort = DynamoUsageItems(client=boto3.client("dynamodb"), table_name="usage"), day_of_index(day)
        stored = items.get("acme", sort)
        state = EMPTY if stored is None else decode(stored.blob)
        version = 0 if stored is None else stored.version
        one = Event(
            version + 1, id_hash(f"{name}{day}{version}"), user_hash(user), name, day * 86_400_000, number
        )
        after = fold(state, [one], lane="0", caps=Caps()).state
        row = UsageRow(
            account="acme",
            sort=sort,
            version=version + 1,
            blob=encode(after),
            events=after.events,
            expires_at=int(time.time()) + 86_400,
        )
        items.put(row)
        new = self.usage.get_item(Key={"account": "acme", "day": sort})["Item"]
        return Change(sequence="7", event="MODIFY", keys={"account": "acme", "day": sort}, new=new, old=None)

    def told(self, *changes: Change) -> str | None:
        return void_late(changes, UsageBlocks(self.accounts).void)

    @property
    def block(self) -> Block | None:
        return UsageBlocks(self.accounts).read("acme")


def same(one: UsageAt, other: UsageAt) -> bool:
    parts = [
        (u._replace(block=0, long=0, distinct=()), u.block.tolist(), u.long.tolist()) for u in (one, other)
    ]  # type: ignore[arg-type]
    return parts[0] == parts[1] and np.array_equal(one.distinct, other.distinct, equal_nan=True)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        for table in (tables.USAGE, tables.ACCOUNTS):
            create(boto3.client("dynamodb"), table)
        resource = clients.dynamodb()
        found = Kept(resource.Table("usage"), resource.Table("accounts"))
        register = found.usage.meta.client.meta.events.register  # both tables share it
        register("before-call.dynamodb.*", lambda model, **_: found.calls.append(model.name))
        yield found


def test_the_second_score_of_a_day_reads_one_row(kept: Kept) -> None:
    kept.use(CLOSED - 3)
    first = kept.read()

    again = kept.read()

    assert kept.calls == ["GetItem"]
    assert same(first, again)


def test_an_account_that_is_used_every_day_is_scored_day_by_day(kept: Kept) -> None:
    for ago in range(4, -1, -1):
        kept.use(CLOSED - ago, number=10**ago)

    found = [kept.read(CLOSED - ago) for ago in (3, 2, 0)]

    assert [one.block[0].sum() for one in found] == [11_000, 11_100, 11_111]
    assert kept.block is not None
    assert (kept.block.day, kept.block.whole) == (CLOSED, CLOSED - 3)


def test_the_first_day_of_the_longest_window_is_read_and_tells_that_all_of_it_is_known(kept: Kept) -> None:
    kept.use(CLOSED - LONG_DAYS, number=100)
    kept.use(CLOSED - LONG_DAYS + 1, number=4)
    kept.use(CLOSED - 1, number=2)

    found = kept.read()

    assert (found.long[0].tolist(), found.known) == ([2, 2, 4], LONG_DAYS)
    assert kept.calls == ["GetItem", "Query", "PutItem", "Query", "UpdateItem"]


def test_the_first_days_of_the_calendar_can_be_asked_for(kept: Kept) -> None:
    kept.use(CLOSED - 3)

    assert kept.read(date(1, 1, 2).toordinal() - date(1970, 1, 1).toordinal()).first_day is None


def test_days_that_are_not_kept_are_read_again_the_next_day(kept: Kept) -> None:
    """Of a day whose commenters are a sketch only the usage made of it is kept."""
    at_ms = (CLOSED - 3) * 86_400_000
    crowd = encode_users(together([], [user_hash(f"u{n}") for n in range(300)]))
    state = State(300, 300, 0, {"comment_added": 300}, at_ms, at_ms, commenters=crowd)
    kept.usage.put_item(
        Item={"account": "acme", "day": day_of_index(CLOSED - 3), "v": 1, "s": encode(state), "events": 300}
    )
    kept.use(CLOSED)

    kept.read(CLOSED - 1)
    before = kept.block
    found = kept.read(CLOSED)

    assert before is not None
    assert before.kept is None
    assert found.block[0].sum() == 301


@pytest.mark.parametrize("day", [CLOSED, TODAY], ids=["written", "only_begun"])
def test_a_row_lasts_as_long_as_the_account_is_scored(kept: Kept, day: int) -> None:
    kept.use(CLOSED - 3)
    kept.read(day)

    [row] = kept.accounts.scan()["Items"]

    assert row["expires_at"] > time.time() + 300 * 86_400


def test_the_next_day_reads_only_what_is_new(kept: Kept) -> None:
    kept.use(CLOSED - 5)
    kept.read(CLOSED - 3)
    kept.use(CLOSED - 1, user="bob")

    found = kept.read(CLOSED)

    assert kept.calls == ["GetItem", "Query", "UpdateItem"]
    assert kept.block is not None
    assert (kept.block.day, kept.block.whole) == (CLOSED, CLOSED - 3)
    assert found.last_active_day == CLOSED - 1


def test_a_late_event_voids_the_row(kept: Kept) -> None:
    kept.use(CLOSED - 3)
    before = kept.read()
    change = kept.use(CLOSED - 9, number=5)

    assert kept.told(change) is None
    after = kept.read()

    assert kept.block is not None
    assert kept.block.voids == 1
    assert before.block[0].sum() == 1
    assert after.block[0].sum() == 6


def test_a_change_while_a_score_reads_refuses_what_it_made(kept: Kept) -> None:
    kept.use(CLOSED - 3)
    block = UsageBlocks(kept.accounts).begin("acme")
    made = replace(block, day=CLOSED, digest="x", usage=b"old")
    assert kept.told(kept.use(CLOSED - 3)) is None

    assert not UsageBlocks(kept.accounts).write("acme", made)
    assert kept.block == Block(voids=1)
    assert UsageBlocks(kept.accounts).write("acme", replace(made, voids=1))


def test_an_account_that_was_never_scored_costs_no_write(kept: Kept) -> None:
    change = kept.use(CLOSED - 3)
    kept.calls.clear()

    kept.told(change)

    assert kept.calls == ["BatchGetItem"]
    assert kept.accounts.scan()["Items"] == []


def test_of_a_name_that_was_never_heard_of_nothing_is_kept(kept: Kept) -> None:
    found = kept.read(account="nobody")

    assert found.first_day is None
    assert kept.calls == ["GetItem", "Query"]
    assert kept.accounts.scan()["Items"] == []


def test_two_that_begin_at_once_do_not_hide_a_change_between_them(kept: Kept) -> None:
    blocks = UsageBlocks(kept.accounts)
    first = blocks.begin("acme")
    blocks.void(["acme"])

    second = blocks.begin("acme")

    assert kept.block == Block(voids=1)
    assert not blocks.write("acme", replace(first, day=CLOSED, digest="x"))
    assert not blocks.write("acme", replace(second, day=CLOSED, digest="x"))


def test_everything_is_read_as_of_now(kept: Kept) -> None:
    change = kept.use(CLOSED - 3)
    consistent: list[bool] = []
    events = kept.usage.meta.client.meta.events
    events.register(
        "provide-client-params.dynamodb.BatchGetItem",
        lambda params, **_: consistent.append(
            params["RequestItems"]["accounts"].get("ConsistentRead", False)
        ),
    )
    for operation in ("GetItem", "Query"):
        events.register(
            f"provide-client-params.dynamodb.{operation}",
            lambda params, **_: consistent.append(params.get("ConsistentRead", False)),
        )

    kept.read()
    kept.told(change)

    assert len(consistent) > 3
    assert all(consistent)


def test_use_of_the_open_day_is_nobodys_concern(kept: Kept) -> None:
    change = kept.use(TODAY)
    kept.calls.clear()

    kept.told(change)

    assert LATE not in (change.new or {})
    assert kept.calls == []


@pytest.mark.parametrize("day", [TODAY, TODAY + 1])
def test_a_day_that_is_not_over_is_read_and_not_kept(kept: Kept, day: int) -> None:
    kept.use(TODAY)
    kept.read(day)

    assert kept.block == Block(voids=0)


def test_an_older_day_is_read_and_does_not_replace_a_newer_one(kept: Kept) -> None:
    for ago in (410, 40):
        kept.use(CLOSED - ago)
    kept.read(CLOSED)
    kept.read(CLOSED - 30)

    assert kept.block is not None
    assert kept.block.day == CLOSED
    assert "UpdateItem" not in kept.calls


def test_another_meaning_of_events_makes_everything_anew(kept: Kept) -> None:
    kept.use(CLOSED - 3, name="Deal Won")
    assert kept.read().block[3].sum() == 0
    kept.events = Events(core_actions=("Deal *",))

    assert kept.read().block[3].sum() == 1


def test_what_was_kept_when_every_call_was_use_is_made_anew(kept: Kept) -> None:
    kept.use(CLOSED - 3, name="group")
    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr(usage_reader, "LAYOUT", 1)
        earlier.setattr(history, "is_told", lambda name: False)
        assert kept.read().last_active_day == CLOSED - 3

    assert kept.read().last_active_day is None


def test_all_days_are_read_again_now_and_then(kept: Kept) -> None:
    kept.use(CLOSED - WHOLE_EVERY - 3)
    for ago in range(WHOLE_EVERY, -1, -7):
        kept.read(CLOSED - ago)

    assert kept.block is not None
    assert kept.block.whole == CLOSED


def test_a_row_that_is_too_old_to_be_rolled_on_is_made_of_all_days(kept: Kept) -> None:
    kept.use(CLOSED - 40)
    kept.read(CLOSED - WHOLE_EVERY - 2)
    kept.read(CLOSED)

    assert kept.block is not None
    assert kept.block.whole == CLOSED


def test_many_accounts_are_looked_for_a_hundred_at_a_time(kept: Kept) -> None:
    blocks = UsageBlocks(kept.accounts)
    for account in ("a7", "a199"):
        blocks.begin(account)
    kept.calls.clear()

    voided = blocks.void([f"a{n}" for n in range(200)])

    assert voided == 2
    assert sorted(kept.calls) == ["BatchGetItem"] * 2 + ["UpdateItem"] * 2
