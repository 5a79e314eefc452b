"""The hourly check that every accepted event is accounted for."""

from constructs import Construct
from stemtide.settings import BalanceSettings

from infra.config import Deployment
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.schedules import Schedules

METRICS = "Stemtide"
"""CloudWatch namespace of what Stemtide measures itself."""
UNBALANCED = "UnbalancedEvents"
NOT_COMPARED = "LanesNotCompared"


class BalanceCheck(Construct):
    """Compares what came in with what became of it, and says the difference as a metric."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        schedules: Schedules,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="balance",
            deployment=deployment,
            layers=layers,
            settings=BalanceSettings(
                ingest_table=tables.ingest.table_name,
                metric_namespace=METRICS,
            ),
        )
        self.function.allow(["dynamodb:PutItem", "dynamodb:Query"], tables.ingest.table_arn)
        asynchronous.catch(self.function)
        # Past the full hour, when most of the last hour's late batches are in.
        schedules.run(self.function, name="balance", cron="cron(7 * * * ? *)")
