"""Who sends mails to customers, and what of SES it sends through."""

from aws_cdk import Aws
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from constructs import Construct
from stemtide.config_mail import Mail
from stemtide.mail.message import Sender
from stemtide.mail.unconfirmed import JOB
from stemtide.settings import MailSettings
from stemtide.store.contact_keys import OPEN_INDEX

from infra.config import Deployment
from infra.constructs.balance_check import METRICS
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers, LayerSet
from infra.constructs.schedules import Schedules

TOLD = [
    *("SEND", "REJECT", "BOUNCE", "COMPLAINT", "DELIVERY"),
    *("OPEN", "CLICK", "RENDERING_FAILURE", "DELIVERY_DELAY"),
]
SEND = ["ses:SendEmail", "ses:SendRawEmail"]
"""SES asks for the second where the content is MIME, whatever the operation is called."""
CLAIM = [
    *("dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem"),
    *("dynamodb:PutItem", "dynamodb:UpdateItem"),
]


class MailService(Construct):
    """The sender's identity, the configuration set that tells of its mails, the function that sends."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        outreach: LayerSet,
        mail: Mail,
        tables: DomainTables,
        notices: sns.ITopic,
        link_keys: secretsmanager.ISecret,
        api_url: str,
        schedules: Schedules,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        sender = Sender.parse(mail.sender)
        self._configuration_set(deployment, notices)
        if deployment.create_mail_identity:
            ses.CfnEmailIdentity(self, "Identity", email_identity=sender.domain)
        self.function = Function(
            self,
            "Function",
            name="mail",
            deployment=deployment,
            layers=layers,
            extra=outreach,
            settings=MailSettings(
                contacts_table=tables.contacts.table_name,
                accounts_table=tables.accounts.table_name,
                configuration_set=deployment.name,
                api_url=api_url,
                link_keys_secret=link_keys.secret_arn,
                clock=deployment.clock,
                metric_namespace=METRICS,
            ),
        )
        self.function.allow(CLAIM, tables.contacts.table_arn)
        self.function.allow(["dynamodb:Query"], f"{tables.contacts.table_arn}/index/{OPEN_INDEX}")
        self.function.allow(
            ["dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem"], tables.accounts.table_arn
        )
        self.function.allow(["secretsmanager:GetSecretValue"], link_keys.secret_arn)
        self.function.allow(
            SEND,
            *(_ses(f"identity/{one}") for one in (sender.domain, sender.address)),
            _ses(f"configuration-set/{deployment.name}"),
        )
        asynchronous.catch(self.function)
        schedules.run(self.function, name=JOB, cron="cron(*/5 * * * ? *)")

    def _configuration_set(self, deployment: Deployment, notices: sns.ITopic) -> None:
        made = ses.CfnConfigurationSet(
            self,
            "Set",
            name=deployment.name,  # people look for it in SES's console
            reputation_options=ses.CfnConfigurationSet.ReputationOptionsProperty(
                reputation_metrics_enabled=True
            ),
        )
        destinations = {
            "Topic": {
                "sns_destination": ses.CfnConfigurationSetEventDestination.SnsDestinationProperty(
                    topic_arn=notices.topic_arn
                )
            },
            "Bus": {
                "event_bridge_destination": (
                    ses.CfnConfigurationSetEventDestination.EventBridgeDestinationProperty(
                        event_bus_arn=f"arn:{Aws.PARTITION}:events:{Aws.REGION}:{Aws.ACCOUNT_ID}"
                        ":event-bus/default"
                    )
                )
            },
        }
        for name, destination in destinations.items():
            told = ses.CfnConfigurationSetEventDestination(
                self,
                f"Told{name}",
                configuration_set_name=made.ref,
                event_destination=ses.CfnConfigurationSetEventDestination.EventDestinationProperty(
                    name=name.lower(), enabled=True, matching_event_types=TOLD, **destination
                ),
            )
            told.node.add_dependency(notices)  # SES tries the topic's policy when it is named


def _ses(resource: str) -> str:
    return f"arn:{Aws.PARTITION}:ses:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"
