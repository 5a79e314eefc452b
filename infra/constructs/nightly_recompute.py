"""Usage set right by the archive once a night: what producers repeated, what was given up.

The same function keeps the rows of the history: they are right when it has looked at them.
"""

from constructs import Construct
from stemtide.archive import PREFIX as RAW
from stemtide.history_keys import PREFIX as HISTORY
from stemtide.settings import RecomputeSettings
from stemtide.store.recomputes import PREFIX

from infra.config import Deployment
from infra.constructs.archive import Archive
from infra.constructs.balance_check import METRICS
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import HistoryLayer, Layers
from infra.constructs.plan_map_finish import Words, Work, definition, machine
from infra.constructs.schedules import Schedules

NIGHTLY = "cron(15 1 * * ? *)"
"""A quarter past one UTC: the day before is in the archive, and an hour is left before scores rest on it."""
WORDS = Words(
    comment="Sets usage right by the archive, for the arrival days that were planned",
    map="Recount",
    label="tasks",
    task="RecountBucket",
    verdict="EveryItemRight",
    good="Right",
    error="RecomputeFailed",
)


class NightlyRecompute(Construct):
    """Plan (days, buckets to S3) → map over the buckets → finish (counts); started by schedule or by hand."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        archive: Archive,
        schedules: Schedules,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="recompute",
            deployment=deployment,
            layers=layers,
            extra=HistoryLayer(self, "Layers", deployment=deployment),
            settings=RecomputeSettings(
                usage_table=tables.usage.table_name,
                ingest_table=tables.ingest.table_name,
                archive_bucket=archive.bucket.bucket_name,
                metric_namespace=METRICS,
            ),
        )
        self.function.allow(
            ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem"], tables.usage.table_arn
        )
        self.function.allow(
            ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
            tables.ingest.table_arn,
        )
        self.function.allow_listing(archive.bucket, prefix=f"{RAW}/")
        self.function.allow_objects(["s3:GetObject"], archive.bucket, prefix=f"{RAW}/")
        self.function.allow_objects(["s3:PutObject"], archive.bucket, prefix=PREFIX)
        self.function.allow_objects(["s3:PutObject"], archive.bucket, prefix=HISTORY)
        arn = self.function.function_arn
        work = Work(
            words=WORDS,
            invocation={"FunctionName": arn, "Payload": {"step": "task", "item.$": "$"}},
        )
        self.arn = machine(
            self,
            deployment=deployment,
            name="recompute",
            definition=definition(work, planner=arn, concurrency=deployment.recompute_concurrency),
            functions=[self.function],
            archive=archive,
            prefix=PREFIX,
        )
        schedules.start(self.arn, name="recompute", cron=NIGHTLY)
