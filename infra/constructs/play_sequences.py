"""What wins customers back and keeps those at risk: state machines of plays, opened and woken by facts."""

from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct
from stemtide import tables as declared
from stemtide.plays.hearing import JOB, NAMES
from stemtide.plays.play import Journey
from stemtide.settings import PlayEntrySettings, PlaysSettings

from infra.config import Deployment
from infra.constructs.bus_queue import BusQueue
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.domain_tables import DomainTables
from infra.constructs.episode_machine import EpisodeMachine, machine_arn
from infra.constructs.function import Function
from infra.constructs.layers import Layers, LayerSet
from infra.constructs.schedules import Schedules

MACHINES = {journey: journey.replace("_", "-") for journey in Journey}
"""The name of each journey's state machine."""
HOURLY = "cron(53 * * * ? *)"
CONCURRENCY = 2
"""Deliveries of facts at a time: most only wake a play."""
ROWS = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]


class PlaySequences(Construct):
    """The function that steps, a state machine for each journey, and the function that opens, wakes and
    restarts.

    Args:
        provider_key: None: there is no payment provider to ask.
    """

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
        provider_key: secretsmanager.ISecret | None,
        mail: lambda_.IFunction,
        schedules: Schedules,
        asynchronous: AsyncDeadLetters,
    ) -> None:
        super().__init__(scope, construct_id)
        arns = {journey: machine_arn(deployment, name) for journey, name in MACHINES.items()}
        self._machines = {
            "win_back_machine": arns[Journey.WIN_BACK],
            "retention_machine": arns[Journey.RETENTION],
        }
        self.stepper = self._stepper(deployment, layers, outreach, tables, provider_key, mail)
        self.machines = {
            journey: EpisodeMachine(
                self, journey.title().replace("_", ""), deployment=deployment, name=name, stepper=self.stepper
            )
            for journey, name in MACHINES.items()
        }
        self.stepper.allow(["states:SendTaskSuccess"], *arns.values())
        self.facts = BusQueue(
            self,
            "Facts",
            deployment=deployment,
            worker="play_entry",
            bus=bus,
            detail_types=NAMES,
            about="Facts about customers open plays, or let them look",
            rule_id="OnCustomers",
            asynchronous=asynchronous,
        )
        self.keeper = self._keeper(deployment, layers, tables)
        self.keeper.allow(["states:SendTaskSuccess", "states:StartExecution"], *arns.values())
        for machine in self.machines.values():
            machine.allow_describing(self.keeper)
        asynchronous.catch(self.keeper)
        self.facts.feed(self.keeper, concurrency=CONCURRENCY)
        schedules.run(self.keeper, name=JOB, cron=HOURLY)

    def _stepper(
        self,
        deployment: Deployment,
        layers: Layers,
        outreach: LayerSet,
        tables: DomainTables,
        provider_key: secretsmanager.ISecret | None,
        mail: lambda_.IFunction,
    ) -> Function:
        stepper = Function(
            self,
            "Stepper",
            name="plays",
            deployment=deployment,
            layers=layers,
            extra=outreach,
            settings=PlaysSettings(
                episodes_table=tables.episodes.table_name,
                accounts_table=tables.accounts.table_name,
                contacts_table=tables.contacts.table_name,
                provider_key_secret="" if provider_key is None else provider_key.secret_arn,
                provider_url=deployment.payments_url,
                mail_function=mail.function_name,
                clock=deployment.clock,
                **self._machines,
            ),
        )
        if provider_key is not None:
            stepper.allow(["secretsmanager:GetSecretValue"], provider_key.secret_arn)
        stepper.allow(["lambda:InvokeFunction"], mail.function_arn)
        stepper.allow(ROWS, tables.episodes.table_arn)
        stepper.allow(["dynamodb:BatchGetItem"], tables.accounts.table_arn, tables.contacts.table_arn)
        stepper.allow(["dynamodb:GetItem", "dynamodb:Query"], tables.accounts.table_arn)
        return stepper

    def _keeper(self, deployment: Deployment, layers: Layers, tables: DomainTables) -> Function:
        keeper = Function(
            self,
            "Keeper",
            name="play_entry",
            deployment=deployment,
            layers=layers,
            settings=PlayEntrySettings(
                episodes_table=tables.episodes.table_name,
                accounts_table=tables.accounts.table_name,
                billing_table=tables.billing.table_name,
                queue=self.facts.queue.queue_url,
                dead_letter_queue=self.facts.given_up.queue_url,
                clock=deployment.clock,
                **self._machines,
            ),
        )
        keeper.allow(ROWS, tables.episodes.table_arn)
        keeper.allow(
            ["dynamodb:Query"],
            *(f"{tables.episodes.table_arn}/index/{one.name}" for one in declared.EPISODES.indexes),
        )
        keeper.allow(["dynamodb:GetItem", "dynamodb:Query"], tables.accounts.table_arn)
        keeper.allow_rows(["dynamodb:GetItem"], tables.billing, partitions="account#*")
        return keeper
