"""What runs by the clock. Always UTC: no hour is skipped or doubled when a zone changes its offset."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.config import Deployment
from infra.constructs.dead_letters import AsyncDeadLetters
from infra.constructs.function import Function

DELIVERY_ATTEMPTS = 10
DELIVERY_MAX_AGE = Duration.hours(1)
"""An hourly job is worth delivering until the next one; the job itself catches up what was missed."""


class Schedules(Construct):
    """EventBridge Scheduler schedules with bounded retries; what cannot be delivered goes to the queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        asynchronous: AsyncDeadLetters,
        group: str = "",
    ) -> None:
        super().__init__(scope, construct_id)
        name = f"{deployment.name}-{group}" if group else deployment.name
        self._undelivered = asynchronous.queue
        self._group = scheduler.CfnScheduleGroup(self, "Group", name=name)
        self._role = iam.Role(
            self,
            "Role",
            description=f"{deployment.name}: what the schedules may start",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        self._allow("sqs:SendMessage", self._undelivered.queue_arn)

    def run(self, function: Function, *, name: str, cron: str) -> None:
        """Invoke `function` at `cron` (UTC) with `{"job": name, "scheduled_at": <ISO instant>}`."""
        self._allow("lambda:InvokeFunction", function.function_arn)
        self._schedule(function.function_arn, name=name, cron=cron)

    def start(self, state_machine_arn: str, *, name: str, cron: str) -> None:
        """Start an execution of the state machine at `cron` (UTC), with the same input."""
        self._allow("states:StartExecution", state_machine_arn)
        self._schedule(state_machine_arn, name=name, cron=cron)

    def _schedule(self, arn: str, *, name: str, cron: str) -> None:
        schedule = scheduler.CfnSchedule(
            self,
            name.title(),
            name=name,
            group_name=self._group.ref,
            schedule_expression=cron,
            schedule_expression_timezone="UTC",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=arn,
                role_arn=self._role.role_arn,
                input=f'{{"job":"{name}","scheduled_at":"<aws.scheduler.scheduled-time>"}}',
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_retry_attempts=DELIVERY_ATTEMPTS,
                    maximum_event_age_in_seconds=int(DELIVERY_MAX_AGE.to_seconds()),
                ),
                dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(
                    arn=self._undelivered.queue_arn
                ),
            ),
        )
        schedule.node.add_dependency(self._role)

    def _allow(self, action: str, resource: str) -> None:
        self._role.add_to_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
