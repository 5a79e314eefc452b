"""What is made of the payment provider's events: rows, facts of accounts, a reconcile with the provider."""

from aws_cdk import aws_s3 as s3
from constructs import Construct
from stemtide import limits
from stemtide.billing.reconcile import JOB
from stemtide.settings import BillingSettings
from stemtide.table_consumers import EVENT_PREFIX, PENDING

from infra.config import Deployment
from infra.constructs.balance_check import METRICS
from infra.constructs.billing_webhooks import provider_secret
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers, LayerSet
from infra.constructs.schedules import Schedules
from infra.constructs.table_consumer import TableConsumer

WAITS = {
    "eventName": ["INSERT", "MODIFY"],
    "dynamodb": {
        "Keys": {"pk": {"S": [{"prefix": EVENT_PREFIX}]}},
        "NewImage": {"open_state": {"S": [PENDING]}},
    },
}
"""An event that was claimed, or is to be worked off once more."""
HOURLY = "cron(23 * * * ? *)"
"""What waits is handed on; the configured hours decide when the provider is asked, too."""


class BillingIntake(Construct):
    """Works off claimed events, reading the provider; writes facts, nothing else of an account."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        outreach: LayerSet,
        tables: DomainTables,
        given_up: s3.IBucket,
        asynchronous: AsyncDeadLetters,
        schedules: Schedules | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.key = provider_secret(
            self, "Key", deployment=deployment, holds="API key of the payment provider", key="none_yet"
        )
        self.function = Function(
            self,
            "Function",
            name="billing",
            deployment=deployment,
            layers=layers,
            extra=outreach,
            settings=BillingSettings(
                accounts_table=tables.accounts.table_name,
                billing_table=tables.billing.table_name,
                ingest_table=tables.ingest.table_name,
                dead_letter_queue=asynchronous.queue.queue_url,
                metric_namespace=METRICS,
                provider_key_secret=self.key.secret_arn,
                provider_url=deployment.payments_url,
                clock=deployment.clock,
            ),
        )
        self.function.allow(["secretsmanager:GetSecretValue"], self.key.secret_arn)
        self.function.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
            tables.billing.table_arn,
        )
        self.function.allow(["dynamodb:PutItem"], tables.accounts.table_arn)
        self.function.allow(
            ["dynamodb:Query"],
            f"{tables.billing.table_arn}/index/by_state",
            f"{tables.accounts.table_arn}/index/by_customer",
        )
        self.function.allow(["dynamodb:PutItem", "dynamodb:Query"], tables.ingest.table_arn)
        self.function.allow(["sqs:SendMessage"], asynchronous.queue.queue_arn)
        asynchronous.catch(self.function)
        TableConsumer(
            self,
            "Consumer",
            function=self.function,
            table=tables.billing,
            filters=[WAITS],
            given_up=given_up,
            window_s=deployment.billing_window_s,
            batch_size=limits.MAX_BATCH_EVENTS,
        )
        if schedules is not None:
            schedules.run(self.function, name=JOB, cron=HOURLY)
