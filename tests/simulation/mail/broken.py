"""Designs of sending that do not work: each must fall soon, or the simulation proves nothing."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from stemtide.mail import service
from stemtide.mail.message import MailRequest, Rendered
from stemtide.mail.outcomes import Outcome, Reason, Sent
from stemtide.mail.ports import Claim, MailRow, NotAcceptedError, TooFastError
from stemtide.mail.service import MailService
from stemtide.ports import ConflictError, UnavailableError
from stemtide.store.contact_claims import MailClaims
from stemtide.store.contact_items import ContactItems

from tests.simulation.mail.judge import outcome

Design = Callable[[], Any]


def falls_at(name: str, *, within: int) -> int | None:
    """The first seed in which the design goes wrong, None if it holds for so many."""
    with DESIGNS[name]():
        return next((seed for seed in range(within) if outcome(seed)), None)


def send_before_claim() -> Any:
    """The mail goes out first and is written down afterwards."""

    def claimed(self: MailService, claim: Claim) -> bool:
        try:
            message_id = self.sender.send(claim, Rendered(subject="", text="", html=""))
            self.rows.claim(claim)
        except (NotAcceptedError, ConflictError):
            return False
        self.rows.confirm(claim, message_id=message_id, at_ms=claim.at_ms)
        return True

    def deliver(self: MailService, claim: Claim, content: Rendered) -> Outcome:
        return Sent(key=claim.asked.key, message_id="")

    return patch.multiple(MailService, _claimed=claimed, _deliver=deliver)


def without_check(dropped: Callable[[dict[str, Any]], bool]) -> Any:
    """A claim whose transaction lacks a condition check."""
    transact = ContactItems.transact

    def without(self: ContactItems, actions: list[Any]) -> None:
        transact(self, [one for one in actions if not dropped(one.get("ConditionCheck", {}))])

    return patch.object(ContactItems, "transact", without)


def claim_without_the_address() -> Any:
    """The address is looked at before the claim only."""
    return without_check(lambda check: check.get("Key", {}).get("pk", "").startswith("address#"))


def claim_without_the_hold() -> Any:
    """So is the hold."""
    return without_check(lambda check: check.get("Key", {}).get("sk") == "hold")


def claim_without_the_profile() -> Any:
    """So is do_not_contact."""
    return without_check(lambda check: check.get("Key", {}).get("item") == "record")


def claim_without_the_campaign() -> Any:
    """So is the campaign's pause."""
    return without_check(lambda check: check.get("Key", {}).get("pk", "").startswith("campaign#"))


def unknown_is_sent_again() -> Any:
    """A claim that was never confirmed is taken for a mail that was never sent."""

    def unknown(self: MailService, row: MailRow, reason: Reason) -> Outcome:
        claim = _claim_of(self, row)
        message_id = self.sender.send(claim, Rendered(subject="", text="", html=""))
        self.rows.confirm(claim, message_id=message_id, at_ms=claim.at_ms)
        return Sent(key=row.key, message_id=message_id)

    return patch.object(MailService, "_unknown", unknown)


def _claim_of(mails: MailService, row: MailRow) -> Claim:
    sender: Any = mails.sender
    known = [claim for _, claim in sender.accepted if claim.asked.key == row.key]
    if not known:
        raise UnavailableError
    return replace(known[0], token=row.token)


def lost_reply_is_given_back() -> Any:
    """No reply is taken for a refusal."""
    deliver = MailService._deliver

    def lenient(self: MailService, claim: Claim, content: Rendered) -> Outcome:
        sender = self.sender

        class Lenient:
            def send(self, claim: Claim, content: Rendered) -> str:
                try:
                    return sender.send(claim, content)
                except UnavailableError as error:
                    raise TooFastError("no reply") from error

        return deliver(replace(self, sender=Lenient()), claim, content)

    return patch.object(MailService, "_deliver", lenient)


def the_client_sends_again() -> Any:
    """The client of SES retries by itself, as it does unless it is told not to."""
    deliver = MailService._deliver

    def retrying(self: MailService, claim: Claim, content: Rendered) -> Outcome:
        sender = self.sender

        class Retrying:
            def send(self, claim: Claim, content: Rendered) -> str:
                try:
                    return sender.send(claim, content)
                except UnavailableError:
                    return sender.send(claim, content)

        return deliver(replace(self, sender=Retrying()), claim, content)

    return patch.object(MailService, "_deliver", retrying)


def budget_without_a_condition() -> Any:
    """The budget is written whatever has become of it since it was read."""
    budget = MailClaims._budget

    def blind(self: MailClaims, account: str, contacts: Any, *, over: int) -> Any:
        put = budget(self, account, contacts, over=over)
        put["Put"].pop("ConditionExpression")
        put["Put"].pop("ExpressionAttributeValues", None)
        return put

    return patch.object(MailClaims, "_budget", blind)


def refused_keeps_its_contact() -> Any:
    """What SES refused for its rate stays claimed."""

    def not_accepted(self: MailService, claim: Claim, error: NotAcceptedError) -> Outcome:
        return service.Deferred(key=claim.asked.key, reason=Reason.THROTTLED)

    return patch.object(MailService, "_not_accepted", not_accepted)


def notices_change_no_state() -> Any:
    """A notice proves nothing."""
    return patch("stemtide.store.contact_notices.PROVEN", ())


def a_key_for_each_try() -> Any:
    """The key of a mail is new each time it is asked for."""
    made = service.mail_key
    tries = iter(range(1_000_000))

    def fresh(request: MailRequest) -> str:
        return f"{next(tries):08x}{made(request)[8:]}"

    return patch.object(service, "mail_key", fresh)


DESIGNS: Final[dict[str, Design]] = {
    "send before claim": send_before_claim,
    "claim without the address": claim_without_the_address,
    "claim without the hold": claim_without_the_hold,
    "claim without the profile": claim_without_the_profile,
    "claim without the campaign": claim_without_the_campaign,
    "unknown is sent again": unknown_is_sent_again,
    "a lost reply is given back": lost_reply_is_given_back,
    "the client sends again": the_client_sends_again,
    "budget without a condition": budget_without_a_condition,
    "refused keeps its contact": refused_keeps_its_contact,
    "notices change no state": notices_change_no_state,
    "a key for each try": a_key_for_each_try,
}
