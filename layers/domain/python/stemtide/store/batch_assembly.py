"""The nightly run's batches on AWS, put together from the scorer's settings."""

from collections.abc import Callable
from typing import Any

from stemtide.config_schema import Config
from stemtide.features.profile_columns import Basis
from stemtide.ports import SideBySide
from stemtide.settings import ScoreSettings
from stemtide.store import clients
from stemtide.store.challenger_scores import Challengers, ChallengerScores
from stemtide.store.models import ModelStore
from stemtide.store.peer_tables import PeerTables
from stemtide.store.scoring import ScoreTables
from stemtide.store.sweep_nights import SweepNights
from stemtide.store.sweeps import SweepLog
from stemtide.sweep_batches import PortsOf, SweepBatches


def assembled(
    settings: ScoreSettings,
    config: Config,
    *,
    tables: ScoreTables,
    models: ModelStore,
    peers: PeerTables,
    ports: PortsOf,
    side_by_side: SideBySide,
    say_lost: Callable[[int, Exception], None],
    logger: Any,
) -> SweepBatches:
    """What the batches touch; the other arguments are the scorer's own."""
    table = clients.table(settings.ingest_table, config=clients.PATIENT)
    s3 = clients.client("s3", config=clients.PATIENT)
    return SweepBatches(
        load=models.named,
        challengers=Challengers(
            models=models,
            scores=ChallengerScores(tables.accounts),
            side_by_side=side_by_side,
            least_history_days=config.scoring.least_history_days,
            say_lost=say_lost,
        ),
        basis=Basis.of(config),
        peers=peers.read,
        columns=config.sweep.feature_completeness.columns,
        ports=ports,
        log=SweepLog(s3=s3, bucket=settings.archive_bucket, table=table),
        nights=SweepNights(table),
        logger=logger,
    )
