"""The page on which a mail's recipient chooses what mails to get."""

from constructs import Construct
from stemtide.settings import PreferencesSettings

from infra.config import Deployment
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers, OutreachLayer
from infra.constructs.link_keys import LinkKeys


class MailPreferences(Construct):
    """Believes signed links; of the contacts it may change addresses' rows and add to accounts' timelines."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        tables: DomainTables,
        keys: LinkKeys,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = Function(
            self,
            "Function",
            name="preferences",
            deployment=deployment,
            layers=layers,
            extra=OutreachLayer(self, "Outreach", deployment=deployment),
            settings=PreferencesSettings(
                contacts_table=tables.contacts.table_name,
                link_keys_secret=keys.secret.secret_arn,
                clock=deployment.clock,
            ),
        )
        self.function.allow(["secretsmanager:GetSecretValue"], keys.secret.secret_arn)
        self.function.allow_rows(
            ["dynamodb:GetItem", "dynamodb:UpdateItem"], tables.contacts, partitions="address#*"
        )
        self.function.allow_rows(["dynamodb:PutItem"], tables.contacts, partitions="account#*")
