"""Refused models as a metric, for the alarm on it."""

from collections.abc import Callable, Sequence

from stemtide.refusals import REFUSED, Refusal


def tell_refused(namespace: str) -> Callable[[Sequence[Refusal]], None]:
    """Who is told by a `ModelStore` what it refuses: writes the number as an embedded metric.

    A zero matters, too: it ends the alarm.
    """

    def heard(refusals: Sequence[Refusal]) -> None:
        from aws_lambda_powertools import Metrics
        from aws_lambda_powertools.metrics import MetricUnit

        metrics = Metrics(namespace=namespace)
        metrics.add_metric(name=REFUSED, unit=MetricUnit.Count, value=len(refusals))
        metrics.flush_metrics()

    return heard
