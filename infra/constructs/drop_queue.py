"""The way of a drop from the bus to the scorer."""

from aws_cdk import aws_events as events
from constructs import Construct
from stemtide.domain_events import UsageDropDetected
from stemtide.shadow import SHADOWED_DROP

from infra.config import Deployment
from infra.constructs.bus_queue import BusQueue
from infra.constructs.dead_letters import AsyncDeadLetters


class DropQueue(BusQueue):
    """The queue of drops, and the rule by which the bus feeds it."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        bus: events.IEventBus,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(
            scope,
            construct_id,
            deployment=deployment,
            worker="score",
            bus=bus,
            detail_types=[UsageDropDetected.__name__, SHADOWED_DROP],
            about="A drop of use is followed by a score, in shadow too",
            rule_id="OnDrop",
            asynchronous=asynchronous,
        )
