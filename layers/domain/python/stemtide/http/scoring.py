"""`POST /v1/accounts/{id}/score`: one account, scored while somebody waits."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from stemtide.access import POST_SCORE
from stemtide.as_of import as_of_text, parse_as_of
from stemtide.http import parameters
from stemtide.http.accounts import AccountReads
from stemtide.http.app import Operation, busy
from stemtide.http.auth import caller, may_see
from stemtide.http.body import read_body
from stemtide.http.problem import Problem, Response, no_account
from stemtide.http.request import Request
from stemtide.http.strict_json import BadJson, loads
from stemtide.scoring.assessment import Trigger
from stemtide.scoring_service import Scored
from stemtide.store.scoring import ScoreTables
from stemtide.store.usage import account_seen

MAX_BODY_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringApi:
    """The tables, and what scores (`score_accounts` by the model that serves)."""

    tables: ScoreTables
    score: Callable[..., Scored]

    def operations(self) -> dict[str, Operation]:
        """The operations by id."""
        return {POST_SCORE.operation: self.scored}

    def scored(self, request: Request) -> Response:
        """Score an account, and answer its customer record as it is then.

        Raises:
            Problem: 404 as for its usage, 409 when it was no customer at that instant.
        """
        person = caller(request.claims, request.route)
        account = parameters.account_of(request)
        parameters.only(request, ())
        as_of_ms = _as_of(request)
        records = self.tables.records
        if not may_see(person, account, csm_scope=self.tables.config.access.csm_scope, profiles=records):
            raise no_account()
        if records.read(account) is None and not account_seen(self.tables.usage, account):
            raise no_account()
        found = self.score([account], as_of_ms=as_of_ms, trigger=Trigger.MANUAL)
        if found.failed:
            raise busy("AWS is busy: try again in a few seconds.")
        if found.broken:
            raise ValueError("what is stored of the account cannot be read")
        if found.not_customers:
            raise _no_customer(as_of_ms)
        shown = AccountReads(config=self.tables.config, records=records, usage_table=self.tables.usage)
        return shown.account(request)


def _as_of(request: Request) -> int:
    """`as_of` of the body in epoch ms, by default the instant of the request."""
    if not (request.body or "").strip():
        return request.arrival_ms
    try:
        body = loads(read_body(request, max_bytes=MAX_BODY_BYTES))
    except BadJson as flaw:
        raise Problem(HTTPStatus.BAD_REQUEST, "not-json", str(flaw)) from None
    if not isinstance(body, dict) or body.keys() - {"as_of"}:
        raise _bad('send an object such as {"as_of": "2026-01-31"}, or no body for now.')
    text: Any = body.get("as_of")
    if text is None:
        return request.arrival_ms
    try:
        as_of_ms = parse_as_of(text) if isinstance(text, str) else None
    except ValueError:
        as_of_ms = None
    if as_of_ms is None:
        raise _bad(f"as_of: send {parameters.AS_OF_FORMS}.")
    if as_of_ms > request.arrival_ms:
        raise _bad("as_of lies in the future: leave it out for now, or send a day that is over.")
    return as_of_ms


def _bad(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, "bad-body", detail)


def _no_customer(as_of_ms: int) -> Problem:
    return Problem(
        HTTPStatus.CONFLICT,
        "not-a-customer",
        f"The account was no customer as of {as_of_text(as_of_ms)}, so there is nothing to score. Its "
        "`group` calls and subscription events say what it is.",
    )
