"""The stores that the stream's consumers and the recompute use: in memory, or the real ones on some cloud."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from stemtide import tables
from stemtide.archive import ArchivedRecord, Objects
from stemtide.day_items import UsageStore
from stemtide.facts import Fact
from stemtide.ports import Facts, Ledger, Quarantine, UsageItems
from stemtide.store.archive_objects import ArchiveDays, S3Objects
from stemtide.store.ledger import AGGREGATE, ARCHIVE, DynamoLedger
from stemtide.store.quarantine import DynamoQuarantine, list_quarantined
from stemtide.store.records import Records
from stemtide.store.recount_items import RecountItems

from tests.domain_tables import create
from tests.simulation import memory
from tests.simulation.memory import one_by_one
from tests.simulation.recount_stores import MemoryUsageStore, read_day
from tests.simulation.steps import Nobody, Steps

KEPT: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """One of each, empty at first, and ways to look at what the ports only write."""

    items: UsageItems
    recounted: UsageStore
    ledger: Ledger
    other_ledger: Ledger
    quarantine: Quarantine
    quarantined: Callable[[], int]
    facts: Facts
    said: Callable[[str], list[Fact]]
    objects: Objects
    archived: Callable[[str], Iterator[tuple[str, ArchivedRecord]]]


def in_memory() -> Stores:
    """As the simulation has them."""
    stored, steps = memory.Stored(), Steps(Nobody(), 0)

    def said(account: str) -> list[Fact]:
        return [fact for key, fact in sorted(stored.facts.items()) if key[0] == account]

    return Stores(
        items=memory.MemoryItems(stored.usage, steps),
        recounted=MemoryUsageStore(stored.usage, steps),
        ledger=memory.MemoryLedger(stored.ledgers[0], steps),
        other_ledger=memory.MemoryLedger(stored.ledgers[1], steps),
        quarantine=memory.MemoryQuarantine(stored.quarantine, steps),
        quarantined=lambda: len(stored.quarantine),
        facts=memory.MemoryFacts(stored.facts, steps),
        said=said,
        objects=memory.MemoryObjects(stored.bodies, steps),
        archived=partial(read_day, stored.bodies),
    )


def on_cloud(client_of: Callable[[str], Any], dynamodb: Any, *, name: str) -> Stores:
    """The real ones on a cloud, in tables and a bucket of their own called after `name`."""
    client, s3 = client_of("dynamodb"), client_of("s3")
    for table in (tables.USAGE, tables.INGEST, tables.ACCOUNTS):
        create(client, replace(table, role=f"{name}-{table.role}"))
    s3.create_bucket(Bucket=name)
    ingest, accounts = dynamodb.Table(f"{name}-ingest"), Records(dynamodb.Table(f"{name}-accounts"))
    items = RecountItems(client=client, table_name=f"{name}-usage", quiet=False)
    return Stores(
        items=items,
        recounted=items,
        ledger=DynamoLedger(table=ingest, consumer=AGGREGATE),
        other_ledger=DynamoLedger(table=ingest, consumer=ARCHIVE),
        quarantine=DynamoQuarantine(
            client=client, table_name=ingest.name, s3=s3, bucket=name, retention=KEPT
        ),
        quarantined=lambda: len(list_quarantined(ingest).rows),
        facts=accounts,
        said=accounts.facts,
        objects=S3Objects(client=s3, bucket=name),
        archived=ArchiveDays(client=s3, bucket=name, side_by_side=one_by_one).records,
    )
