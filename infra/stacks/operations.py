"""How its keepers see that all is well."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from infra.config import Deployment
from infra.constructs.alarms import Alarms
from infra.constructs.operations_dashboard import OperationsDashboard
from infra.stacks.api import ApiStack
from infra.stacks.billing import BillingStack
from infra.stacks.data import DataStack
from infra.stacks.dunning import DunningStack
from infra.stacks.outreach import OutreachStack
from infra.stacks.pipeline import PipelineStack
from infra.stacks.plays import PlaysStack
from infra.stacks.scoring import ScoringStack


class OperationsStack(Stack):
    """Alarms and the dashboard over all the other stacks."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        data: DataStack,
        pipeline: PipelineStack,
        scoring: ScoringStack,
        billing: BillingStack,
        api: ApiStack,
        outreach: OutreachStack,
        dunning: DunningStack,
        plays: PlaysStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        functions = [
            *pipeline.functions,
            *scoring.functions,
            *billing.functions,
            *api.functions,
            *outreach.functions,
            *dunning.functions,
            *plays.functions,
        ]
        consumers = [
            *pipeline.consumers,
            *scoring.table_consumers,
            *billing.table_consumers,
            *plays.table_consumers,
        ]
        alarms = Alarms(self, "Alarms", deployment=deployment)
        alarms.errors(functions)
        alarms.consumers(consumers)
        alarms.dead_letters(pipeline.register, pipeline.queue)
        alarms.waiting("drops", "a drop of use", scoring.drops.queue, scoring.drops.given_up)
        alarms.waiting("logins", "a login", scoring.logins.queue, scoring.logins.given_up)
        alarms.mails(outreach.notices.queue, outreach.notices.given_up)
        alarms.waiting("episodes", "a fact about billing", dunning.facts.queue, dunning.facts.given_up)
        alarms.waiting("plays", "a fact about a customer", plays.facts.queue, plays.facts.given_up)
        alarms.balance()
        alarms.http(api.api_id)
        alarms.models()
        alarms.sweep(scoring.sweep.arn)
        alarms.recompute(pipeline.recompute.arn)
        if billing.asked:
            alarms.billing()
        OperationsDashboard(
            self,
            "Dashboard",
            deployment=deployment,
            alarms=alarms.all,
            stream=data.events.stream,
            consumers=consumers,
            functions=functions,
            api_id=api.api_id,
        )
        CfnOutput(self, "AlarmTopic", value=alarms.topic.topic_arn)
