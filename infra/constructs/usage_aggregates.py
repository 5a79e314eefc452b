"""The stream's first consumer: usage per account and day."""

from constructs import Construct
from stemtide.settings import AggregateSettings

from infra.config import Deployment
from infra.constructs.archive import Archive
from infra.constructs.dead_letters import DeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.event_stream import EventStream
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.stream_consumer import StreamConsumer


class UsageAggregates(Construct):
    """Folds events into the usage table, keeps what is said of customers, quarantines what cannot be counted,
    forwards foreign keys."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        events: EventStream,
        tables: DomainTables,
        archive: Archive,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="aggregate",
            deployment=deployment,
            layers=layers,
            settings=AggregateSettings(
                usage_table=tables.usage.table_name,
                accounts_table=tables.accounts.table_name,
                ingest_table=tables.ingest.table_name,
                event_stream=events.stream.stream_name,
                archive_bucket=archive.bucket.bucket_name,
            ),
        )
        self.function.allow(["dynamodb:BatchGetItem"], tables.usage.table_arn)
        self.function.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem"],
            tables.usage.table_arn,
            tables.ingest.table_arn,
        )
        self.function.allow(["dynamodb:UpdateItem"], tables.ingest.table_arn)
        self.function.allow(["dynamodb:PutItem"], tables.accounts.table_arn)
        self.function.allow(["kinesis:PutRecords"], events.stream.stream_arn)
        self.function.allow_objects(["s3:PutObject"], archive.bucket, prefix="quarantine/")
        StreamConsumer(
            self,
            "Consumer",
            function=self.function,
            events=events,
            given_up=dead_letters.bucket,
            window_s=deployment.aggregate_window_s,
            partial_answers=True,
        )
