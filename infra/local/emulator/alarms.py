"""An alarm watches the metric with exactly its dimensions.

"CloudWatch treats each unique combination of dimensions as a separate metric, even if the metrics have the
same metric name" (CloudWatch user guide, "Dimension combinations"). As shipped an alarm is evaluated over
every metric of its name, so one function's invocations raise another function's alarm.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from infra.local.emulator.patching import replace

SHA256 = "a0b0acd3d432b711a4e0a2cc389b6acea5aab29ecc5e5986b13fb370cdad30fe"


def install() -> None:
    """Replace the evaluation of metric alarms. Raises `EmulatorChanged`."""
    from ministack.services import cloudwatch

    evaluate = cloudwatch._evaluate_alarm

    def _evaluate_alarm(alarm: dict[str, Any]) -> None:
        dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
        own = {key: points for key, points in cloudwatch._metrics.items() if key[2] == dimensions}
        # The shipped code, seeing the alarm's own metric only.
        FunctionType(evaluate.__code__, {**vars(cloudwatch), "_metrics": own})(alarm)

    replace(cloudwatch, "_evaluate_alarm", _evaluate_alarm, source_sha256=SHA256)
