"""The way of a drop from the bus to the scorer: many at once become few deliveries, and none is lost."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from stemtide.domain_events import SOURCE, UsageDropDetected
from stemtide.shadow import SHADOWED_DROP

from infra.config import Deployment
from infra.constructs.dead_letters import QUEUE_RETENTION, AsyncDeadLetters
from infra.constructs.lifetime import removal
from infra.sizes import SIZES

DELIVERY_ATTEMPTS = 20
DELIVERY_MAX_AGE = Duration.hours(6)
"""An event the queue could not be given for so long is set aside; the nightly run scores anyway."""
BATCH = 50
RECEIVES = 10
"""The function lets a failed message wait ever longer: the tenth try is some 35 minutes after the first."""
VISIBILITY_FACTOR = 6
"""Of the function's time-out, as Lambda's guide says: while it throttles, a message must not come twice."""


class DropQueue(Construct):
    """Rule, queue and dead-letter queue; `feed` lets a function work the queue off."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        bus: events.IEventBus,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        self._deployment = deployment
        common = {
            "encryption": sqs.QueueEncryption.SQS_MANAGED,
            "enforce_ssl": True,
            "retention_period": QUEUE_RETENTION,
            "removal_policy": removal(deployment),
        }
        self.given_up = sqs.Queue(self, "GivenUp", **common)
        self.queue = sqs.Queue(
            self,
            "Queue",
            **common,
            visibility_timeout=Duration.seconds(VISIBILITY_FACTOR * SIZES["score"].timeout_s),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.given_up, max_receive_count=RECEIVES),
        )
        self._follow(bus, asynchronous)

    def feed(self, function: lambda_.Function) -> None:
        """Let `function` receive the queue's messages, delay those that fail and set aside the unreadable."""
        consume = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        for actions, queue in (
            ([*consume, "sqs:ChangeMessageVisibility"], self.queue),
            (["sqs:SendMessage"], self.given_up),
        ):
            function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[queue.queue_arn]))
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=function.function_name,
            event_source_arn=self.queue.queue_arn,
            batch_size=BATCH,
            maximum_batching_window_in_seconds=self._deployment.score_window_s,
            function_response_types=["ReportBatchItemFailures"],
            scaling_config=lambda_.CfnEventSourceMapping.ScalingConfigProperty(
                maximum_concurrency=self._deployment.score_concurrency
            ),
        )
        mapping.node.add_dependency(function.role)  # Lambda tries the role when the mapping is made

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
