"""The read side of the HTTP API."""

from constructs import Construct
from stemtide.settings import ApiSettings

from infra.config import Deployment
from infra.constructs.archive import Archive
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers

LISTED_BY = ("by_risk", "by_csm")
EPISODES_BY = ("by_account", "by_day")


class ReadApi(Construct):
    """Answers people's questions from the tables; changes nothing."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        archive: Archive,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="api",
            deployment=deployment,
            layers=layers,
            settings=ApiSettings(
                usage_table=tables.usage.table_name,
                accounts_table=tables.accounts.table_name,
                contacts_table=tables.contacts.table_name,
                episodes_table=tables.episodes.table_name,
                ingest_table=tables.ingest.table_name,
                archive_bucket=archive.bucket.bucket_name,
                clock=deployment.clock,
            ),
        )
        self.function.allow(
            ["dynamodb:GetItem", "dynamodb:Query"],
            tables.usage.table_arn,
            tables.accounts.table_arn,
            tables.ingest.table_arn,
        )
        self.function.allow(["dynamodb:Query"], tables.contacts.table_arn, tables.episodes.table_arn)
        self.function.allow(
            ["dynamodb:Query"],
            *(f"{tables.accounts.table_arn}/index/{name}" for name in LISTED_BY),
            *(f"{tables.episodes.table_arn}/index/{name}" for name in EPISODES_BY),
        )
        self.function.allow_objects(["s3:GetObject"], archive.bucket, prefix="quarantine/")
