"""Sends mails: claim, send, confirm. No request is sent twice, whatever dies or is lost between the three.

    claim     one transaction: the mail's row is not there, the address, the account and the campaign let it
              through, the budget is the one that was decided on. A failed condition: read and decide again.
    send      once, without retries.
    confirm   the message id into the row.

Whoever finds a claim that was never confirmed does not send: its mail becomes `unknown`, which is told, and
`sent` if a notice of SES proves it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from stemtide.clock import ModelClock
from stemtide.config_schema import Config
from stemtide.mail.judging import Abandoned, Go, judge, standing_row
from stemtide.mail.message import (
    AddressError,
    MailClass,
    MailRequest,
    Rendered,
    Renderer,
    address_key,
    mail_key,
    normal_address,
)
from stemtide.mail.outcomes import Deferred, Outcome, Reason, Refused, Sent, Unknown
from stemtide.mail.ports import (
    Asked,
    Claim,
    ContactRows,
    MailRefusedError,
    MailRow,
    MailSender,
    MailState,
    NotAcceptedError,
    Note,
    SendingStoppedError,
    Standing,
)
from stemtide.ports import ConflictError, UnavailableError

TRIES: Final = 6
"""Decisions about one mail: each that is overtaken is made again from what is there then."""
FIRST_PAUSE_S: Final = 0.05
CONFIRMATIONS: Final = 4
THROTTLED_MS: Final = 60_000
"""Model ms after which a throttled mail is worth another try."""


TOLD_OTHERWISE: Final = frozenset({Reason.REFUSED_BY_SES, Reason.IN_FLIGHT, Reason.BUSY})
"""The first with the mail's row; the others tell of nothing that has been decided."""


class NotAllSentError(Exception):
    """Mails met an error that is nobody's outcome, after all others were worked off: the same request again
    tells those as duplicates and meets the error again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailService:
    """Sends through `sender` what `rows` let through.

    Args:
        class_of: which class a template has; ValueError: there is no such template.
        unsubscribe_url: where the recipient of a lifecycle mail may opt out.
        real_ms: what time it is (epoch ms); `clock` makes model time of it.
        token: a new random name for each claim.
        pause: waits the given seconds.
    """

    rows: ContactRows
    sender: MailSender
    renderer: Renderer
    class_of: Callable[[str], MailClass]
    unsubscribe_url: Callable[[MailRequest], str]
    config: Config
    clock: ModelClock
    real_ms: Callable[[], int]
    token: Callable[[], str]
    pause: Callable[[float], None]

    def send_all(self, requests: Sequence[MailRequest]) -> list[Outcome]:
        """The outcome of each; one recipient's failure touches no other.

        Raises:
            NotAllSentError: a request met a bug or a refusal of AWS, after all others were worked off.
        """
        outcomes: list[Outcome] = []
        errors: list[Exception] = []
        for request in requests:
            try:
                outcomes.append(self.send(request))
            except Exception as error:  # raised below, when the others have their mail
                errors.append(error)
        if errors:
            raise NotAllSentError(f"{len(errors)} of {len(requests)} mails") from errors[0]
        return outcomes

    def send(self, request: MailRequest) -> Outcome:
        """Send a mail, or say why not; refusals and deferrals go to the account's timeline."""
        try:
            key, address = mail_key(request), address_key(request.to)
        except AddressError as error:
            return self._told(request, Refused(key="", reason=Reason.NO_ADDRESS, detail=str(error)))
        asked = Asked(account=request.account, key=key, address=address, campaign=request.of_campaign)
        try:
            return self._told(request, self._outcome(request, asked))
        except UnavailableError:
            return Deferred(key=key, reason=Reason.BUSY, until_ms=self._model_ms())

    def _outcome(self, request: MailRequest, asked: Asked) -> Outcome:
        """Rendered before it is claimed: what cannot be rendered costs no contact, and a claim is followed by
        its mail at once. What was sent before stays sent, whatever has become of its template."""
        try:
            mail_class = self.class_of(request.template)
            content = self._render(request, mail_class)
        except ValueError as error:
            row = self.rows.look(asked).mail
            if row is not None:
                return self._standing(row)
            return Refused(key=asked.key, reason=Reason.NOT_RENDERED, detail=str(error)[:500])
        return self._claim_and_send(request, asked, mail_class, content)

    def _claim_and_send(
        self, request: MailRequest, asked: Asked, mail_class: MailClass, content: Rendered
    ) -> Outcome:
        claims: dict[str, Claim] = {}
        for attempt in range(TRIES):
            if attempt:
                self.pause(FIRST_PAUSE_S * 2**attempt)
            standing = self.rows.look(asked)
            row = standing.mail
            if row is not None and row.token in claims:
                return self._deliver(claims[row.token], content)  # its reply was lost, or it came late
            if row is not None:
                return self._standing(row)
            found = self._decide(request, asked, standing, mail_class=mail_class)
            if not isinstance(found, Claim):
                return found
            claims[found.token] = found
            if self._claimed(found):
                return self._deliver(found, content)
        return Deferred(key=asked.key, reason=Reason.BUSY, until_ms=self._model_ms())

    def _decide(
        self, request: MailRequest, asked: Asked, standing: Standing, *, mail_class: MailClass
    ) -> Claim | Outcome:
        real_ms = self.real_ms()
        at_ms = self.clock.at(real_ms)
        verdict = judge(request, asked, standing, mail_class=mail_class, config=self.config, as_of_ms=at_ms)
        if not isinstance(verdict, Go):
            return verdict
        return Claim(
            asked=asked,
            token=self.token(),
            to=normal_address(request.to),
            mail_class=mail_class,
            template=request.template,
            journey=request.journey,
            episode=request.episode,
            step=request.step,
            at_ms=at_ms,
            real_ms=real_ms,
            run=standing.run,
            contacts=verdict.contacts,
            budget_version=standing.budget_version,
        )

    def _claimed(self, claim: Claim) -> bool:
        """Whether the claim holds for certain; else what is there decides."""
        try:
            self.rows.claim(claim)
        except (ConflictError, UnavailableError):
            return False
        return True

    def _deliver(self, claim: Claim, content: Rendered) -> Outcome:
        try:
            message_id = self.sender.send(claim, content)
        except NotAcceptedError as error:
            return self._not_accepted(claim, error)
        except UnavailableError:
            return self._unknown(_row(claim), Reason.REPLY_LOST)
        self._confirm(claim, message_id)
        return Sent(key=claim.asked.key, message_id=message_id)

    def _confirm(self, claim: Claim, message_id: str) -> None:
        """It is sent whether or not this is written; not written, it is `unknown` until a notice comes."""
        for attempt in range(CONFIRMATIONS):
            try:
                self.rows.confirm(claim, message_id=message_id, at_ms=self._model_ms())
            except UnavailableError:
                self.pause(FIRST_PAUSE_S * 2**attempt)
            else:
                return

    def _not_accepted(self, claim: Claim, error: NotAcceptedError) -> Outcome:
        key, at_ms = claim.asked.key, self._model_ms()
        if isinstance(error, MailRefusedError):
            self.rows.refuse(claim, why=error.code, at_ms=at_ms)
            return Refused(key=key, reason=Reason.REFUSED_BY_SES, detail=error.code)
        if isinstance(error, SendingStoppedError):
            self.rows.pause(claim.asked.campaign, why=f"SES: {error.code}", at_ms=at_ms)
            self.rows.give_back(claim)
            return Deferred(key=key, reason=Reason.SENDING_STOPPED, detail=error.code)
        self.rows.give_back(claim)
        until_ms = at_ms + THROTTLED_MS
        return Deferred(key=key, reason=Reason.THROTTLED, until_ms=until_ms, detail=error.code)

    def _standing(self, row: MailRow) -> Outcome:
        real_ms = self.real_ms()
        at_ms = self.clock.at(real_ms)
        found = standing_row(row, as_of_ms=at_ms, real_ms=real_ms, scale=self.clock.scale)
        return self._unknown(found.row, Reason.ABANDONED) if isinstance(found, Abandoned) else found

    def _unknown(self, row: MailRow, reason: Reason) -> Outcome:
        self.rows.mark_unknown(row, reason=reason, at_ms=self._model_ms())
        return Unknown(key=row.key, reason=reason)

    def _render(self, request: MailRequest, mail_class: MailClass) -> Rendered:
        lifecycle = mail_class is MailClass.LIFECYCLE
        url = self.unsubscribe_url(request) if lifecycle else None
        return self.renderer.render(request, mail_class=mail_class, unsubscribe_url=url)

    def _told(self, request: MailRequest, outcome: Outcome) -> Outcome:
        """What was withheld is noted; what was claimed has its rows."""
        if isinstance(outcome, Deferred | Refused) and outcome.reason not in TOLD_OTHERWISE:
            kind = "mail_deferred" if isinstance(outcome, Deferred) else "mail_refused"
            facts: dict[str, str | int] = {
                "journey": request.journey,
                "episode": request.episode,
                "step": request.step,
                "template": request.template,
            }
            if isinstance(outcome, Deferred) and outcome.until_ms is not None:
                facts["until_ms"] = outcome.until_ms
            if outcome.detail:
                facts["detail"] = outcome.detail
            self.rows.note(
                Note(
                    account=request.account,
                    at_ms=self._model_ms(),
                    kind=kind,
                    about=outcome.key,
                    reason=outcome.reason,
                    facts=facts,
                )
            )
        return outcome

    def _model_ms(self) -> int:
        return self.clock.at(self.real_ms())


def _row(claim: Claim) -> MailRow:
    return MailRow(
        account=claim.asked.account,
        key=claim.asked.key,
        state=MailState.CLAIMED,
        token=claim.token,
        claimed_real_ms=claim.real_ms,
    )
