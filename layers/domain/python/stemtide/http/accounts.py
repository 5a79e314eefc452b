"""The account routes: the list by risk, the customer record, its scores."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

from stemtide.access import GET_ACCOUNT, LIST_ACCOUNTS, LIST_SCORES, Role
from stemtide.as_of import as_of_text, day_index, end_of_day_ms
from stemtide.calls import DAY_MS, day_of
from stemtide.config_schema import Config
from stemtide.facts import at_instant
from stemtide.http import parameters
from stemtide.http.account_bodies import (
    Account,
    AccountList,
    AccountScores,
    Profile,
    ProfileProblem,
    Score,
    Term,
    TrendPoint,
)
from stemtide.http.app import Operation
from stemtide.http.auth import Caller, caller, may_see
from stemtide.http.problem import Response, bad_parameter, no_account, response
from stemtide.http.request import Request
from stemtide.scoring.assessment import Assessment, ModelRole, Tier, is_at_risk
from stemtide.store.record_keys import UNSCORED, StoredRecord, StoredScore
from stemtide.store.records import Records
from stemtide.store.score_writes import chosen
from stemtide.store.usage import account_seen
from stemtide.subscriptions import term_end_ms
from stemtide.traits import mail_address

PAGE: Final = 50
MAX_PAGE: Final = 100
TREND_DAYS: Final = 30
SORTS: Final = {"-score": True, "score": False, "-churn_risk_score": True, "churn_risk_score": False}
"""Whether the riskiest come first."""
TIERS: Final = (*(tier.value for tier in Tier), UNSCORED)


@dataclass(frozen=True, slots=True)
class _Held:
    """`auth.Profiles` of one record that has been read already."""

    record: StoredRecord

    def csm_of(self, account: str) -> str | None:
        return self.record.profile.csm


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountReads:
    """The configuration, the accounts' records, and the usage table (boto3 Table resource)."""

    config: Config
    records: Records
    usage_table: Any

    def operations(self) -> dict[str, Operation]:
        """The operations by id."""
        return {
            LIST_ACCOUNTS.operation: self.list_accounts,
            GET_ACCOUNT.operation: self.account,
            LIST_SCORES.operation: self.scores,
        }

    def list_accounts(self, request: Request) -> Response:
        """Accounts by risk. A csm held to own accounts finds nobody else's, whatever is asked for."""
        person = caller(request.claims, request.route)
        parameters.only(request, ("csm", "cursor", "limit", "sort", "tier"))
        tier = parameters.one_of(request, "tier", TIERS)
        descending = SORTS[parameters.one_of(request, "sort", SORTS) or "-score"]
        limit = parameters.whole_number(request, "limit", default=PAGE, maximum=MAX_PAGE)
        csm = _csm(request)
        if person.role is Role.CSM and self.config.access.csm_scope == "own":
            own = person.email
            if own is None or (csm is not None and csm.casefold() != own.casefold()):
                return response(HTTPStatus.OK, AccountList(accounts=[], cursor=None))
            csm = own
        try:
            page = self.records.list_records(
                tier=tier, csm=csm, descending=descending, cursor=request.query.get("cursor"), limit=limit
            )
        except ValueError:
            raise bad_parameter(
                "cursor", "not one that GET /v1/accounts has given out with these filters."
            ) from None
        accounts = [_account(record, trend=None) for record in page.records]
        return response(HTTPStatus.OK, AccountList(accounts=accounts, cursor=page.cursor))

    def account(self, request: Request) -> Response:
        """The customer record.

        Raises:
            Problem: 404 for an account that is unknown or not for the caller to see.
        """
        person = caller(request.claims, request.route)
        record = self.record_for(person, parameters.account_of(request))
        parameters.only(request, ())
        return response(HTTPStatus.OK, _account(record, trend=self._trend(record)))

    def scores(self, request: Request) -> Response:
        """The scores of an account that were made for instants of the days asked for: its own, or with `role`
        those of the challenger beside.

        Raises:
            Problem: 404 as above.
        """
        person = caller(request.claims, request.route)
        account = parameters.account_of(request)
        parameters.only(request, ("from", "role", "to"))
        first, last = parameters.date_range(request)
        role = parameters.one_of(request, "role", ModelRole) or ModelRole.CHAMPION
        self.record_for(person, account)
        days = day_index(first) * DAY_MS, end_of_day_ms(day_index(last))
        found = self.records.scores(account, *days, role=role)
        scores = [
            Score(
                **_assessed(one.assessment),
                as_of=as_of_text(one.as_of_ms),
                scored_at=as_of_text(one.scored_at_ms),
                trigger=one.trigger,
            )
            for one in found
        ]
        body = AccountScores(account=account, first=first, last=last, role=role, scores=scores)
        return response(HTTPStatus.OK, body)

    def seen_by(self, person: Caller) -> Callable[[str], bool]:
        """Whether a person may see an account, each read once."""
        scope = self.config.access.csm_scope
        return cache(lambda account: may_see(person, account, csm_scope=scope, profiles=self.records))

    def record_for(self, person: Caller, account: str, *, known: bool = False) -> StoredRecord:
        """The record of an account, an empty one where it has none.

        Args:
            known: something else is known of it.

        Raises:
            Problem: 404 for an account that is unknown or not for the caller to see.
        """
        found = self.records.read(account)
        record = found or StoredRecord(account=account)
        if not may_see(person, account, csm_scope=self.config.access.csm_scope, profiles=_Held(record)):
            raise no_account()
        if found is None and not known and not account_seen(self.usage_table, account):
            raise no_account()
        return record

    def _trend(self, record: StoredRecord) -> list[TrendPoint]:
        if record.as_of_ms is None:
            return []
        first_day = record.as_of_ms // DAY_MS - TREND_DAYS + 1
        return trend_of(self.records.scores(record.account, first_day * DAY_MS, record.as_of_ms))


def trend_of(scores: Iterable[StoredScore]) -> list[TrendPoint]:
    """The last score of each UTC day, oldest first; of one instant the one that the record would show."""
    latest: dict[int, StoredScore] = {}
    in_order = sorted(scores, key=lambda one: one.as_of_ms)
    for as_of_ms, rows in groupby(in_order, key=lambda one: one.as_of_ms):
        score = chosen(list(rows))
        if score.assessment.score is not None:
            latest[as_of_ms // DAY_MS] = score
    return [
        TrendPoint(
            date=date.fromisoformat(day_of(day * DAY_MS)),
            score=one.assessment.score or 0,
            tier=_tier(one.assessment),
        )
        for day, one in sorted(latest.items())
    ]


def _tier(assessment: Assessment) -> Tier:
    if assessment.tier is None:
        raise ValueError("a score without a tier")
    return assessment.tier


def _csm(request: Request) -> str | None:
    text = request.query.get("csm")
    if text is None:
        return None
    try:
        return mail_address(text)
    except ValueError as error:
        raise bad_parameter("csm", f"send {error}.") from None


def _account(record: StoredRecord, *, trend: list[TrendPoint] | None) -> Account:
    assessed = {} if record.assessment is None else _assessed(record.assessment)
    return Account(
        **assessed,
        account=record.account,
        profile=_profile(record),
        profile_problems=[
            ProfileProblem(name=one.name, detail=one.detail, at=as_of_text(one.at_ms))
            for one in record.problems
        ],
        last_active_day=None if record.last_day is None else date.fromisoformat(record.last_day),
        as_of=_text(record.as_of_ms),
        scored_at=_text(record.scored_at_ms),
        trigger=record.trigger,
        moved=record.moved,
        trend=trend,
        expansion=None,
    )


def _profile(record: StoredRecord) -> Profile:
    """The stored profile without terms that had run out when it was last scored: the clock has no say."""
    profile = record.profile
    known = [at_ms for at_ms in (record.profile_as_of_ms, record.as_of_ms) if at_ms is not None]
    if known:
        profile = at_instant(profile, max(known))
    return Profile(
        **{name: getattr(profile, name) for name in Profile.__struct_fields__ if hasattr(profile, name)}
        | {
            "since": _text(profile.since_ms),
            "terms": [
                Term(
                    plan=term.plan,
                    start=as_of_text(term.start_ms),
                    end=_text(term_end_ms(term)),
                    months=term.months,
                    mrr=term.mrr,
                    quantity=term.quantity,
                    units=term.units,
                    addon=term.addon,
                )
                for term in profile.terms
            ],
        }
    )


def _assessed(assessment: Assessment) -> dict[str, Any]:
    return {
        "churn_risk_score": assessment.score,
        "churn_risk_tier": assessment.tier,
        "churn_probability": assessment.probability,
        "horizon_days": assessment.horizon_days,
        "interval": assessment.interval,
        "confidence": assessment.confidence,
        "confidence_lowered_by": assessment.confidence_lowered_by,
        "drivers": assessment.drivers,
        "completeness": assessment.completeness,
        "sources": assessment.sources,
        "anomaly": assessment.anomaly,
        "rules": assessment.rules,
        "shadow": assessment.shadow,
        "basis": assessment.basis,
        "model_version": assessment.model_version,
        "at_risk": None if assessment.score is None else is_at_risk(assessment.score),
    }


def _text(at_ms: int | None) -> str | None:
    return None if at_ms is None else as_of_text(at_ms)
