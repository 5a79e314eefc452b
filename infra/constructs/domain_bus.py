"""The bus that carries what Stemtide finds out and decides."""

from aws_cdk import aws_events as events
from constructs import Construct

from infra.config import Deployment


class DomainBus(Construct):
    """The deployment's own event bus, apart from the account's default one."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, construct_id)
        self.bus = events.EventBus(
            self,
            "Bus",
            event_bus_name=deployment.name,  # partner integrations and rules outside the stacks name it
            description="Stemtide's facts about accounts: usage drops, risk tiers, billing",
        )
