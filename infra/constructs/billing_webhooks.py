"""How the payment provider's events come in: over HTTP, signed, or over an event bus."""

import string

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct
from stemtide.billing.events import PARTNER_SOURCE
from stemtide.settings import StripeEventsSettings, WebhooksSettings

from infra import nag
from infra.config import Deployment
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.function import Function
from infra.constructs.layers import Layers, LayerSet
from infra.constructs.lifetime import removal

DELIVERY_ATTEMPTS = 185
DELIVERY_MAX_AGE = Duration.hours(24)
"""EventBridge's own most: an event that is not claimed today is found by the reconcile."""
PLACEHOLDER_CHARS = 40


class BillingWebhooks(Construct):
    """Claims events in the billing table: may put there, read the signing secret, and nothing else."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        layers: Layers,
        outreach: LayerSet,
        tables: DomainTables,
        bus: events.IEventBus,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        table = tables.billing
        self.secret = provider_secret(
            self,
            "Signing",
            deployment=deployment,
            holds="signing secret of the provider's webhook",
            key="current",
        )
        self.function = Function(
            self,
            "Function",
            name="webhooks",
            deployment=deployment,
            layers=layers,
            extra=outreach,
            settings=WebhooksSettings(billing_table=table.table_name, signing_secret=self.secret.secret_arn),
        )
        self.function.allow(["secretsmanager:GetSecretValue"], self.secret.secret_arn)
        self.over_bus = Function(
            self,
            "OverBus",
            name="stripe_events",
            deployment=deployment,
            layers=layers,
            settings=StripeEventsSettings(billing_table=table.table_name),
        )
        for function in (self.function, self.over_bus):
            function.allow(["dynamodb:PutItem"], table.table_arn)
        asynchronous.catch(self.over_bus)
        self._follow("OnForwarded", bus.event_bus_name, asynchronous)
        if deployment.stripe_event_bus:
            self._follow("OnPartner", deployment.stripe_event_bus, asynchronous)

    def _follow(self, name: str, bus: str, asynchronous: AsyncDeadLetters) -> None:
        """Hand the provider's events on a bus to the function."""
        rule = events.CfnRule(
            self,
            name,
            event_bus_name=bus,
            description="Events of the payment provider are claimed",
            event_pattern={"source": [{"prefix": PARTNER_SOURCE}]},
            targets=[
                events.CfnRule.TargetProperty(
                    id="function",
                    arn=self.over_bus.function_arn,
                    dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                        arn=asynchronous.queue.queue_arn
                    ),
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_retry_attempts=DELIVERY_ATTEMPTS,
                        maximum_event_age_in_seconds=int(DELIVERY_MAX_AGE.to_seconds()),
                    ),
                )
            ],
        )
        lambda_.CfnPermission(
            self,
            f"{name}May",
            action="lambda:InvokeFunction",
            function_name=self.over_bus.function_arn,
            principal="events.amazonaws.com",
            source_arn=rule.attr_arn,
        )


def provider_secret(
    scope: Construct, construct_id: str, *, deployment: Deployment, holds: str, key: str
) -> secretsmanager.Secret:
    """A secret that a person fills with what the provider shows; until then `key` holds what nobody knows."""
    secret = secretsmanager.Secret(
        scope,
        construct_id,
        description=f"{deployment.name}: {holds} (docs/billing.md)",
        generate_secret_string=secretsmanager.SecretStringGenerator(
            secret_string_template="{}",  # noqa: S106 - the shape, not a secret
            generate_string_key=key,
            password_length=PLACEHOLDER_CHARS,
            exclude_characters=string.punctuation + " ",
        ),
        removal_policy=removal(deployment),
    )
    nag.acknowledge(
        secret,
        "AwsSolutions-SMG4",
        reason="the payment provider makes it: a person changes it, with an overlap (docs/billing.md)",
    )
    return secret
