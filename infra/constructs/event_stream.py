"""The stream that every product event enters."""

from aws_cdk import Duration
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from infra.config import Deployment
from infra.constructs.lifetime import removal

LAG_ACTIONS = (
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
)
"""What tells how far the stream's consumers are behind: the first record after a consumer's mark."""


class EventStream(Construct):
    """Kinesis `events`, keyed by account. On demand: shards follow the load, nobody splits them."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, construct_id)
        self.stream = kinesis.Stream(
            self,
            "Stream",
            stream_name=f"{deployment.name}-events",  # partners and producers outside the stacks name it
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            retention_period=Duration.days(deployment.stream_retention_days),
            # An own key would be billed by every call of every producer and consumer.
            encryption=kinesis.StreamEncryption.MANAGED,
            removal_policy=removal(deployment),
        )
