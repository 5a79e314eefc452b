"""What is done about customers who left and accounts at risk."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct
from stemtide.plays.play import Journey

from infra.config import Deployment
from infra.constructs import published_facts
from infra.constructs.layers import Layers, OutreachLayer
from infra.constructs.play_sequences import PlaySequences
from infra.constructs.schedules import Schedules
from infra.stacks.billing import BillingStack
from infra.stacks.data import DataStack
from infra.stacks.outreach import OutreachStack
from infra.stacks.pipeline import PipelineStack


class PlaysStack(Stack):
    """Win-back and retention."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        data: DataStack,
        pipeline: PipelineStack,
        billing: BillingStack,
        outreach: OutreachStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        asynchronous = pipeline.asynchronous
        common = {
            "deployment": deployment,
            "layers": Layers(self, "Layers", deployment=deployment),
            "tables": data.tables,
            "bus": data.bus,
            "asynchronous": asynchronous,
        }
        sequences = PlaySequences(
            self,
            "Plays",
            **common,
            outreach=OutreachLayer(self, "Outreach", deployment=deployment),
            provider_key=billing.provider_key if billing.asked else None,
            mail=outreach.mail,
            schedules=Schedules(
                self, "Schedules", deployment=deployment, asynchronous=asynchronous, group="plays"
            ),
        )
        stops = published_facts.of_contacts(self, "Stops", **common, given_up=pipeline.given_up)
        tasks = published_facts.of_episodes(self, "Tasks", **common, given_up=pipeline.given_up)

        self.facts = sequences.facts
        self.table_consumers = [stops.function, tasks.function]
        self.functions = [*self.table_consumers, sequences.stepper, sequences.keeper]
        CfnOutput(self, "WinBackStateMachine", value=sequences.machines[Journey.WIN_BACK].arn)
        CfnOutput(self, "RetentionStateMachine", value=sequences.machines[Journey.RETENTION].arn)
        CfnOutput(self, "PlaysFunction", value=sequences.stepper.function_name)
        CfnOutput(self, "PlayEntryFunction", value=sequences.keeper.function_name)
        CfnOutput(self, "PlayFactQueue", value=sequences.facts.queue.queue_url)
        CfnOutput(self, "PlayFactDeadLetterQueue", value=sequences.facts.given_up.queue_url)
