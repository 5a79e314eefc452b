"""One step of a play: look at what is true, decide, and do at most one thing about it.

What may happen twice has a key of its own: a mail is claimed by the mail service, an offer by its customer's
row. What was done is entered under the version of the row that was read, so of two steps at a time one is
told that the other was first, and looks again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from stemtide.billing.provider import ProviderRefusedError
from stemtide.dunning.ledger import Entry, Kind
from stemtide.dunning.ports import Fate, MailFate
from stemtide.plays import telling
from stemtide.plays.decide import Action, Do, End, Escalate, Halt, MakeOffer, Wait, decide, still_acts
from stemtide.plays.facts import Done, Facts, Given, OfferState
from stemtide.plays.labels import Label
from stemtide.plays.offering import Offering
from stemtide.plays.offers import NoOffer, Terms, personal_offer, terms_of
from stemtide.plays.plan import Plan
from stemtide.plays.play import Journey, Outcome, Play
from stemtide.plays.ports import OfferClaim, Plays, SendStep
from stemtide.ports import UnavailableError
from stemtide.stepping import AGAIN, END, SOON_MS, Next, Stepping

NO_LONGER: Final = "no longer due"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayStepper(Stepping[Play, Facts]):
    """Moves plays along; `plan_of` and `zone_of` read the configuration."""

    episodes: Plays
    offering: Offering
    do_step: SendStep
    plan_of: Callable[[Play], Plan]
    zone_of: Callable[[Play], ZoneInfo]
    exit_margin: int

    def _acted(self, play: Play, entries: list[Entry], facts: Facts) -> Next:
        match self._decide(play, facts):
            case End() as action:
                return self._end(play, entries, facts, action)
            case Halt(reason=reason):
                return self._halt(play, facts, reason)
            case Escalate() as action:
                return self._escalate(play, action)
            case MakeOffer() as action:
                return self._offer(play, entries, facts, action)
            case Do() as action:
                return self._do(play, facts, action)
            case Wait() as action:
                return self._wait(play, action)

    def _decide(self, play: Play, facts: Facts) -> Action:
        return decide(
            play,
            facts,
            self.plan_of(play),
            exit_margin=self.exit_margin,
            zone=self.zone_of(play),
            now_ms=self.now_ms(),
        )

    def _end(self, play: Play, entries: list[Entry], facts: Facts, action: End) -> Next:
        """Enter the outcome and, where it teaches something, its label; a claimed offer ends with it."""
        made = _made_offer(facts)
        cost = made.cost if made is not None and facts.redeemed else 0
        told = [*self._unmade(play, facts)]
        told.append(
            self._entry(
                play,
                Kind.ENDED,
                ahead=len(told),
                reason=f"{action.outcome}: {action.reason}",
                amount=None if made is None else cost,
                currency=None if made is None else play.currency,
            )
        )
        ended = msgspec.structs.replace(
            play,
            ended_ms=self.now_ms(),
            outcome=action.outcome,
            outcome_ms=action.at_ms,
            outcome_reason=action.reason,
            cost=cost,
            next_ms=None,
            next_reason=None,
            token=None,
        )
        label = None
        if action.outcome is Outcome.UNOBSERVED:
            ended = msgspec.structs.replace(ended, again_ms=self.now_ms())
        else:
            label = _label(ended, entries, facts)
        self.episodes.append(ended, told, label=label)
        return END

    def _halt(self, play: Play, facts: Facts, reason: str) -> Next:
        told = [*self._unmade(play, facts)]
        told.append(self._entry(play, Kind.HALTED, ahead=len(told), reason=reason))
        halted = msgspec.structs.replace(play, halted_ms=self.now_ms(), halt_reason=reason)
        self.episodes.append(halted, told)
        return AGAIN

    def _unmade(self, play: Play, facts: Facts) -> list[Entry]:
        """An offer that was claimed and will not be made. Its claim stays: nobody knows what the provider has
        of it."""
        if facts.offer is None or facts.offer.state is not OfferState.CLAIMED:
            return []
        return [self._entry(play, Kind.OFFER_WITHHELD, reason=NO_LONGER)]

    def _escalate(self, play: Play, action: Escalate) -> Next:
        entry = self._entry(play, Kind.ESCALATED, reason=action.tier)
        risen = msgspec.structs.replace(play, tier=action.tier, tier_ms=self.now_ms())
        self.episodes.append(risen, [entry])
        return AGAIN

    def _offer(self, play: Play, entries: list[Entry], facts: Facts, action: MakeOffer) -> Next:
        if facts.unmailed is not None:
            return self._withhold(play, action, facts.unmailed)
        terms = personal_offer(play, self.offering.policy)
        if isinstance(terms, NoOffer):
            return self._withhold(play, action, terms.reason)
        if facts.offer is None:
            claimed = self._entry(play, Kind.OFFER_CLAIMED, step=action.step, **_of_terms(terms, play))
            play = self.episodes.append(play, [claimed])
            entries = [*entries, claimed]
        claim = self.offering.claim(play, terms, now_ms=self.now_ms())
        if claim is None:
            return self._withhold(play, action, "cool_off")
        # what is true now counts, not what was true before the claim
        again = self.read_facts(play, entries)
        if again.unmailed is not None or not still_acts(
            play, again, self.plan_of(play), exit_margin=self.exit_margin, now_ms=self.now_ms()
        ):
            return AGAIN
        try:
            promotion = self.offering.make(play, claim)
        except ProviderRefusedError as refused:
            return self._withhold(play, action, f"refused: {refused.code or refused.status}")
        except UnavailableError:
            return self._wait(play, Wait(until_ms=self.now_ms() + SOON_MS, reason="offer_unknown"))
        self.episodes.append(play, [self._made(play, action, claim, promotion)])
        return AGAIN

    def _made(self, play: Play, action: MakeOffer, claim: OfferClaim, promotion: str) -> Entry:
        """The entry of an offer, by its claim: the terms of a later configuration are not what was made."""
        about = _of_terms(terms_of(claim.percent, claim.months, play.mrr or 0), play)
        about |= {"code": claim.code, "expires_ms": claim.expires_ms}
        return self._entry(play, Kind.OFFER, step=action.step, provider_id=promotion, **about)

    def _withhold(self, play: Play, action: MakeOffer, reason: str) -> Next:
        self.episodes.append(play, [self._entry(play, Kind.OFFER_WITHHELD, step=action.step, reason=reason)])
        return AGAIN

    def _do(self, play: Play, facts: Facts, action: Do) -> Next:
        found = self.do_step(play, action, facts)
        if found.fate is Fate.DEFERRED:
            return self._deferred(play, facts, action, found)
        passed = [
            self._entry(play, Kind.MAIL_SKIPPED, ahead=ahead, step=step, reason="its time had passed")
            for ahead, step in enumerate(action.instead_of)
        ]
        kind = _kind(action, found)
        own = self._entry(
            play,
            kind,
            ahead=len(passed),
            step=action.step,
            template=found.template,
            key=found.key or None,
            reason=found.reason,
            **(_of_task(facts) if kind is Kind.TASK else {}),
        )
        self.episodes.append(play, [*passed, own])
        return AGAIN

    def _deferred(self, play: Play, facts: Facts, action: Do, found: MailFate) -> Next:
        """Wait for a step's time, or for what is due before it."""
        behind = Done(step=action.step, at_ms=self.now_ms())
        otherwise = self._decide(play, msgspec.structs.replace(facts, done=(*facts.done, behind)))
        else_ms = otherwise.until_ms if isinstance(otherwise, Wait) else None
        until_ms = self._deferred_until(found.until_ms, else_ms=else_ms)
        return self._wait(play, Wait(until_ms=until_ms, reason=f"{action.step}_deferred:{found.reason}"))

    def _wait(self, play: Play, action: Wait) -> Next:
        waiting = msgspec.structs.replace(play, next_ms=action.until_ms, next_reason=action.reason)
        self.episodes.append(waiting, [])
        return Next(do="wait", until_ms=action.until_ms, reason=action.reason)

    def _entry(self, play: Play, kind: Kind, *, ahead: int = 0, **told: Any) -> Entry:
        return Entry(seq=play.seq + 1 + ahead, at_ms=self.now_ms(), kind=kind, **told)


def _of_terms(terms: Terms, play: Play) -> dict[str, Any]:
    return {
        "percent": terms.percent,
        "months": terms.months,
        "amount": terms.cost,
        "currency": play.currency,
    }


def _of_task(facts: Facts) -> dict[str, Any]:
    return {"csm": facts.csm, "score": facts.score, "drivers": facts.drivers}


def _kind(action: Do, found: MailFate) -> Kind:
    """A task is one whether or not its mail could be sent: it is told on the bus, too."""
    if action.act == "csm_task":
        return Kind.TASK
    return Kind.MAIL_SKIPPED if found.fate is Fate.REFUSED else Kind.MAIL


def _made_offer(facts: Facts) -> Given | None:
    return facts.offer if facts.offer is not None and facts.offer.state is OfferState.MADE else None


def _label(play: Play, entries: list[Entry], facts: Facts) -> Label:
    assert play.outcome is not None
    assert play.outcome_ms is not None
    assert play.ended_ms is not None
    made = _made_offer(facts)
    return Label(
        play=play.id,
        account=play.account,
        journey=play.journey,
        policy=play.policy,
        outcome=play.outcome,
        started_ms=play.started_ms,
        from_ms=play.opened_ms,
        at_ms=play.outcome_ms,
        known_ms=play.ended_ms,
        reason=play.outcome_reason or "",
        cause=play.cause,
        tier=play.tier,
        entry_tier=telling.entry_tier(entries) if play.journey is Journey.RETENTION else None,
        halted_ms=play.halted_ms,
        halt_reason=play.halt_reason,
        held_out=play.held_out,
        offer_held_out=play.no_offer,
        treatments=telling.treatments(entries),
        percent=None if made is None else made.percent,
        months=None if made is None else made.months,
        redeemed=made is not None and facts.redeemed,
        cost=play.cost or 0,
        currency=None if made is None else play.currency,
    )
