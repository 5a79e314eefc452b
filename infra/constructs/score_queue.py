"""A queue of what asks for scores: many at once become few deliveries, and none is lost."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import Deployment
from infra.constructs.dead_letters import QUEUE_RETENTION
from infra.constructs.lifetime import removal
from infra.sizes import SIZES

BATCH = 50
RECEIVES = 10
"""The function lets a failed message wait ever longer: the tenth try is some 35 minutes after the first."""
VISIBILITY_FACTOR = 6
"""Of the function's time-out, as Lambda's guide says: while it throttles, a message must not come twice."""


class ScoreQueue(Construct):
    """Queue and dead-letter queue; `feed` lets a function (`worker`) work the queue off."""

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, worker: str = "score"
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
            visibility_timeout=Duration.seconds(VISIBILITY_FACTOR * SIZES[worker].timeout_s),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.given_up, max_receive_count=RECEIVES),
        )

    def feed(self, function: lambda_.Function, *, concurrency: int) -> None:
        """Let `function` receive the queue's messages, `concurrency` deliveries at a time, delay those that
        fail and set aside the unreadable."""
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
                maximum_concurrency=concurrency
            ),
        )
        mapping.node.add_dependency(function.role)  # Lambda tries the role when the mapping is made
