"""From usage to scores: facts, drops, scores, the nightly run."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.config import Deployment
from infra.constructs import published_facts
from infra.constructs.drop_queue import DropQueue
from infra.constructs.layers import Layers
from infra.constructs.nightly_sweep import NightlySweep
from infra.constructs.schedules import Schedules
from infra.constructs.score_queue import ScoreQueue
from infra.constructs.scorer import Scorer
from infra.constructs.usage_drops import UsageDrops
from infra.stacks.data import DataStack
from infra.stacks.pipeline import PipelineStack


class ScoringStack(Stack):
    """Consumers of the tables' streams, the scorer, the sweep."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        data: DataStack,
        pipeline: PipelineStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        asynchronous = pipeline.asynchronous
        layers = Layers(self, "Layers", deployment=deployment)
        inference = Layers(self, "Inference", deployment=deployment, inference=True)
        schedules = Schedules(
            self, "Schedules", deployment=deployment, asynchronous=asynchronous, group="scoring"
        )
        common = {"deployment": deployment, "tables": data.tables}
        reader = {**common, "layers": layers, "given_up": pipeline.given_up, "asynchronous": asynchronous}
        logins = ScoreQueue(self, "Logins", deployment=deployment)
        drops = UsageDrops(
            self, "UsageDrops", **reader, events=data.events, schedules=schedules, logins=logins.queue
        )
        facts = published_facts.of_accounts(self, "DomainFacts", **reader, bus=data.bus)
        model = {**common, "layers": inference, "models": data.models, "archive": data.archive}
        queue = DropQueue(self, "Drops", deployment=deployment, bus=data.bus, asynchronous=asynchronous)
        scorer = Scorer(self, "Scorer", **model, drops=queue, logins=logins)
        sweep = NightlySweep(
            self, "Sweep", **model, events=data.events, scorer=scorer.function, schedules=schedules
        )

        self.score = scorer.function
        self.drops = queue
        self.logins = logins
        self.sweep = sweep
        self.table_consumers = [drops.function, facts.function]
        self.functions = [*self.table_consumers, scorer.function, sweep.function]
        CfnOutput(self, "DetectFunction", value=drops.function.function_name)
        CfnOutput(self, "ScoreFunction", value=scorer.function.function_name)
        CfnOutput(self, "DropQueue", value=queue.queue.queue_url)
        CfnOutput(self, "DropDeadLetterQueue", value=queue.given_up.queue_url)
        CfnOutput(self, "LoginQueue", value=logins.queue.queue_url)
        CfnOutput(self, "LoginDeadLetterQueue", value=logins.given_up.queue_url)
        CfnOutput(self, "SweepStateMachine", value=sweep.arn)
