"""The steps of a run over every account that are not the scorer's: plan, gate, flag, summary."""

import time
from functools import lru_cache
from logging import ERROR, INFO
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from stemtide.config import bundled_config
from stemtide.settings import SweepSettings
from stemtide.store.sweep_assembly import sweep_ports
from stemtide.sweep_run import SweepRun

logger = Logger(service="sweep")


@lru_cache(maxsize=1)
def settings() -> SweepSettings:
    """The function's settings, read once per process."""
    return SweepSettings.from_env()


@lru_cache(maxsize=1)
def steps() -> SweepRun:
    """The steps on this deployment's tables and buckets, made once per process."""
    config = bundled_config()
    ports = sweep_ports(settings(), config, metric=_metric, now_ms=lambda: int(time.time() * 1000))
    return SweepRun(ports=ports, config=config.sweep)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`step` is "plan", "gate", "flag", "finish" or "fail"; `run` the name of the state machine's
    execution."""
    match event["step"]:
        case "plan":
            answer = steps().plan(event["run"], event["input"])
        case "gate":
            answer = steps().gate(event["plan"])
        case "flag":
            answer = steps().flag(event["plan"])
        case "finish":
            answer = steps().finish(event["plan"])
        case _:
            answer = steps().fail(event["plan"], event["error"])
    cause = answer.get("cause") or answer.get("gate_cause")
    told = {
        name: answer[name] for name in ("run", "nights", "accounts", "state", "at_risk") if name in answer
    }
    logger.log(ERROR if cause else INFO, event["step"], extra=told | ({"cause": cause} if cause else {}))
    return answer


def _metric(name: str, value: int) -> None:
    metrics = Metrics(namespace=settings().metric_namespace)
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    metrics.flush_metrics()
