"""Nothing that was given up is lost: payloads are kept, registered and raise an alarm."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from stemtide.settings import DeadLettersSettings

from infra import nag
from infra.config import Deployment
from infra.constructs.archive import housekeeping, private_bucket
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function, acknowledge_objects
from infra.constructs.layers import Layers
from infra.constructs.lifetime import removal

FAILED_BATCHES = "aws/lambda/"
"""Key prefix under which Lambda writes failed batches: aws/lambda/<mapping>/<shard>/<time>-<id>."""
QUEUE_RETENTION = Duration.days(14)
"""SQS's longest: time for a person to look."""
ASYNC_ATTEMPTS = 2
ASYNC_MAX_AGE = Duration.hours(6)


class AsyncDeadLetters(Construct):
    """The queue for invocations nobody waits for (S3 notices, schedules): event and error are kept."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, construct_id)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=QUEUE_RETENTION,
            removal_policy=removal(deployment),
        )
        self.queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="UndeliverableEvents",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[self.queue.queue_arn],
                conditions={"ArnLike": {"aws:SourceArn": _rules_of(deployment)}},
            )
        )
        nag.acknowledge(self.queue, "AwsSolutions-SQS3", reason="this queue is itself the dead-letter queue")

    def catch(self, function: lambda_.Function) -> None:
        """Send what `function` fails on, after its retries, to the queue."""
        function.configure_async_invoke(
            on_failure=destinations.SqsDestination(self.queue),
            retry_attempts=ASYNC_ATTEMPTS,
            max_event_age=ASYNC_MAX_AGE,
        )


def _rules_of(deployment: Deployment) -> list[str]:
    """The rules on the deployment's own bus, which has its name, and on the payment provider's."""
    buses = [deployment.name, *([deployment.stripe_event_bus] if deployment.stripe_event_bus else [])]
    return [f"arn:{Aws.PARTITION}:events:{Aws.REGION}:{Aws.ACCOUNT_ID}:rule/{bus}/*" for bus in buses]


class DeadLetters(Construct):
    """The bucket the stream's consumers give a failed batch to, and the function that registers each."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        access_logs: s3.IBucket,
        tables: DomainTables,
        layers: Layers,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        # A fixed name breaks the circle: the bucket notifies the function, which reads the bucket.
        self.name = name = f"{deployment.name}-dead-letters-{Aws.ACCOUNT_ID}-{Aws.REGION}"
        arn = f"arn:{Aws.PARTITION}:s3:::{name}"
        self.register = Function(
            self,
            "Register",
            name="dead_letters",
            deployment=deployment,
            layers=layers,
            settings=DeadLettersSettings(ingest_table=tables.ingest.table_name, dead_letter_bucket=name),
        )
        self.register.allow(["s3:GetObject"], f"{arn}/{FAILED_BATCHES}*")
        acknowledge_objects(
            self.register,
            f"arn:<AWS::Partition>:s3:::{deployment.name}-dead-letters-<AWS::AccountId>-<AWS::Region>/{FAILED_BATCHES}",
        )
        self.register.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"], tables.ingest.table_arn
        )
        asynchronous.catch(self.register)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=name,
            **private_bucket(deployment=deployment, access_logs=access_logs, prefix="dead-letters/"),
            lifecycle_rules=[
                *housekeeping(deployment),
                s3.LifecycleRule(
                    id="expire", expiration=Duration.days(deployment.dead_letter_retention_days)
                ),
            ],
        )
        self._notify()

    def _notify(self) -> None:
        """S3 asks for the permission when the notification is set, so it comes first.

        Written on the bucket itself: the higher-level call would add a custom resource.
        """
        self.register.add_permission(
            "FromBucket",
            principal=iam.ServicePrincipal("s3.amazonaws.com"),
            source_account=Aws.ACCOUNT_ID,
            source_arn=f"arn:{Aws.PARTITION}:s3:::{self.name}",
        )
        resource = self.bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            lambda_configurations=[
                s3.CfnBucket.LambdaConfigurationProperty(
                    event="s3:ObjectCreated:*", function=self.register.function_arn
                )
            ]
        )
        resource.node.add_dependency(self.register.node.find_child("FromBucket"))
