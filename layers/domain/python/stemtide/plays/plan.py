"""What a play may do and when: the steps of its policy in one form, whichever journey it is of."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from stemtide.config_plays import Cause, WinBack, WinBackPolicy
from stemtide.config_retention import Act, Retention
from stemtide.config_schema import Config
from stemtide.plays.play import Journey, Play
from stemtide.scoring.assessment import Tier

RETENTION_POLICY: Final = "retention"


class Step(NamedTuple):
    """A step: its name, when it is due (days after the play, or the account's tier, began), the tier that it
    is for (None: no matter), and the letter or act that it is. `offers` says that an offer is made for it."""

    name: str
    after_days: float
    act: str
    tier: Tier | None = None
    offers: bool = False


class Plan(NamedTuple):
    """All steps by when they are due, and from which hour of the customer's day on mails go. `why_none` says
    why there are none."""

    steps: tuple[Step, ...]
    send_hour: int
    why_none: str | None = None


def plan_of(play: Play, config: Config) -> Plan:
    """The plan of a play by the configuration of now; a policy that is gone does nothing any more."""
    if play.journey is Journey.RETENTION:
        return _retention(config.retention)
    policy = next((one for one in config.win_back.policies if one.name == play.policy), None)
    return _win_back(policy, config.win_back)


def policy_for(cause: Cause, mrr: int | None, win_back: WinBack) -> WinBackPolicy | None:
    """The first policy that fits a customer who left; None: it is left alone."""
    fits = (one for one in win_back.policies if cause in one.causes and (mrr or 0) >= one.min_mrr)
    return next(fits, None)


def has_play(tier: Tier, retention: Retention) -> bool:
    """Whether something is done about accounts of a tier."""
    return any(one.tier == tier for one in retention.plays)


def _win_back(policy: WinBackPolicy | None, win_back: WinBack) -> Plan:
    if policy is None:
        return Plan((), win_back.send_hour, "policy_gone")
    if not win_back.return_url:
        return Plan((), win_back.send_hour, "no_return_url")
    steps = [
        Step(one.name, one.after_days, one.template, offers=one.template == "win_back_offer")
        for one in policy.steps
    ]
    return Plan(_in_order(steps), win_back.send_hour)


def _retention(retention: Retention) -> Plan:
    can_take = bool(retention.offer_url)  # who could not take an offer keeps the right to one
    steps = [
        Step(one.name, one.after_days, one.act, Tier(play.tier), offers=can_take and one.act is Act.OFFER)
        for play in retention.plays
        for one in play.steps
    ]
    return Plan(_in_order(steps), retention.send_hour)


def _in_order(steps: Sequence[Step]) -> tuple[Step, ...]:
    return tuple(sorted(steps, key=lambda step: step.after_days))
