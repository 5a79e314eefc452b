"""A run of the sweep without the state machine: the steps in order, the maps one batch after the other."""

import json
from collections.abc import Callable
from typing import Any

from tests.integration.scoring.conftest import Scoring

FIRING = {"scheduled_at": "2026-03-15T02:30:00Z"}
"""The schedule's input for the night whose instant is AS_OF."""


def plan(scoring: Scoring, run: str = "r-1", **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = scoring.invoke(
        "sweep", {"step": "plan", "run": run, "input": asked or {"as_of": "2026-03-14"}}
    )
    return found


def batches(scoring: Scoring, planned: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of the map that comes next."""
    if not planned["key"]:
        return []
    body = scoring.s3.get_object(Bucket=planned["bucket"], Key=planned["key"])["Body"].read()
    found: list[dict[str, Any]] = json.loads(body)
    return found


def step(scoring: Scoring, name: str, planned: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = scoring.invoke("sweep", {"step": name, "plan": planned})
    return found


def map_over(
    scoring: Scoring, planned: dict[str, Any], *, but: Callable[[dict[str, Any]], bool] = lambda item: False
) -> list[dict[str, Any]]:
    """Work off the next map's items but for some; the answers."""
    return [scoring.invoke("score", item) for item in batches(scoring, planned) if not but(item)]


def judged(scoring: Scoring, planned: dict[str, Any]) -> dict[str, Any]:
    """Extract everything and pass the gate, or not."""
    map_over(scoring, planned)
    return step(scoring, "gate", planned)


def scored(scoring: Scoring, planned: dict[str, Any]) -> dict[str, Any]:
    """From the gate's answer to the summary."""
    if planned["key"]:
        map_over(scoring, planned)
        planned = step(scoring, "flag", planned)
    return step(scoring, "finish", planned)


def work_off(scoring: Scoring, planned: dict[str, Any]) -> dict[str, Any]:
    """What the state machine does after its plan."""
    return scored(scoring, judged(scoring, planned))


def log_row(scoring: Scoring, run: str = "r-1") -> dict[str, Any]:
    item: dict[str, Any] = scoring.ingest.get_item(Key={"pk": "job#sweep", "sk": run})["Item"]
    return item


def night_row(scoring: Scoring, night: str) -> dict[str, Any]:
    item: dict[str, Any] = scoring.ingest.get_item(Key={"pk": "sweep-night", "sk": night})["Item"]
    return item


def finished(scoring: Scoring) -> bool:
    """Whether every claimed night is done."""
    nights = [item for item in scoring.ingest.scan()["Items"] if item["pk"] == "job#sweep-nights"]
    return bool(nights) and all("done_at" in night for night in nights)


def said_of_accounts(scoring: Scoring) -> list[dict[str, Any]]:
    """The accounts table without what scoring keeps of usage for the next time."""
    return [item for item in scoring.accounts.scan()["Items"] if item["item"] != "usage"]
