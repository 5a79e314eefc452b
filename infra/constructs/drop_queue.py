"""The way of a drop from the bus to the scorer."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct
from stemtide.domain_events import SOURCE, UsageDropDetected
from stemtide.shadow import SHADOWED_DROP

from infra.config import Deployment
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.score_queue import ScoreQueue

DELIVERY_ATTEMPTS = 20
DELIVERY_MAX_AGE = Duration.hours(6)
"""An event the queue could not be given for so long is set aside; the nightly run scores anyway."""


class DropQueue(ScoreQueue):
    """The queue of drops, and the rule by which the bus feeds it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        bus: events.IEventBus,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id, deployment=deployment)
        self._follow(bus, asynchronous)

    def _follow(self, bus: events.IEventBus, asynchronous: AsyncDeadLetters) -> None:
        """What the bus cannot put into the queue goes to the queue for such events, which lets it in by its
        name: a statement for this one rule would tie that queue's stack to this one."""
        rule = events.CfnRule(
            self,
            "OnDrop",
            event_bus_name=bus.event_bus_name,
            description="A drop of use is followed by a score, in shadow too",
            event_pattern={"source": [SOURCE], "detail-type": [UsageDropDetected.__name__, SHADOWED_DROP]},
            targets=[
                events.CfnRule.TargetProperty(
                    id="queue",
                    arn=self.queue.queue_arn,
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
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="DropsFromTheBus",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
            )
        )
