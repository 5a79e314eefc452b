"""What collects unpaid invoices: a state machine per episode, opened and woken by facts about billing."""

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct
from stemtide import tables as declared
from stemtide.dunning.hearing import JOB, NAMES
from stemtide.settings import DunningSettings, EpisodesSettings

from infra.config import Deployment
from infra.constructs.bus_queue import BusQueue
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.episode_machine import EpisodeMachine, machine_arn
from infra.constructs.function import Function
from infra.constructs.layers import Layers, LayerSet
from infra.constructs.schedules import Schedules
from infra.sizes import SIZES

NAME = "dunning"
HOURLY = "cron(41 * * * ? *)"
CONCURRENCY = 2
"""Deliveries of facts at a time: most only wake an episode."""
LEASE_FACTOR = 2
"""Of the stepper's time-out: whoever had the row is dead by then."""


class DunningSequence(Construct):
    """The function that steps, the state machine, and the function that opens, wakes and restarts."""

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
        provider_key: secretsmanager.ISecret,
        mail: lambda_.IFunction,
        schedules: Schedules,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        arn = machine_arn(deployment, NAME)
        self.stepper = Function(
            self,
            "Stepper",
            name="dunning",
            deployment=deployment,
            layers=layers,
            extra=outreach,
            settings=DunningSettings(
                episodes_table=tables.episodes.table_name,
                accounts_table=tables.accounts.table_name,
                contacts_table=tables.contacts.table_name,
                provider_key_secret=provider_key.secret_arn,
                provider_url=deployment.payments_url,
                mail_function=mail.function_name,
                state_machine=arn,
                card_url=deployment.card_url,
                clock=deployment.clock,
                lease_s=LEASE_FACTOR * SIZES["dunning"].timeout_s,
            ),
        )
        self.stepper.allow(["secretsmanager:GetSecretValue"], provider_key.secret_arn)
        self.stepper.allow(["lambda:InvokeFunction"], mail.function_arn)
        self.stepper.allow(
            ["dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:Query"], tables.episodes.table_arn
        )
        self.stepper.allow(["dynamodb:GetItem"], tables.accounts.table_arn, tables.contacts.table_arn)
        self.machine = EpisodeMachine(
            self, "Episodes", deployment=deployment, name=NAME, stepper=self.stepper
        )
        self.stepper.allow(["states:SendTaskSuccess"], arn)
        self.facts = BusQueue(
            self,
            "Facts",
            deployment=deployment,
            worker="episodes",
            bus=bus,
            detail_types=NAMES,
            about="Facts about billing open dunning episodes, or let them look",
            rule_id="OnBilling",
            asynchronous=asynchronous,
        )
        self.keeper = Function(
            self,
            "Keeper",
            name="episodes",
            deployment=deployment,
            layers=layers,
            settings=EpisodesSettings(
                episodes_table=tables.episodes.table_name,
                accounts_table=tables.accounts.table_name,
                state_machine=arn,
                queue=self.facts.queue.queue_url,
                dead_letter_queue=self.facts.given_up.queue_url,
                clock=deployment.clock,
            ),
        )
        self.keeper.allow(
            ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"], tables.episodes.table_arn
        )
        self.keeper.allow(
            ["dynamodb:Query"],
            *(f"{tables.episodes.table_arn}/index/{one.name}" for one in declared.EPISODES.indexes),
        )
        self.keeper.allow(["dynamodb:GetItem"], tables.accounts.table_arn)
        self.keeper.allow(["states:SendTaskSuccess", "states:StartExecution"], arn)
        self.machine.allow_describing(self.keeper)
        asynchronous.catch(self.keeper)
        self.facts.feed(self.keeper, concurrency=CONCURRENCY)
        schedules.run(self.keeper, name=JOB, cron=HOURLY)
