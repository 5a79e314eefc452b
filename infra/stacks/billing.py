"""What the payment provider says of customers, as facts."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct
from stemtide.config_billing import Provider
from stemtide.config_schema import Config

from infra.config import Deployment
from infra.constructs import published_facts
from infra.constructs.billing_intake import BillingIntake
from infra.constructs.billing_webhooks import BillingWebhooks
from infra.constructs.layers import Layers, OutreachLayer
from infra.constructs.schedules import Schedules
from infra.stacks.data import DataStack
from infra.stacks.pipeline import PipelineStack


class BillingStack(Stack):
    """The provider's events in, their facts out."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        company: Config,
        data: DataStack,
        pipeline: PipelineStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        layers = Layers(self, "Layers", deployment=deployment)
        outreach = OutreachLayer(self, "Outreach", deployment=deployment)
        self.asked = company.billing.provider is not Provider.NONE
        schedules = None
        if self.asked:
            schedules = Schedules(
                self, "Schedules", deployment=deployment, asynchronous=pipeline.asynchronous, group="billing"
            )
        common = {
            "deployment": deployment,
            "layers": layers,
            "tables": data.tables,
            "asynchronous": pipeline.asynchronous,
        }
        webhooks = BillingWebhooks(self, "Webhooks", **common, outreach=outreach, bus=data.bus)
        intake = BillingIntake(
            self, "Intake", **common, outreach=outreach, given_up=pipeline.given_up, schedules=schedules
        )
        facts = published_facts.of_billing(self, "Facts", **common, bus=data.bus, given_up=pipeline.given_up)

        self.webhooks = webhooks.function
        self.provider_key = intake.key
        self.table_consumers = [intake.function, facts.function]
        self.functions = [*self.table_consumers, webhooks.over_bus, webhooks.function]
        CfnOutput(self, "BillingFunction", value=intake.function.function_name)
        CfnOutput(self, "WebhookSecret", value=webhooks.secret.secret_arn)
        CfnOutput(self, "ProviderKeySecret", value=intake.key.secret_arn)
