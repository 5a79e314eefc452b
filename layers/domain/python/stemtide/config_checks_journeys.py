"""What cannot be right in the sections about dunning, win-back and retention: names that are there twice."""

from collections.abc import Iterable, Iterator

from stemtide.config_problem import Problem
from stemtide.config_retention import Act, Retention
from stemtide.config_schema import Config
from stemtide.config_source import Path

EPISODES = "An episode remembers it by that name: give each a name of its own."


def problems(config: Config) -> Iterator[Problem]:
    """Everything that is wrong, in the order of the file's sections."""
    yield from _twice((one.name for one in config.dunning.policies), ("dunning", "policies"), "policies")
    for i, policy in enumerate(config.dunning.policies):
        yield from _twice((one.name for one in policy.mails), ("dunning", "policies", i, "mails"), "mails")
    yield from _twice((one.name for one in config.win_back.policies), ("win_back", "policies"), "policies")
    for i, one in enumerate(config.win_back.policies):
        yield from _twice((step.name for step in one.steps), ("win_back", "policies", i, "steps"), "steps")
    yield from _retention(config.retention)


def _retention(retention: Retention) -> Iterator[Problem]:
    tiers: set[str] = set()
    names: set[str] = set()
    for i, play in enumerate(retention.plays):
        if play.tier in tiers:
            yield Problem(
                paths=(("retention", "plays", i, "tier"),),
                reason=f'there are two plays for tier "{play.tier}"',
                remedy="Keep one: an account of a tier has one play.",
            )
        tiers.add(play.tier)
        for j, step in enumerate(play.steps):
            if step.name in names:
                yield Problem(
                    paths=(("retention", "plays", i, "steps", j, "name"),),
                    reason=f'two steps are called "{step.name}"',
                    remedy="Give each a name of its own, over both tiers: an account may come from one into "
                    "the other.",
                )
            names.add(step.name)
        offers = [j for j, step in enumerate(play.steps) if step.act is Act.OFFER]
        if len(offers) > 1:
            yield Problem(
                paths=(("retention", "plays", i, "steps", offers[1], "act"),),
                reason="there are two steps that make an offer",
                remedy="Keep one: a customer gets one offer.",
            )


def _twice(names: Iterable[str], path: Path, what: str) -> Iterator[Problem]:
    seen: set[str] = set()
    for i, name in enumerate(names):
        if name in seen:
            yield Problem(
                paths=((*path, i, "name"),), reason=f'two {what} are called "{name}"', remedy=EPISODES
            )
        seen.add(name)
