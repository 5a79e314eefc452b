"""One page that shows whether events flow."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from infra.config import Deployment
from infra.constructs.balance_check import METRICS, UNBALANCED
from infra.constructs.function import Function

MINUTE = Duration.minutes(1)
HALF = 12
"""Half the width of a dashboard."""


class OperationsDashboard(Construct):
    """Alarms, the way of the events, functions, and the balance."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        deployment: Deployment,
        alarms: Sequence[cloudwatch.IAlarm],
        stream: kinesis.IStream,
        consumers: Sequence[Function],
        functions: Sequence[Function],
        api_id: str,
    ) -> None:
        super().__init__(scope, construct_id)
        board = cloudwatch.Dashboard(self, "Board", dashboard_name=deployment.name)
        board.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=2 * HALF))
        board.add_widgets(
            _graph(
                "Events in",
                [_each(stream.metric_incoming_records(period=MINUTE, statistic="Sum"), "records")],
            ),
            _graph(
                "Consumers behind the stream (ms)",
                [
                    _each(f.metric("IteratorAge", period=MINUTE, statistic="Maximum"), f.short_name)
                    for f in consumers
                ],
            ),
        )
        board.add_widgets(
            _graph(
                "Function errors",
                [_each(f.metric_errors(period=MINUTE, statistic="Sum"), f.short_name) for f in functions],
            ),
            _graph(
                "Function duration, p99 (ms)",
                [_each(f.metric_duration(period=MINUTE, statistic="p99"), f.short_name) for f in functions],
            ),
        )
        board.add_widgets(
            _graph("HTTP API", [_http(api_id, name) for name in ("Count", "4xx", "5xx")]),
            _graph("Events unaccounted for", [_unbalanced()]),
        )


def _graph(title: str, lines: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(lines), width=HALF)


def _each(metric: cloudwatch.Metric, label: str) -> cloudwatch.Metric:
    return metric.with_(label=label)


def _http(api_id: str, name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/ApiGateway",
        metric_name=name,
        dimensions_map={"ApiId": api_id},
        period=MINUTE,
        statistic="Sum",
        label=name,
    )


def _unbalanced() -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=METRICS,
        metric_name=UNBALANCED,
        period=Duration.hours(1),
        statistic="Maximum",
        label="events",
    )
