"""`GET /v1/accounts/{id}/timeline`: what happened to an account and what was withheld, with reasons."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from stemtide.access import GET_TIMELINE
from stemtide.as_of import as_of_text
from stemtide.http import parameters
from stemtide.http.account_bodies import Instant
from stemtide.http.accounts import AccountReads
from stemtide.http.app import Operation
from stemtide.http.auth import caller
from stemtide.http.bodies import Body
from stemtide.http.problem import Response, bad_parameter, response
from stemtide.http.request import Request
from stemtide.store.timeline import Entry, Place, Timeline

PAGE: Final = 50
MAX_PAGE: Final = 200


class TimelineEntry(Body, frozen=True):
    """`kind` is what happened: `score`, `withheld`, `usage_drop`, `mail_sent`, `mail_deferred`,
    `mail_refused`, `mail_unknown`, what SES told of a mail (`mail_delivered`, `mail_bounced`, ...),
    `contact_deferred`, `contact_refused`, `opted_out`, `held`, ..., and what an episode did:
    `episode_started`, `charge`, `charge_skipped`, `mail_skipped`, `subscription_canceled`,
    `cancellation_skipped`, `invoice_left`, `csm_task`, `offer_made`, `offer_withheld`, `escalated`,
    `episode_halted`, `episode_ended`. `about` names the mail, rule, fact or episode, `reason` why something
    did not happen."""

    at: Instant
    kind: str
    about: str | None
    reason: str | None
    facts: dict[str, Any]


class AccountTimeline(Body, frozen=True):
    """Newest first; `cursor` leads to the next page, null at the end."""

    account: str
    entries: list[TimelineEntry]
    cursor: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineReads:
    """Whose accounts a caller may see, and their timelines."""

    accounts: AccountReads
    timeline: Timeline

    def operations(self) -> dict[str, Operation]:
        """The operation by its id."""
        return {GET_TIMELINE.operation: self.read}

    def read(self, request: Request) -> Response:
        """A page of an account's timeline.

        Raises:
            Problem: 404 for an account that is unknown or not for the caller to see.
        """
        person = caller(request.claims, request.route)
        account = parameters.account_of(request)
        parameters.only(request, ("cursor", "limit"))
        limit = parameters.whole_number(request, "limit", default=PAGE, maximum=MAX_PAGE)
        after = _place(request.query.get("cursor"))
        entries, more = self.timeline.read(account, limit=limit, after=after)
        self.accounts.record_for(person, account, known=bool(entries))
        body = AccountTimeline(
            account=account,
            entries=[_shown(entry) for entry in entries],
            cursor=None if more is None else _cursor(more),
        )
        return response(HTTPStatus.OK, body)


def _shown(entry: Entry) -> TimelineEntry:
    return TimelineEntry(
        at=as_of_text(entry.at_ms), kind=entry.kind, about=entry.about, reason=entry.reason, facts=entry.facts
    )


def _cursor(place: Place) -> str:
    return urlsafe_b64encode(f"{place.at_ms} {place.id}".encode()).decode().rstrip("=")


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    try:
        at_ms, _, row = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
        return Place(int(at_ms), row)
    except (binascii.Error, ValueError):
        raise bad_parameter("cursor", "not one that this route has given out.") from None
