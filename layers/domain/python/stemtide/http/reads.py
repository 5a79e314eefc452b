"""The read side of the API: every operation checks the caller first, then the parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

import msgspec

from stemtide.access import GET_COUNTERS, GET_OPENAPI, GET_QUARANTINE, GET_USAGE
from stemtide.calls import Reason
from stemtide.clock import ModelClock
from stemtide.config_schema import Config, Signal
from stemtide.http import parameters
from stemtide.http.accounts import AccountReads
from stemtide.http.app import Operation
from stemtide.http.auth import caller, may_see
from stemtide.http.bodies import IngestCounters, QuarantinedCall, QuarantineList, Usage, UsageDay
from stemtide.http.episodes import EpisodeReads
from stemtide.http.labels import LabelReads
from stemtide.http.openapi import document
from stemtide.http.problem import Problem, Response, bad_parameter, no_account, response
from stemtide.http.request import Request
from stemtide.http.timeline import TimelineReads
from stemtide.store.counters import read_counters
from stemtide.store.episode_rows import AllEpisodes
from stemtide.store.plays import PlayTable
from stemtide.store.quarantine import Quarantined, get_payload, get_quarantined, list_quarantined
from stemtide.store.records import Records
from stemtide.store.timeline import Timeline
from stemtide.store.usage import DayUsage, account_seen, read_days

MAX_BODY_BYTES: Final = 5_000_000
"""A function's answer may have 6 MB, as JSON text inside JSON."""
PAGE: Final = 50
MAX_PAGE: Final = 100
LISTED_PAYLOAD_CHARS: Final = 4096

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadApi:
    """The configuration, and what is read: boto3 Table resources, an S3 client with its bucket."""

    config: Config
    usage_table: Any
    accounts_table: Any
    contacts_table: Any
    episodes_table: Any
    ingest_table: Any
    s3: Any
    archive_bucket: str
    clock: ModelClock

    def operations(self) -> dict[str, Operation]:
        """The operations by id."""
        return {
            GET_COUNTERS.operation: self.counters,
            GET_QUARANTINE.operation: self.quarantine,
            GET_USAGE.operation: self.usage,
            GET_OPENAPI.operation: self.openapi,
            **self._accounts().operations(),
            **TimelineReads(
                accounts=self._accounts(),
                timeline=Timeline(
                    accounts=self.accounts_table, contacts=self.contacts_table, episodes=self.episodes_table
                ),
            ).operations(),
            **EpisodeReads(
                accounts=self._accounts(), episodes=AllEpisodes(self.episodes_table), clock=self.clock
            ).operations(),
            **LabelReads(
                accounts=self._accounts(), plays=PlayTable(self.episodes_table), clock=self.clock
            ).operations(),
        }

    def _accounts(self) -> AccountReads:
        return AccountReads(
            config=self.config, records=Records(self.accounts_table), usage_table=self.usage_table
        )

    def openapi(self, request: Request) -> Response:
        """The description of the API."""
        return response(HTTPStatus.OK, document())

    def counters(self, request: Request) -> Response:
        """What became of the calls."""
        caller(request.claims, request.route)
        parameters.only(request, ())
        counters = read_counters(self.ingest_table).public()
        return response(HTTPStatus.OK, msgspec.convert(counters, IngestCounters))

    def usage(self, request: Request) -> Response:
        """Days of one account.

        Raises:
            Problem: 404 for an account that is unknown or that the caller may not see, in the same words,
                so that nobody learns which.
        """
        person = caller(request.claims, request.route)
        account = parameters.account_of(request)
        records = Records(self.accounts_table)
        parameters.only(request, ("from", "to"))
        first, last = parameters.date_range(request)
        if not may_see(person, account, csm_scope=self.config.access.csm_scope, profiles=records):
            raise no_account()
        days = read_days(self.usage_table, account, first, last)
        if not days and not account_seen(self.usage_table, account) and not records.exists(account):
            raise no_account()
        body = Usage(account=account, first=first, last=last, days=[self._day(day) for day in days])
        return _capped(response(HTTPStatus.OK, body))

    def quarantine(self, request: Request) -> Response:
        """The quarantined calls, or with `id` one of them with its whole payload."""
        caller(request.claims, request.route)
        parameters.only(request, ("cursor", "day", "id", "limit", "reason"))
        if (row_id := request.query.get("id")) is not None:
            return _capped(response(HTTPStatus.OK, self._one_quarantined(row_id)))
        day = parameters.day(request, "day")
        reason = parameters.one_of(request, "reason", Reason)
        limit = parameters.whole_number(request, "limit", default=PAGE, maximum=MAX_PAGE)
        page = _or_bad(
            "cursor",
            lambda: list_quarantined(
                self.ingest_table,
                day=day.isoformat() if day else None,
                reason=reason,
                limit=limit,
                cursor=request.query.get("cursor"),
            ),
        )
        return response(
            HTTPStatus.OK, QuarantineList(quarantined=[_listed(row) for row in page.rows], cursor=page.cursor)
        )

    def _one_quarantined(self, row_id: str) -> QuarantineList:
        row = _or_bad("id", lambda: get_quarantined(self.ingest_table, row_id))
        payload = get_payload(self.ingest_table, self.s3, self.archive_bucket, row_id) if row else None
        if row is None or payload is None:
            raise Problem(HTTPStatus.NOT_FOUND, "not-quarantined", "Nothing is quarantined under this id.")
        text = payload.decode(errors="backslashreplace")
        return QuarantineList(quarantined=[_call(row, text, truncated=False)], cursor=None)

    def _day(self, day: DayUsage) -> UsageDay:
        return UsageDay(
            date=day.date,
            events=day.events,
            active_users=day.active_users,
            core_actions=self._total(day, Signal.CORE_ACTION),
            api_calls=self._total(day, Signal.API_CALL),
            by_event=day.by_event,
        )

    def _total(self, day: DayUsage, signal: Signal) -> int:
        classify = self.config.events.classify
        return sum(count for name, count in day.by_event.items() if signal in classify(name))


def _listed(row: Quarantined) -> QuarantinedCall:
    if row.payload is None:
        return _call(row, None, truncated=True)
    return _call(row, row.payload[:LISTED_PAYLOAD_CHARS], truncated=len(row.payload) > LISTED_PAYLOAD_CHARS)


def _call(row: Quarantined, payload: str | None, *, truncated: bool) -> QuarantinedCall:
    return QuarantinedCall(
        id=row.id,
        reason=Reason(row.reason),
        detail=row.detail,
        at=row.at,
        bytes=row.bytes,
        account=row.account,
        message_id=row.message_id,
        payload=payload,
        payload_truncated=truncated,
        released_at=row.released_at,
    )


def _or_bad(name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError:
        raise bad_parameter(name, "not one that GET /v1/ingest/quarantine has given out.") from None


def _capped(answer: Response) -> Response:
    if len(answer["body"].encode("utf-8")) > MAX_BODY_BYTES:
        raise Problem(HTTPStatus.BAD_REQUEST, "too-much", "The answer is too large: ask for a shorter range.")
    return answer
