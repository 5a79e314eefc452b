"""Log groups that forget."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.config import Deployment, SettingError

RETENTIONS = {
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    731: logs.RetentionDays.TWO_YEARS,
}
"""What CloudWatch Logs accepts, as far as it is sensible here."""


def short_lived_log(
    scope: Construct, construct_id: str, *, deployment: Deployment, name: str
) -> logs.LogGroup:
    """A log group that keeps `log_retention_days` and goes with its stack.

    Raises:
        SettingError: CloudWatch Logs has no such retention.
    """
    days = deployment.log_retention_days
    if days not in RETENTIONS:
        raise SettingError(
            f"log_retention_days is {days}: it may be one of {', '.join(map(str, RETENTIONS))}"
        )
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=RETENTIONS[days],
        removal_policy=RemovalPolicy.DESTROY,
    )
