"""From the stream to usage and archive, and what happens to what fails."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.config import Deployment
from infra.constructs.balance_check import BalanceCheck
from infra.constructs.customer_profiles import CustomerProfiles
from infra.constructs.dead_letters import AsyncDeadLetters, DeadLetters
from infra.constructs.layers import Layers
from infra.constructs.nightly_recompute import NightlyRecompute
from infra.constructs.raw_archive import RawArchive
from infra.constructs.schedules import Schedules
from infra.constructs.usage_aggregates import UsageAggregates
from infra.stacks.data import DataStack


class PipelineStack(Stack):
    """Consumers, dead letters, the hourly balance, the nightly recompute."""

    def __init__(
        self, scope: Construct, construct_id: str, *, deployment: Deployment, data: DataStack, **stack: Any
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        base = {"deployment": deployment, "layers": Layers(self, "Layers", deployment=deployment)}
        asynchronous = AsyncDeadLetters(self, "Async", deployment=deployment)
        logs = data.archive.access_logs
        dead = DeadLetters(
            self, "DeadLetters", **base, access_logs=logs, tables=data.tables, asynchronous=asynchronous
        )
        source = {"events": data.events, "archive": data.archive, "tables": data.tables}
        consumer = {**base, **source, "dead_letters": dead}
        aggregates = UsageAggregates(self, "UsageAggregates", **consumer)
        archive = RawArchive(self, "RawArchive", **consumer)
        profiles = CustomerProfiles(
            self, "Profiles", **base, tables=data.tables, dead_letters=dead, asynchronous=asynchronous
        )
        schedules = Schedules(self, "Schedules", deployment=deployment, asynchronous=asynchronous)
        balance = BalanceCheck(
            self, "Balance", **base, tables=data.tables, schedules=schedules, asynchronous=asynchronous
        )
        recompute = NightlyRecompute(
            self, "Recompute", **base, tables=data.tables, archive=data.archive, schedules=schedules
        )

        self.asynchronous = asynchronous
        self.given_up = dead.bucket
        self.queue = asynchronous.queue
        self.register = dead.register
        self.consumers = [aggregates.function, archive.function, profiles.function]
        self.recompute = recompute
        self.functions = [*self.consumers, dead.register, balance.function, recompute.function]
        CfnOutput(self, "DeadLetterBucket", value=dead.bucket.bucket_name)
        CfnOutput(self, "AsyncDeadLetterQueue", value=self.queue.queue_url)
        CfnOutput(self, "RecomputeStateMachine", value=recompute.arn)
