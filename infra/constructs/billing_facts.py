"""How the bus learns of failed and settled invoices, of ended subscriptions and of other cards."""

from aws_cdk import aws_events as events
from aws_cdk import aws_s3 as s3
from constructs import Construct
from stemtide.settings import AnnounceSettings
from stemtide.table_consumers import BILLED_PREFIXES

from infra.config import Deployment
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.table_consumer import TableConsumer

WRITTEN = [
    {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": prefix}]}}}}
    for prefix in BILLED_PREFIXES
]


class BillingFacts(Construct):
    """Puts `InvoicePaymentFailed`, `InvoiceSettled`, `SubscriptionCanceled` and `PaymentMethodChanged` on the
    bus, or notes that they are withheld."""

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
            name="announce",
            deployment=deployment,
            layers=layers,
            settings=AnnounceSettings(
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
            table=tables.billing,
            filters=WRITTEN,
            given_up=given_up,
            window_s=0,  # a payment ends what has begun
        )
