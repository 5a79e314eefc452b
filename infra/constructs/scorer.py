"""Who scores accounts."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct
from stemtide.domain_events import SOURCE, UsageDropDetected
from stemtide.settings import ScoreSettings

from infra.config import Deployment
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.model_registry import ModelRegistry

DELIVERY_ATTEMPTS = 20
DELIVERY_MAX_AGE = Duration.hours(6)
"""An event the function could not be given for so long goes to the queue; the nightly run scores anyway."""


class Scorer(Construct):
    """Scores on drops (bus), in batches (the nightly run) and on request (HTTP API)."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        models: ModelRegistry,
        bus: events.IEventBus,
        asynchronous: AsyncDeadLetters,
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
                model_bucket=models.bucket.bucket_name,
            ),
        )
        self.function.allow(["dynamodb:Query"], tables.usage.table_arn)
        self.function.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
            tables.accounts.table_arn,
        )
        models.allow_read(self.function)
        asynchronous.catch(self.function)
        self._follow(bus, asynchronous)

    def _follow(self, bus: events.IEventBus, asynchronous: AsyncDeadLetters) -> None:
        """Score on every drop. What the bus cannot deliver goes to the queue, which lets it in by its name:
        a statement for this one rule would tie the queue's stack to this one."""
        rule = events.CfnRule(
            self,
            "OnDrop",
            event_bus_name=bus.event_bus_name,
            description="A drop of use is followed by a score",
            event_pattern={"source": [SOURCE], "detail-type": [UsageDropDetected.__name__]},
            targets=[
                events.CfnRule.TargetProperty(
                    id="score",
                    arn=self.function.function_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                        arn=asynchronous.queue.queue_arn
                    ),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_retry_attempts=DELIVERY_ATTEMPTS,
                        maximum_event_age_in_seconds=int(DELIVERY_MAX_AGE.to_seconds()),
                    ),
                )
            ],
        )
        self.function.add_permission(
            "FromBus", principal=iam.ServicePrincipal("events.amazonaws.com"), source_arn=rule.attr_arn
        )
