"""Who finds that an account's use has fallen."""

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from stemtide.ports import BACKFILLED, LATE, LOGIN
from stemtide.settings import DetectSettings

from infra.config import Deployment
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.event_stream import LAG_ACTIONS, EventStream
from infra.constructs.function import Function
from infra.constructs.layers import Layers
from infra.constructs.schedules import Schedules
from infra.constructs.table_consumer import TableConsumer

NOT_BACKFILLED = {"NewImage": {BACKFILLED: {"BOOL": [{"exists": False}]}}}
"""`exists` asks for a leaf (Lambda's event filters), and an attribute's leaf is its typed value."""
FIRST_USE = {"eventName": ["INSERT"], "dynamodb": NOT_BACKFILLED}
"""New items of the usage table: the first use of a day (and a busy day's users, which the function skips)."""
CLOSED_DAY = {"dynamodb": {"NewImage": {LATE: {"BOOL": [True]}}}}
"""Changes of days that are over: what scoring keeps of the account is void."""
LOGGED_IN = {"dynamodb": {"NewImage": {LOGIN: {"N": [{"exists": True}]}}}}
"""Changes that a login brought about."""


class UsageDrops(Construct):
    """Looks at an account on its first use of a day, and every hour at those who have become silent; hands on
    who has logged in."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        given_up: s3.IBucket,
        events: EventStream,
        schedules: Schedules,
        asynchronous: AsyncDeadLetters,
        logins: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="detect",
            deployment=deployment,
            layers=layers,
            settings=DetectSettings(
                usage_table=tables.usage.table_name,
                accounts_table=tables.accounts.table_name,
                ingest_table=tables.ingest.table_name,
                event_stream=events.stream.stream_name,
                dead_letter_queue=asynchronous.queue.queue_url,
                login_queue=logins.queue_url,
            ),
        )
        self.function.allow(
            ["dynamodb:Query"], tables.usage.table_arn, f"{tables.accounts.table_arn}/index/by_risk"
        )
        self.function.allow(
            ["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
            tables.accounts.table_arn,
        )
        self.function.allow(["dynamodb:PutItem", "dynamodb:Query"], tables.ingest.table_arn)
        self.function.allow(LAG_ACTIONS, events.stream.stream_arn)
        self.function.allow(["sqs:SendMessage"], logins.queue_arn)
        asynchronous.catch(self.function)
        TableConsumer(
            self,
            "Consumer",
            function=self.function,
            table=tables.usage,
            filters=[FIRST_USE, CLOSED_DAY, LOGGED_IN],
            given_up=given_up,
            window_s=deployment.detect_window_s,
        )
        # Half past: the day that has just ended has its late batches in.
        schedules.run(self.function, name="detect", cron="cron(30 * * * ? *)")
