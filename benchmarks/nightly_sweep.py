"""How long each stage of the nightly run takes over as many accounts as the reference's, on the local cloud.

The reference reports 12 min 34 s for its extraction and 3 min 12 s for its scores, of 4,187 workspaces.
"""

import time
from dataclasses import replace
from statistics import median
from typing import Any, Final

from demo.cloud import own_cloud
from demo.settings import Settings, Size
from demo.stages import StageError, Stages
from demo.story import MAPPING, Story

ACCOUNTS: Final = 4187
DAYS: Final = 21
TRAINING: Final = Size(accounts=300, days=400)
RUNS: Final = 3
"""Nights: the first reads days of usage, the others what it left of them."""


def run(
    settings: Settings, stages: Stages, *, accounts: int = ACCOUNTS, runs: int = RUNS
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure each stage in several nights; returns the figures and what was run."""
    settings = replace(settings, training=TRAINING)
    began = time.monotonic()
    with own_cloud(settings, lambda _: None):
        story = Story(settings=settings, stages=stages)
        story.deploy()
        story.train()
        base = settings.folder / "sweep"
        with stages.stage("base", f"{accounts} customers simulated, {DAYS} days of them loaded") as say:
            size = ("--accounts", accounts, "--days", DAYS, "--end", settings.yesterday)
            story.run("simulate", "--out", base, "--seed", settings.seed, *size, say=say)
            story.run("backfill", "--mapping", MAPPING, "--data", base, say=say)
            story.drain(say)
        nights = [_night(settings, stages, story, number) for number in range(runs)]
    figures = {
        f"sweep.{stage}_s{suffix}": round(value, 2)
        for stage in ("extract_features", "score_accounts")
        for suffix, value in (
            ("_first", nights[0][stage]),
            ("", median(night[stage] for night in nights[1:] or nights)),
        )
    }
    ran = {"accounts": accounts, "nights": nights, "seconds": round(time.monotonic() - began, 1)}
    return {**figures, "sweep.customers": nights[0]["customers"]}, ran


def _night(settings: Settings, stages: Stages, story: Story, number: int) -> dict[str, float]:
    """One run, as of the end of yesterday or an instant of today with the same closed days."""
    as_of = settings.yesterday if not number else f"{settings.today}T00:00:{number:02}Z"
    with stages.stage(f"night {number + 1}", f"every customer scored as of {as_of}") as say:
        swept = story.run("sweep", "--as-of", as_of, say=say)
    if swept["state"] != "succeeded" or swept["failed"] or not swept["scored"]:
        raise StageError(f"the sweep scored {swept['scored']} accounts, {swept['failed']} failed")
    taken = {stage["name"]: float(stage["seconds"]) for stage in swept["stages"]}
    return {**taken, "seconds": swept["seconds"], "customers": swept["scored"] + swept["unchanged"]}
