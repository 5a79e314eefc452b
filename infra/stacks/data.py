"""What must survive everything: the stream, the archive, the tables, the bus."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct
from stemtide.config_schema import Config

from infra.config import Deployment
from infra.constructs.archive import Archive
from infra.constructs.domain_bus import DomainBus
from infra.constructs.domain_tables import DomainTables
from infra.constructs.event_stream import EventStream
from infra.constructs.model_registry import ModelRegistry


class DataStack(Stack):
    """State. Functions live in the other stacks, so that they can be replaced without touching it."""

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, company: Config, **stack: Any
    ) -> None:
        super().__init__(scope, construct_id, termination_protection=deployment.keep_data, **stack)
        self.events = EventStream(self, "Events", deployment=deployment)
        self.archive = Archive(
            self, "Archive", deployment=deployment, quarantine_days=company.ingest.quarantine_retention_days
        )
        self.models = ModelRegistry(
            self, "Models", deployment=deployment, access_logs=self.archive.access_logs
        )
        self.tables = DomainTables(self, "Tables", deployment=deployment)
        self.bus = DomainBus(self, "Facts", deployment=deployment).bus

        CfnOutput(self, "EventStream", value=self.events.stream.stream_name)
        CfnOutput(self, "EventBus", value=self.bus.event_bus_name)
        CfnOutput(self, "ArchiveBucket", value=self.archive.bucket.bucket_name)
        CfnOutput(self, "ModelBucket", value=self.models.bucket.bucket_name)
        for role, table in self.tables.by_role.items():
            CfnOutput(self, f"{role.title()}Table", value=table.table_name)
