"""What a play writes: the request to the mail service for a step, or why there is none."""

from typing import Any, NamedTuple

import msgspec

from stemtide.config_plays import WinBack
from stemtide.config_retention import Act, Retention
from stemtide.mail.message import MailRequest
from stemtide.plays.decide import Do
from stemtide.plays.facts import Facts, Given, OfferState
from stemtide.plays.guidance import guide_for
from stemtide.plays.play import Play
from stemtide.profile import Profile

NO_ADDRESS = "no_address"


class Addressee(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a customer's letter goes to, as the provider knows it."""

    address: str
    name: str | None = None
    locale: str | None = None


class Letter(NamedTuple):
    """A letter's template and values."""

    template: str
    values: dict[str, Any]


class NoLetter(NamedTuple):
    """A step that cannot be done, and why."""

    reason: str


def win_back_letter(play: Play, step: Do, facts: Facts, config: WinBack, *, now_ms: int) -> Letter | NoLetter:
    """The letter of a win-back step: `step.act` is its template."""
    values: dict[str, Any] = {"plan": play.plan or "your subscription", "return_url": config.return_url}
    given = facts.offer
    runs = given is not None and given.state is OfferState.MADE and now_ms < given.expires_ms
    if step.act == "win_back_offer" and not runs:
        return NoLetter("no_offer")
    if given is not None and runs and step.act != "win_back_hello":
        values |= _offer(play, given, with_price=step.act == "win_back_offer")
    return Letter(step.act, values)


def retention_letter(
    play: Play, step: Do, facts: Facts, profile: Profile, config: Retention, *, now_ms: int
) -> Letter | NoLetter:
    """The letter of a retention step to the customer, by what the step is."""
    plan = profile.plan or play.plan or "your subscription"
    match step.act:
        case Act.GUIDE:
            return _guide(facts, config)
        case Act.TRAINING:
            return _training(facts, config)
        case Act.CHECK_IN:
            if not profile.csm:
                return NoLetter("no_csm")
            return Letter("check_in", {"sender": person(profile.csm), "plan": plan})
        case Act.EXECUTIVE:
            if not config.executive:
                return NoLetter("no_executive")
            return Letter("executive_note", {"sender": config.executive, "plan": plan})
        case _:
            return _stay(play, facts, config, plan, now_ms)


def task_letter(play: Play, step: Do, facts: Facts, profile: Profile) -> Letter:
    """The briefing of a CSM: who, how risky, why, what was done so far."""
    values: dict[str, Any] = {
        "account": play.account,
        "customer": profile.name or play.account,
        "tier": str(play.tier or facts.tier),
        "score": facts.score or 0,
        "plan": profile.plan or play.plan,
        "renews_on": profile.renewal_date,
    }
    for number, driver in enumerate(facts.drivers[:3], 1):
        values[f"driver_{number}"] = driver.text
    return Letter("csm_briefing", {name: value for name, value in values.items() if value is not None})


def person(csm: str) -> str:
    """A name to sign with, made of a CSM's address where nothing else is known: the part before the @."""
    local = csm.partition("@")[0]
    return " ".join(part.capitalize() for part in local.replace("_", ".").split(".") if part) or csm


def request(
    play: Play, step: Do, letter: Letter, to: Addressee, *, zone: str | None, journey: str
) -> MailRequest:
    """The mail of a step: the same step of a play is the same mail, whatever it says by then."""
    values = dict(letter.values)
    if to.name is not None:
        values["name"] = to.name
    return MailRequest(
        account=play.account,
        to=to.address,
        template=letter.template,
        journey=journey,
        episode=play.id,
        step=step.step,
        values=values,
        locale=to.locale,
        zone=zone,
    )


def _guide(facts: Facts, config: Retention) -> Letter | NoLetter:
    found = guide_for(facts.drivers, config.guides)
    if found is None:
        return NoLetter("no_guide_fits")
    guide = found[1]
    return Letter("feature_tip", {"feature": guide.feature, "tip": guide.tip, "guide_url": guide.url})


def _training(facts: Facts, config: Retention) -> Letter | NoLetter:
    if not config.training_url:
        return NoLetter("no_training")
    found = guide_for(facts.drivers, config.guides)
    topic = "getting more out of it" if found is None else found[1].feature
    values = {"topic": topic, "minutes": config.training_minutes, "booking_url": config.training_url}
    return Letter("training_offer", values)


def _stay(play: Play, facts: Facts, config: Retention, plan: str, now_ms: int) -> Letter | NoLetter:
    given = facts.offer
    if not config.offer_url:
        return NoLetter("no_offer_url")
    if given is None or given.state is not OfferState.MADE or now_ms >= given.expires_ms:
        return NoLetter("no_offer")
    values = {"plan": plan, "offer_url": config.offer_url, **_offer(play, given, with_price=True)}
    return Letter("stay_offer", values)


def _offer(play: Play, given: Given, *, with_price: bool) -> dict[str, Any]:
    values: dict[str, Any] = {
        "offer": {"percent": given.percent, "months": given.months},
        "code": given.code,
        "expires_at": given.expires_ms,
    }
    if with_price and play.mrr is not None and play.currency is not None:
        off = given.cost // given.months
        values["price"] = {"amount": play.mrr - off, "currency": play.currency}
    return values
