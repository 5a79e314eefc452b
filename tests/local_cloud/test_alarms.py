"""Alarms watch their own metric."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.local_cloud.consumers import Cloud
from tests.local_cloud.emulator_process import Emulator, eventually

MINE, OTHER = {"Name": "FunctionName", "Value": "mine"}, {"Name": "FunctionName", "Value": "other"}


def put_alarm(cloudwatch: Any, name: str, dimensions: list[dict[str, str]]) -> None:
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Contract",
        MetricName=name,
        Dimensions=dimensions,
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )


def put_one(cloudwatch: Any, name: str, dimensions: list[dict[str, str]]) -> None:
    cloudwatch.put_metric_data(
        Namespace="Contract", MetricData=[{"MetricName": name, "Dimensions": dimensions, "Value": 1}]
    )


def state_of(cloudwatch: Any, name: str) -> str:
    [alarm] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(alarm["StateValue"])


@pytest.mark.parametrize(
    ("name", "watched", "put"),
    [("other", [MINE], [OTHER]), ("none-put", [MINE], []), ("none-watched", [], [MINE])],
)
def test_a_metric_with_other_dimensions_is_another_metric(
    emulator: Emulator, name: str, watched: list[dict[str, str]], put: list[dict[str, str]]
) -> None:
    """ "CloudWatch treats each unique combination of dimensions as a separate metric, even if the metrics
    have the same metric name"."""
    cloudwatch = emulator.client("cloudwatch")
    put_alarm(cloudwatch, name, watched)

    put_one(cloudwatch, name, put)
    assert state_of(cloudwatch, name) == "INSUFFICIENT_DATA"

    put_one(cloudwatch, name, watched)
    assert state_of(cloudwatch, name) == "ALARM"


TELLING = """
import json

def handler(event, context):
    directive = {"Namespace": "Contract", "Dimensions": [[]], "Metrics": [{"Name": "told", "Unit": "Count"}]}
    print(json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, "told": [event["value"]]}))
"""


def test_a_metric_in_a_functions_log_raises_the_alarm_on_it(emulator: Emulator, tmp_path: Path) -> None:
    """ "CloudWatch Logs generates the metrics … you can create alarms on them" (CloudWatch user guide,
    "Embedding metrics within logs")."""
    cloud, cloudwatch = Cloud(emulator, tmp_path), emulator.client("cloudwatch")
    cloud.function("telling", TELLING)
    put_alarm(cloudwatch, "told", [])
    for value, state in ((0, "OK"), (1, "ALARM")):
        cloud.client("lambda").invoke(FunctionName="telling", Payload=json.dumps({"value": value}).encode())

        assert eventually(lambda state=state: state_of(cloudwatch, "told") == state)  # type: ignore[misc]
