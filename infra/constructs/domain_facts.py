"""How the bus learns what happened to an account: from the table's stream, never beside a write."""

from aws_cdk import aws_events as events
from aws_cdk import aws_s3 as s3
from constructs import Construct
from stemtide.settings import PublishSettings

from infra.config import Deployment
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.table_consumer import TableConsumer, inserted

SCORED = {
    "dynamodb": {
        "Keys": {"item": {"S": ["record"]}},
        "NewImage": {"assessment": {"S": [{"exists": True}]}},
    }
}
"""Any change of a customer record that has a score."""


class DomainFacts(Construct):
    """Puts `UsageDropDetected` and `RiskTierChanged` on the bus, or notes that they are withheld."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        bus: events.IEventBus,
        given_up: s3.IBucket,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="publish",
            deployment=deployment,
            layers=layers,
            settings=PublishSettings(
                accounts_table=tables.accounts.table_name,
                ingest_table=tables.ingest.table_name,
                event_bus=bus.event_bus_name,
                dead_letter_queue=asynchronous.queue.queue_url,
            ),
        )
        self.function.allow(["events:PutEvents"], bus.event_bus_arn)
        self.function.allow(["dynamodb:PutItem"], tables.ingest.table_arn, tables.accounts.table_arn)
        self.function.allow(["sqs:SendMessage"], asynchronous.queue.queue_arn)
        TableConsumer(
            self,
            "Consumer",
            function=self.function,
            table=tables.accounts,
            filters=[inserted(key="item", prefix="drop#"), SCORED],
            given_up=given_up,
            window_s=0,  # somebody waits for the score
        )
