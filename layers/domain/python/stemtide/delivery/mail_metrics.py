"""What somebody must hear of about mails, as metrics for alarms."""

UNKNOWN_MAILS = "UnknownMails"
PAUSED_CAMPAIGNS = "PausedCampaigns"


def count(namespace: str, name: str, number: int) -> None:
    """Write a number as an embedded metric."""
    from aws_lambda_powertools import Metrics
    from aws_lambda_powertools.metrics import MetricUnit

    metrics = Metrics(namespace=namespace)
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)
    metrics.flush_metrics()
