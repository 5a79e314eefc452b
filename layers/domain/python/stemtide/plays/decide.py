"""What is done next about a play: the first of the rules below that applies.

Level-triggered: a decision rests on what is true now, never on what was decided before, so it may be asked at
any time and any number of times. Whoever acts on it asks again right before.
"""

from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from stemtide.calls import DAY_MS
from stemtide.config_retention import Act
from stemtide.local_time import no_sooner_than
from stemtide.plays.facts import Facts, OfferState
from stemtide.plays.plan import Plan, Step
from stemtide.plays.play import Journey, Outcome, Play
from stemtide.scoring.assessment import Tier

LOOK_AGAIN_MS: Final = DAY_MS
"""The longest wait of a play that acts without looking at what is true: an event may have been lost."""
LOOK_ON_MS: Final = 7 * DAY_MS
"""The same of one that only waits for its outcome."""
RANK: Final = {Tier.HIGH: 1, Tier.CRITICAL: 2}
ENTRY_SCORE: Final = 50
"""Where tier `high` begins; see `scoring.assessment.tier_of`."""


class End(msgspec.Struct, frozen=True, kw_only=True, tag="end"):
    """The outcome is known: what came, when (epoch ms), why it is said."""

    outcome: Outcome
    at_ms: int
    reason: str


class Halt(msgspec.Struct, frozen=True, kw_only=True, tag="halt"):
    """Nothing is done any more; the play looks on."""

    reason: str


class Escalate(msgspec.Struct, frozen=True, kw_only=True, tag="escalate"):
    """The account has come into a higher tier, whose steps are done from now on."""

    tier: Tier


class MakeOffer(msgspec.Struct, frozen=True, kw_only=True, tag="make_offer"):
    """Find the customer's offer and make it at the provider, or say why there is none."""

    step: str


class Do(msgspec.Struct, frozen=True, kw_only=True, tag="do"):
    """Do a step; those in `instead_of` are passed over, as their time has gone by as well."""

    step: str
    act: str
    instead_of: tuple[str, ...] = ()


class Wait(msgspec.Struct, frozen=True, kw_only=True, tag="wait"):
    """Nothing to do until an instant (epoch ms), or until something happens."""

    until_ms: int
    reason: str


Action = End | Halt | Escalate | MakeOffer | Do | Wait


def decide(play: Play, facts: Facts, plan: Plan, *, exit_margin: int, zone: ZoneInfo, now_ms: int) -> Action:
    """What to do now; the first rule that applies wins.

    Args:
        exit_margin: points below tier `high` at which an account has left its retention play.
        zone: the customer's, in whose day mails go.
    """
    over = _over(play, facts, now_ms)
    if over is not None:
        return over
    if play.halted_ms is not None:
        return _wait({"outcome": play.until_ms}, now_ms, at_most=LOOK_ON_MS)
    halt = _halt(play, facts, plan, exit_margin)
    if halt is not None:
        return Halt(reason=halt)
    if play.tier is not None and facts.tier is not None and RANK.get(facts.tier, 0) > RANK[play.tier]:
        return Escalate(tier=facts.tier)
    if facts.waits is not None:
        return _wait({facts.waits: now_ms + LOOK_AGAIN_MS, "outcome": play.until_ms}, now_ms)
    if facts.offer is not None and facts.offer.state is OfferState.CLAIMED:
        return MakeOffer(step=_offering(plan))
    return _next(play, facts, plan, zone, now_ms)


def still_acts(play: Play, facts: Facts, plan: Plan, *, exit_margin: int, now_ms: int) -> bool:
    """Whether something may be done about a play at all: asked once more right before each act."""
    if play.halted_ms is not None or facts.waits is not None:
        return False
    return _over(play, facts, now_ms) is None and _halt(play, facts, plan, exit_margin) is None


def _over(play: Play, facts: Facts, now_ms: int) -> End | None:
    """The outcome, once it is known. What happened in time counts whenever it is heard of."""
    if facts.gone is not None:
        return End(outcome=Outcome.UNOBSERVED, at_ms=now_ms, reason=facts.gone)
    wins_back = play.journey is Journey.WIN_BACK
    if facts.turned_ms is not None and facts.turned_ms <= play.until_ms:
        outcome = Outcome.REACTIVATED if wins_back else Outcome.CHURNED
        return End(outcome=outcome, at_ms=facts.turned_ms, reason="subscribed" if wins_back else "ended")
    if now_ms >= play.until_ms:
        outcome = Outcome.LOST if wins_back else Outcome.SAVED
        return End(outcome=outcome, at_ms=play.until_ms, reason="time_is_up")
    return None


def _halt(play: Play, facts: Facts, plan: Plan, exit_margin: int) -> str | None:
    if play.held_out:
        return "held_out"
    if plan.why_none is not None:
        return plan.why_none
    if facts.stops is not None:
        return facts.stops
    left = play.tier is not None and facts.score is not None and facts.score < ENTRY_SCORE - exit_margin
    return "left_tier" if left else None


def _next(play: Play, facts: Facts, plan: Plan, zone: ZoneInfo, now_ms: int) -> Action:
    """Every task of a CSM that is due; of the mails only the latest: those before it have had their time."""
    steps = [step for step in plan.steps if step.tier in (None, play.tier)]
    due = [step for step in steps if _due_ms(play, step, plan, zone) <= now_ms]
    tasks = [step for step in due if step.act == Act.CSM_TASK and not facts.is_done(step.name)]
    if tasks:
        return Do(step=tasks[0].name, act=tasks[0].act)
    mails = [step for step in due if step.act != Act.CSM_TASK]
    if mails and not facts.is_done(mails[-1].name):
        if mails[-1].offers and facts.offer is None:
            return MakeOffer(step=mails[-1].name)
        passed = tuple(step.name for step in mails[:-1] if not facts.is_done(step.name))
        return Do(step=mails[-1].name, act=mails[-1].act, instead_of=passed)
    ahead = {step.name: _due_ms(play, step, plan, zone) for step in steps if step not in due}
    if not ahead:
        return _wait({"outcome": play.until_ms}, now_ms, at_most=LOOK_ON_MS)
    return _wait({**ahead, "outcome": play.until_ms}, now_ms)


def _due_ms(play: Play, step: Step, plan: Plan, zone: ZoneInfo) -> int:
    """When a step is done: mails to customers no sooner than the hour of their day."""
    begun_ms = play.started_ms if play.tier_ms is None else play.tier_ms
    planned_ms = begun_ms + round(step.after_days * DAY_MS)
    if step.act == Act.CSM_TASK:
        return planned_ms
    return no_sooner_than(plan.send_hour, planned_ms, zone)


def _offering(plan: Plan) -> str:
    return next((step.name for step in plan.steps if step.offers), "")


def _wait(ahead: dict[str, int], now_ms: int, *, at_most: int = LOOK_AGAIN_MS) -> Wait:
    """Until the first of what lies ahead, at most as long as one may go without a look."""
    reason, until_ms = min(ahead.items(), key=lambda one: (one[1], one[0]))
    return Wait(until_ms=min(until_ms, now_ms + at_most), reason=reason)
