"""Metrics that functions write as log lines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.local.emulator.function_logs import Point, embedded_metrics


def line(**members: Any) -> str:
    directive = {
        "Namespace": "Stemtide",
        "Dimensions": [["service"], []],
        "Metrics": [{"Name": "Late", "Unit": "Count"}],
    }
    return json.dumps({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [directive]}, **members})


def test_every_dimension_set_gets_the_value() -> None:
    points = list(embedded_metrics(line(service="ingest", Late=3)))

    assert points == [
        Point("Stemtide", "Late", 3.0, "Count", {"service": "ingest"}),
        Point("Stemtide", "Late", 3.0, "Count", {}),
    ]


def test_a_list_of_values_gives_a_point_each() -> None:
    points = list(embedded_metrics(line(service="ingest", Late=[1, 2])))

    assert [point.value for point in points] == [1.0, 2.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "text", ["", "plain", '{"a": 1}', '{"_aws": 1}', '{"_aws"', line(service="no value")]
)
def test_other_lines_give_none(text: str) -> None:
    assert list(embedded_metrics(text)) == []
