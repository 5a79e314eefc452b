"""What the state machine does with the recompute function, and how tests look at the usage table."""

import json
from typing import Any

from stemtide.canonical import Hashed, hash_of
from stemtide.store.canonical_items import read_projections
from stemtide.store.recomputes import read_run

from tests.stream_cloud import Cloud


def recompute(cloud: Cloud, run: str = "r-1", **asked: Any) -> dict[str, Any]:
    """A whole run: plan, every task, end; its log row."""
    planned = cloud.invoke("recompute", {"step": "plan", "run": run, "input": asked})
    if planned["key"]:
        for item in tasks(cloud, planned):
            cloud.invoke("recompute", {"step": "task", "item": item})
        cloud.invoke("recompute", {"step": "finish", "plan": planned})
    return read_run(cloud.ingest, run) or {}


def tasks(cloud: Cloud, planned: dict[str, Any]) -> list[dict[str, Any]]:
    """The tasks that a plan wrote."""
    body = cloud.s3.get_object(Bucket=planned["bucket"], Key=planned["key"])["Body"].read()
    found: list[dict[str, Any]] = json.loads(body)
    return found


def usage_hash(cloud: Cloud) -> Hashed:
    """The canonical hash of the usage table."""
    return hash_of(read_projections(cloud.usage))


def calls(cloud: Cloud, account: str = "acme") -> dict[str, int]:
    """The calls of an account's days."""
    found = read_projections(cloud.usage, account=account)
    return {day: projection.calls for _, day, projection in found}


def empty_usage(cloud: Cloud) -> None:
    """Delete every item of the usage table."""
    for item in cloud.usage.scan()["Items"]:
        cloud.usage.delete_item(Key={"account": item["account"], "day": item["day"]})
