"""How the bus learns what happened: from a table's stream, never beside a write."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_s3 as s3
from constructs import Construct
from stemtide.contact_events import NOTE_PREFIX, STOPPING
from stemtide.plays.told import TASK
from stemtide.settings import PublishSettings
from stemtide.table_consumers import ANNOUNCE, BILLED_PREFIXES, PUBLISH, STOPS, TASKS

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
BILLED = [
    {"eventName": ["INSERT", "MODIFY"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": prefix}]}}}}
    for prefix in BILLED_PREFIXES
]

STOPPED = {
    "eventName": ["INSERT"],
    "dynamodb": {
        "Keys": {"sk": {"S": [{"prefix": NOTE_PREFIX}]}},
        "NewImage": {"kind": {"S": list(STOPPING)}},
    },
}
"""New notes of what stops mail."""
RAISED = {"eventName": ["INSERT"], "dynamodb": {"NewImage": {TASK: {"S": [{"exists": True}]}}}}
"""New ledger entries that ask a CSM to act."""


class PublishedFacts(Construct):
    """Puts what the changes of one table tell on the bus, or notes that it is withheld."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        table: dynamodb.Table,
        filters: Sequence[dict[str, Any]],
        bus: events.IEventBus,
        given_up: s3.IBucket,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name=name,
            code=PUBLISH.name,
            deployment=deployment,
            layers=layers,
            settings=PublishSettings(
                consumer=name,
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
            table=table,
            filters=list(filters),
            given_up=given_up,
            window_s=0,  # somebody waits for the score; a payment ends what has begun
        )


def of_accounts(scope: Construct, construct_id: str, *, tables: DomainTables, **more: Any) -> PublishedFacts:
    """`UsageDropDetected` and `RiskTierChanged`."""
    return PublishedFacts(
        scope,
        construct_id,
        name=PUBLISH.name,
        tables=tables,
        table=tables.accounts,
        filters=[inserted(key="item", prefix="drop#"), SCORED],
        **more,
    )


def of_billing(scope: Construct, construct_id: str, *, tables: DomainTables, **more: Any) -> PublishedFacts:
    """`InvoicePaymentFailed`, `InvoiceSettled`, `SubscriptionCanceled` and `PaymentMethodChanged`."""
    return PublishedFacts(
        scope,
        construct_id,
        name=ANNOUNCE.name,
        tables=tables,
        table=tables.billing,
        filters=BILLED,
        **more,
    )


def of_contacts(scope: Construct, construct_id: str, *, tables: DomainTables, **more: Any) -> PublishedFacts:
    """`ContactStopped`."""
    return PublishedFacts(
        scope,
        construct_id,
        name=STOPS.name,
        tables=tables,
        table=tables.contacts,
        filters=[STOPPED],
        **more,
    )


def of_episodes(scope: Construct, construct_id: str, *, tables: DomainTables, **more: Any) -> PublishedFacts:
    """`CsmTaskRaised`."""
    return PublishedFacts(
        scope,
        construct_id,
        name=TASKS.name,
        tables=tables,
        table=tables.episodes,
        filters=[RAISED],
        **more,
    )
