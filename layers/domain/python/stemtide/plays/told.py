"""What plays tell on the bus: a person is asked to act."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stemtide.as_of import as_of_text
from stemtide.dunning.ledger import Entry
from stemtide.event_ids import event_id
from stemtide.plays.play import Journey, Play
from stemtide.scoring.assessment import Driver, Tier

TASK: Final = "task"
"""The attribute of a ledger entry that holds the task which it raises."""


class CsmTaskRaised(msgspec.Struct, frozen=True, kw_only=True):
    """The CSM of an account is asked to act: about whom, at which step of which play, and why.

    `tier` is the highest that the play has come to, `score` and `drivers` the record's of that moment, `mrr`
    in minor units of `currency` what the account paid when the play began.
    """

    id: str
    account: str
    as_of: str
    episode: str
    journey: Journey
    step: str
    tier: Tier | None
    csm: str | None
    score: int | None
    plan: str | None
    mrr: int | None
    currency: str | None
    drivers: tuple[Driver, ...] = ()


def task_of(play: Play, entry: Entry) -> CsmTaskRaised:
    """The task that an entry of a play raises: the same step of a play is the same task."""
    step = entry.step or ""
    return CsmTaskRaised(
        id=event_id(TASK, play.id, step),
        account=play.account,
        as_of=as_of_text(entry.at_ms),
        episode=play.id,
        journey=play.journey,
        step=step,
        tier=play.tier,
        csm=entry.csm,
        score=entry.score,
        plan=play.plan,
        mrr=play.mrr,
        currency=play.currency if play.mrr is not None else None,
        drivers=entry.drivers,
    )


def task_event(new: Mapping[str, Any]) -> CsmTaskRaised | None:
    """The task that a new ledger entry raises, None where it raises none."""
    return None if TASK not in new else msgspec.json.decode(str(new[TASK]), type=CsmTaskRaised)
