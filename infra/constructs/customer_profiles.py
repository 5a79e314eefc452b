"""What is said of customers becomes their profile."""

from constructs import Construct
from stemtide import tables as declared
from stemtide.settings import ProfileSettings
from stemtide.store.record_keys import FACT_PREFIX

from infra.config import Deployment
from infra.constructs.dead_letters import AsyncDeadLetters, DeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.table_consumer import TableConsumer, inserted


class CustomerProfiles(Construct):
    """Folds an account's facts into its record whenever a new one is in the accounts table."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        dead_letters: DeadLetters,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="profile",
            deployment=deployment,
            layers=layers,
            settings=ProfileSettings(
                accounts_table=tables.accounts.table_name,
                ingest_table=tables.ingest.table_name,
                dead_letter_queue=asynchronous.queue.queue_url,
            ),
        )
        self.function.allow(["dynamodb:Query", "dynamodb:UpdateItem"], tables.accounts.table_arn)
        self.function.allow(
            ["dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"], tables.ingest.table_arn
        )
        self.function.allow(["sqs:SendMessage"], asynchronous.queue.queue_arn)
        TableConsumer(
            self,
            "Consumer",
            function=self.function,
            table=tables.accounts,
            filters=[inserted(key=declared.ACCOUNTS.sort_key, prefix=FACT_PREFIX)],
            given_up=dead_letters.bucket,
            window_s=deployment.profile_window_s,
        )
