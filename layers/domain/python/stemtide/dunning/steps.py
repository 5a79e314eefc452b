"""One step of an episode: look at what is true, decide, and do at most one thing about it.

Whatever may happen twice is claimed in the ledger before it is done, under the version of the row that was
read, and looked at once more between the claim and the act. A claim gives its step the row for a while
(`busy_ms`, longer than a function lives): so who takes a try back knows that nobody else has made it. A crash
leaves a claim; a later step finds out at the provider what became of it.

    step                                       somebody else
    reads the row (version 7), the provider
    decides: pay in_1
    claims it (version 8)
                                               reads version 7, decides: pay in_1
                                               claims it -> refused: the row is at 8
    reads the provider again: still unpaid
    pays in_1 under the claim's key
    writes the result (version 9)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from stemtide.billing.objects import NOT_COLLECTED
from stemtide.billing.provider import CardDeclinedError, ProviderRefusedError
from stemtide.config_billing import CollectionOwner
from stemtide.config_dunning import Policy
from stemtide.dunning.decide import Action, Cancel, Leave, Mail, Retry, Settle, Stop, Wait, decide
from stemtide.dunning.declines import HOUR_MS
from stemtide.dunning.episode import Episode
from stemtide.dunning.facts import Facts, InvoiceStatus, Mailed, Outcome
from stemtide.dunning.ledger import Entry, Kind
from stemtide.dunning.ports import Episodes, Fate, MailFate, Payments, SendMail
from stemtide.ports import ThrottledError, UnavailableError
from stemtide.stepping import AGAIN, END, SOON_MS, Next, Stepping

KEY_LIVES_MS: Final = 23 * HOUR_MS
"""The provider remembers an idempotency key for 24 hours: later it would be a new try under an old name."""
IN_FLIGHT_MS: Final = HOUR_MS
"""A request that nobody has answered may still reach the provider, but not so late."""
FOUND: Final = "found at the provider"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepper(Stepping[Episode, Facts]):
    """Moves episodes along; `policy_of`, `zone_of` and `owner` (who collects now, whoever did when an episode
    was opened) read the configuration."""

    episodes: Episodes
    payments: Payments
    send_mail: SendMail
    policy_of: Callable[[Episode], Policy]
    zone_of: Callable[[Episode], ZoneInfo]
    owner: Callable[[], CollectionOwner]
    lease_ms: int
    """Model time that is longer than a function may run."""

    def _acted(self, episode: Episode, entries: list[Entry], facts: Facts) -> Next:
        action = self._decide(episode, facts)
        if isinstance(action, Settle | Retry | Cancel) and episode.busy_ms > self.now_ms():
            return Next(do="wait", until_ms=episode.busy_ms, reason="another_step_acts")
        match action:
            case Settle():
                return self._settle(episode, entries, action)
            case Retry():
                return self._retry(episode, entries, facts, action)
            case Mail():
                return self._mail(episode, facts, action)
            case Cancel():
                return self._cancel(episode, entries, action)
            case Leave():
                self._append(
                    episode, self._entry(episode, Kind.LEFT, invoice=action.invoice, reason="not_collected")
                )
                return AGAIN
            case Wait():
                self._append(_waiting(episode, action))
                return Next(do="wait", until_ms=action.until_ms, reason=action.reason)
            case Stop():
                return self._stop(episode, action)

    def _decide(self, episode: Episode, facts: Facts) -> Action:
        return decide(
            facts,
            self.policy_of(episode),
            owner=self.owner(),
            zone=self.zone_of(episode),
            now_ms=self.now_ms(),
        )

    def _retry(self, episode: Episode, entries: list[Entry], facts: Facts, action: Retry) -> Next:
        invoice = next(one for one in facts.invoices if one.id == action.invoice)
        key = f"{episode.id}-{episode.seq + 1}"
        claim = Entry(
            seq=episode.seq + 1,
            at_ms=self.now_ms(),
            kind=Kind.CHARGE_CLAIMED,
            invoice=action.invoice,
            amount=invoice.due,
            currency=invoice.currency,
            key=key,
            card=action.fingerprint,
            method=action.method,
            declines_before=invoice.declines,
        )
        episode = self._append(self._mine(episode), claim)
        # what the provider shows now counts, not what it showed before the claim
        again = self._decide(episode, self.read_facts(episode, entries))
        if again != action:
            return self._result(episode, claim, Outcome.WITHDRAWN, reason="no longer due")
        return self._pay(episode, claim)

    def _pay(self, episode: Episode, claim: Entry) -> Next:
        """Ask the provider to collect; without an answer the claim stays, and the next step settles it."""
        try:
            paid = self.payments.pay_invoice(
                claim.invoice or "", key=claim.key or "", payment_method=claim.method
            )
        except CardDeclinedError as declined:
            return self._result(
                episode,
                claim,
                Outcome.DECLINED,
                code=declined.decline_code,
                advice=declined.advice_code,
                provider_id=declined.charge,
            )
        except ProviderRefusedError as refused:
            return self._result(episode, claim, Outcome.FAILED, reason=refused.code or "refused")
        except ThrottledError:
            return self._soon(
                self._told(episode, claim, Outcome.WITHDRAWN, reason="throttled"), "provider_is_busy"
            )
        except UnavailableError:
            return self._soon(episode, "outcome_unknown")
        return self._result(episode, claim, Outcome.SUCCEEDED, provider_id=str(paid["id"]))

    def _settle(self, episode: Episode, entries: list[Entry], action: Settle) -> Next:
        """Find out what became of a try: from the invoice and its charges; else from the same request under
        the same key, as long as the provider knows it and the try is due."""
        claim = next(e for e in entries if e.kind is Kind.CHARGE_CLAIMED and e.key == action.key)
        episode = self._append(self._mine(episode))
        facts = _without(self.read_facts(episode, entries), action.key)
        found = next((one for one in facts.invoices if one.id == action.invoice), None)
        if found is None or found.status is not InvoiceStatus.OPEN:
            paid = found is not None and found.status is InvoiceStatus.PAID
            outcome = Outcome.SUCCEEDED if paid else Outcome.FAILED
            return self._result(episode, claim, outcome, reason=FOUND)
        if found.declines > (claim.declines_before or 0):
            is_anchor = facts.unpaid[:1] == (found,)
            code, advice = (facts.decline_code, facts.advice) if is_anchor else (None, None)
            return self._result(episode, claim, Outcome.DECLINED, code=code, advice=advice, reason=FOUND)
        age_ms = self.now_ms() - claim.at_ms
        if age_ms < KEY_LIVES_MS and self._decide(episode, facts) == _try_of(claim):
            return self._pay(episode, claim)
        if age_ms < IN_FLIGHT_MS:
            return self._soon(episode, "outcome_unknown")
        return self._result(episode, claim, Outcome.FAILED, reason="the provider has no trace of it")

    def _mail(self, episode: Episode, facts: Facts, action: Mail) -> Next:
        found = self.send_mail(episode, action, facts)
        if found.fate is Fate.DEFERRED:
            return self._deferred(episode, facts, action, found)
        passed: list[tuple[Kind, dict[str, Any]]] = [
            (Kind.MAIL_SKIPPED, {"step": step, "reason": "its time had passed"}) for step in action.instead_of
        ]
        kind = Kind.MAIL_SKIPPED if found.fate is Fate.REFUSED else Kind.MAIL
        own = {
            "step": action.step,
            "template": action.template,
            "key": found.key,
            "provider_id": found.provider_id,
            "reason": found.reason,
        }
        told = [
            self._entry(episode, kind, ahead=ahead, invoice=action.invoice, **about)
            for ahead, (kind, about) in enumerate([*passed, (kind, own)])
        ]
        self._append(episode, *told)
        return AGAIN

    def _deferred(self, episode: Episode, facts: Facts, action: Mail, found: MailFate) -> Next:
        """Wait for a mail's time, or for what is due before it."""
        told = Mailed(invoice=action.invoice, step=action.step, at_ms=self.now_ms())
        without = msgspec.structs.replace(facts, mailed=(*facts.mailed, told))
        otherwise = self._decide(episode, without)
        else_ms = otherwise.until_ms if isinstance(otherwise, Wait) else None
        until_ms = self._deferred_until(found.until_ms, else_ms=else_ms)
        waiting = Wait(until_ms=until_ms, reason=f"mail_deferred:{found.reason}")
        self._append(_waiting(episode, waiting))
        return Next(do="wait", until_ms=until_ms, reason=waiting.reason)

    def _cancel(self, episode: Episode, entries: list[Entry], action: Cancel) -> Next:
        """End the subscription; a claim without a result is simply repeated: canceled twice is canceled."""
        told: dict[str, Any] = {
            "invoice": action.invoice,
            "key": f"{episode.id}-cancel-{action.subscription}",
            "provider_id": action.subscription,
        }
        episode = self._append(self._mine(episode), self._entry(episode, Kind.CANCEL_CLAIMED, **told))
        if self._decide(episode, self.read_facts(episode, entries)) != action:
            withdrawn = self._entry(episode, Kind.CANCEL_WITHDRAWN, **told, reason="no longer due")
            self._append(_free(episode), withdrawn)
            return AGAIN
        try:
            self.payments.cancel_subscription(action.subscription, key=told["key"], reason=NOT_COLLECTED)
        except ProviderRefusedError as refused:
            told["reason"] = refused.code or "refused"
        self._append(_free(episode), self._entry(episode, Kind.CANCELED, **told))
        return AGAIN

    def _stop(self, episode: Episode, action: Stop) -> Next:
        entry = self._entry(episode, Kind.ENDED, reason=f"{action.ending}: {action.reason}")
        ended = msgspec.structs.replace(
            episode,
            ended_ms=entry.at_ms,
            ending=action.ending,
            ending_reason=action.reason,
            next_ms=None,
            next_reason=None,
            token=None,
        )
        self._append(ended, entry)
        return END

    def _result(self, episode: Episode, claim: Entry, outcome: Outcome, **told: Any) -> Next:
        self._told(episode, claim, outcome, **told)
        return AGAIN

    def _told(self, episode: Episode, claim: Entry, outcome: Outcome, **told: Any) -> Episode:
        """The result of a try in the ledger."""
        entry = self._entry(
            episode,
            Kind.CHARGE,
            invoice=claim.invoice,
            amount=claim.amount,
            currency=claim.currency,
            key=claim.key,
            card=claim.card,
            outcome=outcome,
            **told,
        )
        return self._append(_free(episode), entry)

    def _mine(self, episode: Episode) -> Episode:
        return msgspec.structs.replace(episode, busy_ms=self.now_ms() + self.lease_ms)

    def _soon(self, episode: Episode, reason: str) -> Next:
        waiting = Wait(until_ms=self.now_ms() + SOON_MS, reason=reason)
        self._append(_waiting(episode, waiting))
        return Next(do="wait", until_ms=waiting.until_ms, reason=reason)

    def _entry(self, episode: Episode, kind: Kind, *, ahead: int = 0, **told: Any) -> Entry:
        return Entry(seq=episode.seq + 1 + ahead, at_ms=self.now_ms(), kind=kind, **told)

    def _append(self, episode: Episode, *entries: Entry) -> Episode:
        return self.episodes.append(episode, entries)


def _try_of(claim: Entry) -> Retry:
    """What was claimed: the same request under the same key."""
    return Retry(invoice=claim.invoice or "", method=claim.method or "", fingerprint=claim.card or "")


def _without(facts: Facts, key: str) -> Facts:
    """The facts as if a try had not been claimed."""
    return msgspec.structs.replace(facts, attempts=tuple(one for one in facts.attempts if one.key != key))


def _free(episode: Episode) -> Episode:
    return msgspec.structs.replace(episode, busy_ms=0)


def _waiting(episode: Episode, action: Wait) -> Episode:
    return msgspec.structs.replace(episode, next_ms=action.until_ms, next_reason=action.reason)
