"""The core's ports on AWS, put together from a function's settings."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from stemtide.aggregate import AggregatePorts, Rules
from stemtide.archive import ArchivedRecord, ArchivePorts
from stemtide.calls import Bounds
from stemtide.commit import Committer
from stemtide.config_schema import Config, Ingest
from stemtide.corrections import Corrector
from stemtide.day_items import Item
from stemtide.ports import Pace
from stemtide.progress import Progress
from stemtide.recompute import Recompute
from stemtide.repeats import Repeats
from stemtide.settings import AggregateSettings, ArchiveSettings, RecomputeSettings
from stemtide.state import Caps
from stemtide.store import clients
from stemtide.store.archive_objects import ArchiveDays, S3Objects
from stemtide.store.consumer_progress import read_progress
from stemtide.store.event_days import EventDayNotes
from stemtide.store.forward import KinesisStream
from stemtide.store.incarnation import StreamIncarnations
from stemtide.store.ledger import AGGREGATE, ARCHIVE, DynamoLedger
from stemtide.store.pace import Threads, lambda_pace
from stemtide.store.quarantine import DynamoQuarantine
from stemtide.store.recomputes import RecomputeLog
from stemtide.store.records import Records
from stemtide.store.recount_items import RecountItems
from stemtide.store.usage import DynamoUsageItems
from stemtide.warm import WarmCache

WARM_ITEMS: Final = 50_000
WARM_STATE_BYTES: Final = 384 * 1024 * 1024
"""Of warm states with the message ids and users that are known to be in them, as objects: for instance 20,000
account-days with 100 ids each."""
WARM_SKETCH_BYTES: Final = 64 * 1024 * 1024
NO_TIME = lambda_pace(lambda: 0)
"""The pace of ports that no invocation has paced yet: nothing may begin."""


def aggregate_rules(ingest: Ingest) -> Rules:
    """The configured bounds of the aggregates."""
    return Rules(
        bounds=Bounds(max_lateness=timedelta(days=ingest.max_lateness_days)),
        retention=timedelta(days=ingest.usage_retention_days),
    )


def usage_caps(config: Config) -> Caps:
    """How much an account-day holds, and whose users it tells apart."""
    return Caps(event_types=config.ingest.max_event_types, is_comment=config.events.commenting())


def aggregate_ports(
    settings: AggregateSettings,
    config: Config,
    *,
    say_waiting: Callable[[int, Exception | None], None] = lambda days, error: None,
) -> AggregatePorts:
    """What the aggregate function touches; `paced` gives each invocation its deadline, `say_waiting` is told
    of days whose events could not be noted."""
    dynamodb, kinesis = clients.client("dynamodb"), clients.client("kinesis")
    notes = EventDayNotes(clients.table(settings.ingest_table, config=clients.BRIEF), say_waiting=say_waiting)
    return AggregatePorts(
        committer=Committer(
            items=DynamoUsageItems(client=dynamodb, table_name=settings.usage_table),
            states=WarmCache(max_entries=WARM_ITEMS, max_bytes=WARM_STATE_BYTES),
            sketches=WarmCache(max_entries=WARM_ITEMS, max_bytes=WARM_SKETCH_BYTES),
            caps=usage_caps(config),
            pace=NO_TIME,
            is_login=config.events.logging_in() if config.triggers.login else None,
        ),
        ledger=DynamoLedger(table=clients.table(settings.ingest_table), consumer=AGGREGATE),
        quarantine=DynamoQuarantine(
            client=dynamodb,
            table_name=settings.ingest_table,
            s3=clients.client("s3"),
            bucket=settings.archive_bucket,
            retention=timedelta(days=config.ingest.quarantine_retention_days),
        ),
        facts=Records(clients.table(settings.accounts_table)),
        repeats=Repeats(),
        stream=KinesisStream(client=kinesis, stream_name=settings.event_stream),
        incarnations=StreamIncarnations(client=kinesis),
        pace=NO_TIME,
        side_by_side=Threads(),
        note_quarters=lambda quarters, spent: notes.note(quarters, spent=spent),
    )


def archive_ports(settings: ArchiveSettings) -> ArchivePorts:
    """What the archive function touches."""
    return ArchivePorts(
        objects=S3Objects(client=clients.client("s3"), bucket=settings.archive_bucket),
        ledger=DynamoLedger(table=clients.table(settings.ingest_table), consumer=ARCHIVE),
        incarnations=StreamIncarnations(client=clients.client("kinesis")),
        pace=NO_TIME,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecomputeStore:
    """What a recompute touches: the archive by day, the ingest table, its log; and itself, at a pace and
    perhaps quiet."""

    days: ArchiveDays
    table: Any
    log: RecomputeLog
    recompute: Callable[[Pace, bool], Recompute]


@dataclass(frozen=True, slots=True)
class _ReadArchive:
    """`recompute.Archive`: the objects, and how far both consumers have come."""

    days: ArchiveDays
    table: Any

    def progress(self) -> Progress:
        return read_progress(self.table)

    def records(self, day: str, wanted: Callable[[str], bool]) -> Iterable[tuple[str, ArchivedRecord]]:
        return self.days.records(day, wanted)


def recompute_store(
    settings: RecomputeSettings, config: Config, broken: Callable[[Item, Exception], None]
) -> RecomputeStore:
    """What the recompute function touches; `broken` as in `Corrector`."""
    from stemtide.store.history_objects import HistoryObjects  # with DuckDB, which no other function has

    s3, threads = clients.client("s3"), Threads()
    table = clients.table(settings.ingest_table)
    days = ArchiveDays(client=s3, bucket=settings.archive_bucket, side_by_side=threads)
    dynamodb = clients.client("dynamodb")
    history = HistoryObjects(client=s3, bucket=settings.archive_bucket)

    def recompute(pace: Pace, quiet: bool, /) -> Recompute:
        return Recompute(
            archive=_ReadArchive(days, table),
            corrector=Corrector(
                items=RecountItems(client=dynamodb, table_name=settings.usage_table, quiet=quiet),
                pace=pace,
                rules=aggregate_rules(config.ingest),
                caps=usage_caps(config),
                broken=broken,
            ),
            side_by_side=threads,
            history=history,
        )

    log = RecomputeLog(s3=s3, bucket=settings.archive_bucket, table=table)
    return RecomputeStore(days=days, table=table, log=log, recompute=recompute)
