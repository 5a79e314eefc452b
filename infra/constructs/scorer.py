"""Who scores accounts."""

from constructs import Construct
from stemtide.settings import ScoreSettings

from infra.config import Deployment
from infra.constructs.archive import Archive
from infra.constructs.balance_check import METRICS
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.model_registry import ModelRegistry
from infra.constructs.score_queue import ScoreQueue


class Scorer(Construct):
    """Scores on drops and logins (a queue each), in batches (the nightly run) and on request (HTTP API)."""

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
        drops: ScoreQueue,
        logins: ScoreQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="score",
            deployment=deployment,
            layers=layers,
            settings=ScoreSettings(
                usage_table=tables.usage.table_name,
                accounts_table=tables.accounts.table_name,
                ingest_table=tables.ingest.table_name,
                archive_bucket=archive.bucket.bucket_name,
                model_bucket=models.bucket.bucket_name,
                drop_queue=drops.queue.queue_url,
                drop_dead_letter_queue=drops.given_up.queue_url,
                metric_namespace=METRICS,
                login_queue=logins.queue.queue_url,
                login_dead_letter_queue=logins.given_up.queue_url,
            ),
        )
        self.function.allow(["dynamodb:Query"], tables.usage.table_arn, tables.ingest.table_arn)
        self.function.allow(
            [
                *("dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem"),
                *("dynamodb:Query", "dynamodb:UpdateItem"),
            ],
            tables.accounts.table_arn,
        )
        models.allow_read(self.function)
        drops.feed(self.function, concurrency=deployment.score_concurrency)
        logins.feed(self.function, concurrency=deployment.login_concurrency)
