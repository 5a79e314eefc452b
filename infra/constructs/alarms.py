"""What somebody must hear of."""

from collections.abc import Sequence

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from stemtide.billing.reconcile import METRICS as BILLED
from stemtide.delivery.mail_metrics import PAUSED_CAMPAIGNS, UNKNOWN_MAILS
from stemtide.quality_gate import TRIPPED
from stemtide.recompute_plan import METRICS as RECOMPUTED
from stemtide.refusals import REFUSED
from stemtide.sweep import SWEPT

from infra.config import Deployment
from infra.constructs.balance_check import METRICS, NOT_COMPARED, UNBALANCED
from infra.constructs.function import Function

FIVE_MINUTES = Duration.minutes(5)
THROTTLED_PERIODS = 3
"""Lambda tries again by itself; for so long without a pause the account's concurrency is used up."""
HOUR = Duration.hours(1)
SILENT_HOURS = 3
"""The balance check is hourly and catches up: after so many hours without a result it is broken."""
APART_HOURS = 3
"""A consumer that is more than half an hour behind is not compared; after so many hours it is no peak."""
SIX_HOURS = Duration.hours(6)
SILENT_NIGHT_PERIODS = 5
"""30 hours: a night and the time for retries and a repetition by hand."""
SERVER_ERRORS = 5
"""Answers 5xx in five minutes; a single one may be a client's time-out during a deployment."""
MISSING_IS = cloudwatch.TreatMissingData


class Alarms(Construct):
    """Every alarm of the deployment, told to one encrypted topic when it starts and when it ends."""

    def __init__(self, scope: Construct, construct_id: str, *, deployment: Deployment) -> None:
        super().__init__(scope, construct_id)
        self._prefix = deployment.name
        # AWS's own key for topics refuses CloudWatch, so alarms need one of ours.
        key = kms.Key(
            self,
            "Key",
            description=f"{deployment.name}: alarm topic",
            enable_key_rotation=True,
            removal_policy=RemovalPolicy.DESTROY,  # nothing at rest outlives its delivery
        )
        self.topic = sns.Topic(
            self, "Topic", display_name=f"{deployment.name} alarms", master_key=key, enforce_ssl=True
        )
        key.add_to_resource_policy(_alarms_may(["kms:Decrypt", "kms:GenerateDataKey"], "*"))  # "*": this key
        self.topic.add_to_resource_policy(_alarms_may(["sns:Publish"], self.topic.topic_arn))
        if deployment.alarm_mail:
            self.topic.add_subscription(subscriptions.EmailSubscription(deployment.alarm_mail))
        self.all: list[cloudwatch.Alarm] = []
        self._stuck_ms = deployment.stuck_minutes * 60_000

    def errors(self, functions: Sequence[Function]) -> None:
        """A function failed. Retries may have healed it; a person should see why."""
        for function in functions:
            metric = function.metric_errors(period=FIVE_MINUTES, statistic="Sum")
            self._raise(f"{function.short_name}-errors", metric, f"the {function.short_name} function failed")

    def consumers(self, functions: Sequence[Function]) -> None:
        """A consumer falls behind, is not let run, or could not even hand over what it gave up.

        Lambda tells the age of what a consumer reads when it runs it: while it is throttled there is none.
        """
        for function in functions:
            name = function.short_name
            age = function.metric("IteratorAge", period=FIVE_MINUTES, statistic="Maximum")
            self._raise(f"{name}-behind", age, f"{name} is behind the stream", threshold=self._stuck_ms)
            held = function.metric_throttles(period=FIVE_MINUTES, statistic="Sum")
            self._raise(f"{name}-throttled", held, f"{name} is not let run", periods=THROTTLED_PERIODS)
            lost = function.metric("DestinationDeliveryFailures", period=FIVE_MINUTES, statistic="Sum")
            self._raise(f"{name}-batch-lost", lost, f"a batch {name} gave up could not be stored")

    def dead_letters(self, register: lambda_.IFunction, queue: sqs.IQueue) -> None:
        """Something was given up: a batch of the stream, or an invocation nobody waits for."""
        batches = register.metric_invocations(period=FIVE_MINUTES, statistic="Sum")
        self._raise("batch-given-up", batches, "a batch of events is in the dead-letter bucket")
        waiting = queue.metric_approximate_number_of_messages_visible(
            period=FIVE_MINUTES, statistic="Maximum"
        )
        self._raise("async-dead-letters", waiting, "a notice or a scheduled run is in the dead-letter queue")

    def waiting(self, what: str, asks: str, queue: sqs.IQueue, given_up: sqs.IQueue) -> None:
        """What asks for scores waits too long, or was given up.

        Args:
            what: names the alarms.
            asks: one of them in words.
        """
        age = queue.metric_approximate_age_of_oldest_message(period=FIVE_MINUTES, statistic="Maximum")
        late = f"{asks} waits for its score"
        self._raise(f"{what}-behind", age, late, threshold=self._stuck_ms / 1000)
        left = given_up.metric_approximate_number_of_messages_visible(
            period=FIVE_MINUTES, statistic="Maximum"
        )
        self._raise(f"{what}-given-up", left, f"{asks} was given up without a score")

    def mails(self, queue: sqs.IQueue, given_up: sqs.IQueue) -> None:
        """Nobody knows of mails whether they were sent, a campaign has stopped by itself, or what SES tells
        is not worked off."""
        for name, metric_name, meaning in (
            ("mails-unknown", UNKNOWN_MAILS, "nobody knows whether mails were sent"),
            ("campaign-paused", PAUSED_CAMPAIGNS, "a campaign of mails was paused: too many bounce or annoy"),
        ):
            metric = cloudwatch.Metric(
                namespace=METRICS, metric_name=metric_name, period=FIVE_MINUTES, statistic="Sum"
            )
            self._raise(name, metric, meaning)
        age = queue.metric_approximate_age_of_oldest_message(period=FIVE_MINUTES, statistic="Maximum")
        late = "a notice of SES waits to be worked off"
        self._raise("notices-behind", age, late, threshold=self._stuck_ms / 1000)
        left = given_up.metric_approximate_number_of_messages_visible(
            period=FIVE_MINUTES, statistic="Maximum"
        )
        self._raise("notices-given-up", left, "a notice of SES was given up")

    def balance(self) -> None:
        """Events are unaccounted for, or nobody looked, or could not."""
        worst = cloudwatch.Metric(namespace=METRICS, metric_name=UNBALANCED, period=HOUR, statistic="Maximum")
        self._raise("events-unbalanced", worst, "events are not accounted for", missing=MISSING_IS.IGNORE)
        looked = worst.with_(statistic="SampleCount")
        self._raise(
            "balance-not-checked",
            looked,
            f"no result of the balance check for {SILENT_HOURS} hours",
            threshold=1,
            operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            periods=SILENT_HOURS,
            missing=MISSING_IS.BREACHING,
        )
        left = cloudwatch.Metric(
            namespace=METRICS, metric_name=NOT_COMPARED, period=HOUR, statistic="Maximum"
        )
        self._raise(
            "lanes-not-compared",
            left,
            f"the balance of a shard could not be checked for {APART_HOURS} hours",
            periods=APART_HOURS,
            missing=MISSING_IS.IGNORE,
        )

    def models(self) -> None:
        """A function refuses a model that it was told to use.

        Zeros are written, too, so that it ends when the model is mended; nothing written tells nothing.
        """
        refused = cloudwatch.Metric(
            namespace=METRICS, metric_name=REFUSED, period=FIVE_MINUTES, statistic="Maximum"
        )
        meaning = "a promoted model is refused: the last good one goes on, or the rules"
        self._raise("model-refused", refused, meaning, missing=MISSING_IS.IGNORE)

    def sweep(self, state_machine_arn: str) -> None:
        """A nightly run failed, the quality gate kept a night from being scored, or none came to its end."""
        failed = _failed(state_machine_arn)
        self._raise("sweep-failed", failed, "a nightly run did not score every account")
        tripped = cloudwatch.Metric(
            namespace=METRICS, metric_name=TRIPPED, period=FIVE_MINUTES, statistic="Maximum"
        )
        self._raise("sweep-gate-tripped", tripped, "the quality gate kept a night from being scored")
        self._nightly("sweep-not-run", SWEPT, "no nightly run came to its end for 30 hours")

    def recompute(self, state_machine_arn: str) -> None:
        """A recompute failed or left items that lag behind the archive, or none came to its end."""
        failed = _failed(state_machine_arn)
        self._raise("recompute-failed", failed, "a recompute did not set every item right")
        self._nightly("recompute-not-run", RECOMPUTED["checked"], "no recompute came to its end for 30 hours")

    def billing(self) -> None:
        """Nobody asked the payment provider for what never arrived, or events wait for a person."""
        self._nightly(
            "billing-not-reconciled", BILLED["claimed"], "no reconcile with the provider for 30 hours"
        )
        for name, what in (("overdue", "wait for more than a day"), ("failed", "cannot be worked off")):
            waiting = cloudwatch.Metric(
                namespace=METRICS, metric_name=BILLED[name], period=HOUR, statistic="Maximum"
            )
            meaning = f"events of the payment provider {what}"
            self._raise(f"billing-events-{name}", waiting, meaning, missing=MISSING_IS.IGNORE)

    def _nightly(self, name: str, metric_name: str, meaning: str) -> None:
        """What a nightly run says at its end was not said."""
        ended = cloudwatch.Metric(
            namespace=METRICS, metric_name=metric_name, period=SIX_HOURS, statistic="SampleCount"
        )
        self._raise(
            name,
            ended,
            meaning,
            threshold=1,
            operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            periods=SILENT_NIGHT_PERIODS,
            missing=MISSING_IS.BREACHING,
        )

    def http(self, api_id: str) -> None:
        """The API answers with server errors."""
        failed = cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name="5xx",
            dimensions_map={"ApiId": api_id},
            period=FIVE_MINUTES,
            statistic="Sum",
        )
        self._raise("http-server-errors", failed, "the HTTP API answers 5xx", threshold=SERVER_ERRORS)

    def _raise(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        meaning: str,
        *,
        threshold: float = 0,
        operator: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        periods: int = 1,
        missing: cloudwatch.TreatMissingData = MISSING_IS.NOT_BREACHING,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            alarm_name=f"{self._prefix}-{name.replace('_', '-')}",  # what the mail's subject says
            alarm_description=f"Stemtide: {meaning}",
            threshold=threshold,
            comparison_operator=operator,
            evaluation_periods=periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))
        self.all.append(alarm)


def _failed(state_machine_arn: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/States",
        metric_name="ExecutionsFailed",
        dimensions_map={"StateMachineArn": state_machine_arn},
        period=FIVE_MINUTES,
        statistic="Sum",
    )


def _alarms_may(actions_: Sequence[str], resource: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid="AlarmsOfThisAccount",
        principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
        actions=list(actions_),
        resources=[resource],
        conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
    )
