"""The DynamoDB tables, exactly as `stemtide.tables` declares them."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct
from stemtide import tables

from infra.config import Deployment
from infra.constructs.lifetime import removal_of_protected


class DomainTables(Construct):
    """One table per declaration: on-demand, point-in-time recovery, encrypted, expiry, stream."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, construct_id)
        self.by_role = {table.role: self._create(table, deployment) for table in tables.ALL}
        self.usage = self.by_role[tables.USAGE.role]
        self.accounts = self.by_role[tables.ACCOUNTS.role]
        self.ingest = self.by_role[tables.INGEST.role]
        self.billing = self.by_role[tables.BILLING.role]
        self.contacts = self.by_role[tables.CONTACTS.role]
        self.episodes = self.by_role[tables.EPISODES.role]

    def _create(self, table: tables.Table, deployment: Deployment) -> dynamodb.Table:
        created = dynamodb.Table(
            self,
            table.role.title(),
            partition_key=_text(table.partition_key),
            sort_key=_text(table.sort_key),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.AWS_MANAGED,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            time_to_live_attribute=table.expiry_attribute,
            stream=dynamodb.StreamViewType[table.stream] if table.stream else None,
            deletion_protection=deployment.keep_data,
            removal_policy=removal_of_protected(deployment),
        )
        for index in table.indexes:
            created.add_global_secondary_index(
                index_name=index.name,
                partition_key=_text(index.partition_key),
                sort_key=_text(index.sort_key),
            )
        return created


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
