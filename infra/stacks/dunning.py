"""What is done about invoices that were not paid."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.config import Deployment
from infra.constructs.dunning_sequence import DunningSequence
from infra.constructs.layers import Layers, OutreachLayer
from infra.constructs.schedules import Schedules
from infra.stacks.billing import BillingStack
from infra.stacks.data import DataStack
from infra.stacks.outreach import OutreachStack
from infra.stacks.pipeline import PipelineStack


class DunningStack(Stack):
    """Dunning episodes."""

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
        sequence = DunningSequence(
            self,
            "Dunning",
            deployment=deployment,
            layers=Layers(self, "Layers", deployment=deployment),
            outreach=OutreachLayer(self, "Outreach", deployment=deployment),
            tables=data.tables,
            bus=data.bus,
            provider_key=billing.provider_key,
            mail=outreach.mail,
            schedules=Schedules(
                self, "Schedules", deployment=deployment, asynchronous=asynchronous, group="dunning"
            ),
            asynchronous=asynchronous,
        )

        self.facts = sequence.facts
        self.functions = [sequence.stepper, sequence.keeper]
        CfnOutput(self, "DunningStateMachine", value=sequence.machine.arn)
        CfnOutput(self, "DunningFunction", value=sequence.stepper.function_name)
        CfnOutput(self, "EpisodesFunction", value=sequence.keeper.function_name)
        CfnOutput(self, "BillingFactQueue", value=sequence.facts.queue.queue_url)
        CfnOutput(self, "BillingFactDeadLetterQueue", value=sequence.facts.given_up.queue_url)
