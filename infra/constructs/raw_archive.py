"""The stream's second consumer: every record as it came, into the archive."""

from constructs import Construct
from stemtide.settings import ArchiveSettings

from infra.config import Deployment
from infra.constructs.archive import Archive
from infra.constructs.dead_letters import DeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.event_stream import EventStream
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.stream_consumer import StreamConsumer


class RawArchive(Construct):
    """Writes one compressed object per batch and counts what came in, independently of the aggregates."""

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
            name="archive",
            deployment=deployment,
            layers=layers,
            settings=ArchiveSettings(
                archive_bucket=archive.bucket.bucket_name, ingest_table=tables.ingest.table_name
            ),
        )
        self.function.allow(["dynamodb:GetItem", "dynamodb:PutItem"], tables.ingest.table_arn)
        self.function.allow_objects(["s3:PutObject"], archive.bucket, prefix="raw/")
        StreamConsumer(
            self,
            "Consumer",
            function=self.function,
            events=events,
            given_up=dead_letters.bucket,
            window_s=deployment.archive_window_s,
            partial_answers=False,
        )
