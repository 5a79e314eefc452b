"""A sweep's ports on AWS, put together from the function's settings."""

import logging
from collections.abc import Callable
from typing import Final

from stemtide.config_schema import Config
from stemtide.event_days import EventDays
from stemtide.features.configured_features import Shape
from stemtide.scoring.artefact import ArtefactError
from stemtide.settings import SweepSettings
from stemtide.store import clients
from stemtide.store.account_list import list_accounts
from stemtide.store.event_days import read_event_days
from stemtide.store.jobs import DynamoRuns
from stemtide.store.models import ModelStore, ModelStoreError
from stemtide.store.pace import Threads
from stemtide.store.stream_lag import aggregates_lag_ms
from stemtide.store.sweep_nights import SweepNights
from stemtide.store.sweeps import SweepLog
from stemtide.sweep import MODEL, NIGHTS_JOB
from stemtide.sweep_ports import SweepPorts

logger: Final = logging.getLogger(__name__)


def sweep_ports(
    settings: SweepSettings,
    config: Config,
    *,
    metric: Callable[[str, int], None],
    now_ms: Callable[[], int],
) -> SweepPorts:
    """What the steps of a run touch."""
    s3, kinesis = clients.client("s3"), clients.client("kinesis")
    ingest = clients.table(settings.ingest_table)
    accounts = clients.table(settings.accounts_table)
    models = ModelStore(s3, settings.model_bucket, shape=Shape.of(config.events))

    def events(as_of_ms: int) -> EventDays:
        return read_event_days(ingest, as_of_ms)

    def usable(version: str) -> bool:
        try:
            models.load(MODEL, version)
        except (ArtefactError, ModelStoreError):
            logger.exception("model %s: version %s, which a night began with, is refused", MODEL, version)
            return False
        return True

    return SweepPorts(
        accounts=lambda: (account for account, _ in list_accounts(accounts)),
        champion=lambda: models.serving(MODEL)[0],
        challenger=lambda: None,
        usable=usable,
        events=events,
        lag_ms=lambda: aggregates_lag_ms(kinesis, settings.event_stream, ingest, now_ms=now_ms()),
        log=SweepLog(s3=s3, bucket=settings.archive_bucket, table=ingest),
        nights=SweepNights(ingest),
        slots=lambda run: DynamoRuns(table=ingest, job=NIGHTS_JOB, run=run),
        side_by_side=Threads(),
        now_ms=now_ms,
        metric=metric,
    )
