"""Every account scored once a night: a state machine around the scorer."""

from constructs import Construct
from stemtide.settings import SweepSettings
from stemtide.store.sweeps import PREFIX

from infra.config import Deployment
from infra.constructs.archive import Archive
from infra.constructs.balance_check import METRICS
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.model_registry import ModelRegistry
from infra.constructs.plan_map_finish import Words, Work, definition, machine
from infra.constructs.schedules import Schedules

NIGHTLY = "cron(30 2 * * ? *)"
"""Half past two UTC: the day before is over everywhere in its own terms, late batches are in, usage is set
right (see `nightly_recompute`)."""
WORDS = Words(
    comment="Scores every account as of the end of a UTC day",
    map="Score",
    label="batches",
    task="ScoreBatch",
    verdict="EveryAccountScored",
    good="Scored",
    error="SweepFailed",
)
GIVEN_UP = {
    "scored": 0,
    "unchanged": 0,
    "not_customers": 0,
    "failed.$": "$.size",
    "first.$": "$.accounts[0]",
    "given_up": True,
}
"""The answer in place of a batch's own; its execution and the scorer's log have the error."""


class NightlySweep(Construct):
    """Plan (list, batches to S3) → map over the batches → finish (counts); started by schedule or by hand."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        archive: Archive,
        models: ModelRegistry,
        scorer: Function,
        schedules: Schedules,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="sweep",
            deployment=deployment,
            layers=layers,
            settings=SweepSettings(
                accounts_table=tables.accounts.table_name,
                ingest_table=tables.ingest.table_name,
                archive_bucket=archive.bucket.bucket_name,
                model_bucket=models.bucket.bucket_name,
                metric_namespace=METRICS,
            ),
        )
        self.function.allow(["dynamodb:Query"], f"{tables.accounts.table_arn}/index/by_risk")
        self.function.allow(
            ["dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"], tables.ingest.table_arn
        )
        self.function.allow_objects(["s3:PutObject"], archive.bucket, prefix=PREFIX)
        models.allow_read(self.function)
        work = Work(
            words=WORDS,
            invocation={"FunctionName": scorer.function_arn, "Payload.$": "$"},
            given_up=GIVEN_UP,
            finish={"results.$": "$.results"},
        )
        self.arn = machine(
            self,
            deployment=deployment,
            name="sweep",
            definition=definition(
                work, planner=self.function.function_arn, concurrency=deployment.sweep_concurrency
            ),
            functions=[self.function, scorer],
            archive=archive,
            prefix=PREFIX,
        )
        schedules.start(self.arn, name="sweep", cron=NIGHTLY)
