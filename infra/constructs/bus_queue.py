"""The way of facts from the bus to a function: a rule that fills a queue, from which nothing is lost."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct
from stemtide.domain_events import SOURCE

from infra.config import Deployment
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.score_queue import ScoreQueue

DELIVERY_ATTEMPTS = 20
DELIVERY_MAX_AGE = Duration.hours(6)
"""An event the queue could not be given for so long is set aside; regular runs look at everything anyway."""


class BusQueue(ScoreQueue):
    """The queue of a function (`worker`), and the rule by which the bus feeds it.

    Args:
        detail_types: which facts it gets.
        about: what follows such a fact, for people who read the rule.
        rule_id: of the rule's construct.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        worker: str,
        bus: events.IEventBus,
        detail_types: Sequence[str],
        about: str,
        rule_id: str,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id, deployment=deployment, worker=worker)
        pattern = {"source": [SOURCE], "detail-type": list(detail_types)}
        self._follow(rule_id, pattern, bus, about, asynchronous)

    def _follow(
        self,
        rule_id: str,
        pattern: dict[str, list[str]],
        bus: events.IEventBus,
        about: str,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        """What the bus cannot put into the queue goes to the queue for such events, which lets it in by its
        name: a statement for this one rule would tie that queue's stack to this one."""
        rule = events.CfnRule(
            self,
            rule_id,
            event_bus_name=bus.event_bus_name,
            description=about,
            event_pattern=pattern,
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
                sid="FactsFromTheBus",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
            )
        )
