"""A sweep's ports on AWS, put together from the function's settings."""

from collections.abc import Callable
from dataclasses import dataclass

from stemtide.config_schema import Config
from stemtide.event_days import EventDays
from stemtide.features.configured_features import Shape
from stemtide.refusals import REFUSED, Refusal
from stemtide.scoring.artefact import ArtefactError
from stemtide.scoring.assessment import CHURN
from stemtide.settings import SweepSettings
from stemtide.store import clients
from stemtide.store.account_list import list_accounts
from stemtide.store.event_days import read_event_days
from stemtide.store.jobs import DynamoRuns
from stemtide.store.model_pointers import ModelStoreError
from stemtide.store.models import ModelStore
from stemtide.store.pace import Threads
from stemtide.store.peer_tables import PeerTables
from stemtide.store.stream_lag import aggregates_lag_ms
from stemtide.store.sweep_nights import SweepNights
from stemtide.store.sweeps import SweepLog
from stemtide.sweep import NIGHTS_JOB
from stemtide.sweep_ports import SweepPorts


@dataclass(slots=True, kw_only=True)
class NightModels:
    """Which versions a night may rest on: those that the bucket has whole now.

    Every look begins without memory, as any scorer may: a version that this process loaded yesterday may be
    damaged since.
    """

    store: Callable[[], ModelStore]
    _refusal: Refusal | None = None

    def champion(self) -> str | None:
        """The version that serves, or the last good one; None: the rules."""
        found = self.store().look(CHURN)
        self._refusal = found.refusal
        return found.version

    def refused(self) -> str | None:
        """What was refused at the last look at the champion."""
        if self._refusal is None:
            return None
        kept = "the rules score" if self._refusal.kept is None else f"{self._refusal.kept} goes on"
        return f"{self._refusal.refused} is refused, {kept}: {self._refusal.reason}"

    def challenger(self) -> str | None:
        """The version that is tried beside it."""
        return self.store().challenger(CHURN)

    def usable(self, version: str) -> bool:
        """Whether a version that a night began with still loads."""
        try:
            self.store().named(CHURN, version)
        except (ArtefactError, ModelStoreError):
            return False
        return True

    def in_shadow(self, version: str | None) -> bool:
        """Whether nothing may act on what a version says (None: rules)."""
        return self.store().in_shadow(CHURN, version)


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
    models = NightModels(
        store=lambda: ModelStore(
            s3,
            settings.model_bucket,
            shape=Shape.of(config.events),
            heard=lambda refusals: metric(REFUSED, len(refusals)),
        )
    )

    def events(as_of_ms: int) -> EventDays:
        return read_event_days(ingest, as_of_ms)

    return SweepPorts(
        accounts=lambda: (account for account, _ in list_accounts(accounts)),
        champion=models.champion,
        challenger=models.challenger,
        usable=models.usable,
        in_shadow=models.in_shadow,
        refused=models.refused,
        events=events,
        lag_ms=lambda: aggregates_lag_ms(kinesis, settings.event_stream, ingest, now_ms=now_ms()),
        log=SweepLog(s3=s3, bucket=settings.archive_bucket, table=ingest),
        nights=SweepNights(ingest),
        slots=lambda run: DynamoRuns(table=ingest, job=NIGHTS_JOB, run=run),
        put_peers=PeerTables(ingest).put,
        side_by_side=Threads(),
        now_ms=now_ms,
        metric=metric,
    )
