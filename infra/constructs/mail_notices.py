"""How what SES tells of mails comes back: a topic and the default bus, one queue, the function behind it."""

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct
from stemtide.mail.notices import SES_SOURCE
from stemtide.settings import NoticesSettings

from infra.config import Deployment
from infra.constructs.balance_check import METRICS
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.score_queue import ScoreQueue

CONCURRENCY = 2
"""Deliveries of notices at a time: they wait for nobody, and a campaign's count is one row a day."""
SES = "ses.amazonaws.com"


class MailNotices(Construct):
    """SES tells the topic (reliably) and the default bus (best effort): whatever comes first counts, the
    other changes nothing."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
    ) -> None:
        super().__init__(scope, construct_id)
        # AWS's own key for topics refuses SES; notices hold addresses.
        key = kms.Key(
            self,
            "Key",
            description=f"{deployment.name}: topic of SES's notices",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,  # nothing at rest outlives its delivery
        )
        key.add_to_resource_policy(_ses_may(["kms:Decrypt", "kms:GenerateDataKey"], "*"))  # "*": this key
        self.topic = sns.Topic(
            self, "SesEvents", display_name=f"{deployment.name} SES", master_key=key, enforce_ssl=True
        )
        self.topic.add_to_resource_policy(_ses_may(["sns:Publish"], self.topic.topic_arn))
        self.waiting = ScoreQueue(self, "Notices", deployment=deployment, worker="notices")
        self.topic.add_subscription(subscriptions.SqsSubscription(self.waiting.queue))
        self._follow_the_bus()
        self.function = Function(
            self,
            "Function",
            name="notices",
            deployment=deployment,
            layers=layers,
            settings=NoticesSettings(
                contacts_table=tables.contacts.table_name,
                accounts_table=tables.accounts.table_name,
                notice_queue=self.waiting.queue.queue_url,
                notice_dead_letter_queue=self.waiting.given_up.queue_url,
                clock=deployment.clock,
                metric_namespace=METRICS,
            ),
        )
        self.function.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
            tables.contacts.table_arn,
        )
        self.waiting.feed(self.function, concurrency=CONCURRENCY)

    def _follow_the_bus(self) -> None:
        queues = self.waiting
        rule = events.CfnRule(
            self,
            "OnTheBus",
            description="What SES tells of mails, on the default bus",
            event_pattern={"source": [SES_SOURCE]},
            targets=[
                events.CfnRule.TargetProperty(
                    id="queue",
                    arn=queues.queue.queue_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=queues.given_up.queue_arn),
                )
            ],
        )
        for queue in (queues.queue, queues.given_up):
            queue.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="NoticesFromTheBus",
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["sqs:SendMessage"],
                    resources=[queue.queue_arn],
                    conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
                )
            )


def _ses_may(actions: list[str], resource: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid="SesOfThisAccount",
        principals=[iam.ServicePrincipal(SES)],
        actions=actions,
        resources=[resource],
        conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
    )
