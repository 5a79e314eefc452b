"""How soon a customer whose use has fallen is scored: from a record's arrival at the edge to the new score.

The whole way on the local cloud: HTTP edge, stream, aggregates, table stream, detection, event bus, scorer.
"""

import time
from dataclasses import replace
from typing import Any, Final

from benchmarks import dropping_base
from demo.cloud import own_cloud
from demo.settings import Settings, Size
from demo.stages import StageError, Stages
from demo.story import Story
from demo.today import percentile, post_each

ACCOUNTS: Final = 200
TRAINING: Final = Size(accounts=300, days=400)


def run(
    settings: Settings, stages: Stages, *, accounts: int = ACCOUNTS
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure once; returns the figures and what was run."""
    settings = replace(settings, training=TRAINING)
    began = time.monotonic()
    with own_cloud(settings, lambda _: None):
        story = Story(settings=settings, stages=stages)
        story.deploy()
        story.train()
        seconds = _measure(settings, stages, story, accounts)
    figures = {
        "drop_to_score_p50_s": round(percentile(seconds, 0.5), 2),
        "drop_to_score_p95_s": round(percentile(seconds, 0.95), 2),
    }
    return figures, {"accounts": len(seconds), "seconds": round(time.monotonic() - began, 1)}


def _measure(settings: Settings, stages: Stages, story: Story, accounts: int) -> list[float]:
    base = settings.folder / "dropping"
    dropping_base.write(base, accounts=accounts, today=settings.today)
    with stages.stage("history", f"two weeks of {accounts} customers replayed and counted") as say:
        story.run("replay", "--mapping", "simulated", "--data", base, say=say)
        story.drain(say)
    rows = [
        {"account": dropping_base.account_id(number), "user": None, "event": "API Call", "count": 10}
        for number in range(accounts)
    ]
    with stages.stage("measure", f"{accounts} records posted, a new score for each") as say:
        sent = post_each(story.web, rows, run=f"bench-{settings.today}", say=say)
        seconds = story.rescored(sent, say)
    if len(seconds) != accounts:
        raise StageError(f"only {len(seconds)} of {accounts} accounts were scored")
    return seconds
