"""`GET /v1/accounts/{id}/features`: what a score of the account would see, in words."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from stemtide.access import GET_FEATURES
from stemtide.as_of import as_of_text
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import Feature, Shape, registry
from stemtide.features.vectors import Vector
from stemtide.http import parameters
from stemtide.http.app import Operation
from stemtide.http.auth import caller, may_see
from stemtide.http.bodies import Features, FeatureValue, SourceState
from stemtide.http.problem import Response, no_account, response
from stemtide.http.request import Request
from stemtide.sources import Freshness, known_shares, source_of
from stemtide.store.records import Records
from stemtide.store.scoring import ScoreTables
from stemtide.store.sources import read_freshness
from stemtide.store.usage import account_seen
from stemtide.store.vectors import read_vector


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureApi:
    """The tables, and what the configuration and the peers of an instant add to what they say."""

    tables: ScoreTables
    basis: Callable[[int], Basis]

    def operations(self) -> dict[str, Operation]:
        """The operations by id."""
        return {GET_FEATURES.operation: self.features}

    def features(self, request: Request) -> Response:
        """The features of one account.

        Raises:
            Problem: 404 as for its usage.
        """
        person = caller(request.claims, request.route)
        account = parameters.account_of(request)
        parameters.only(request, ("as_of",))
        as_of_ms = parameters.as_of(request)
        records, basis = self.tables.records, self.basis(as_of_ms)
        if not may_see(person, account, csm_scope=self.tables.config.access.csm_scope, profiles=records):
            raise no_account()
        vector = read_vector(self.tables.reader, records, account, as_of_ms, basis)
        if not is_known(vector, usage_table=self.tables.usage, records=records):
            raise no_account()
        states = read_freshness(self.tables.ingest, as_of_ms, self.tables.config.sources)
        return response(HTTPStatus.OK, described(vector, states, basis.shape))


def is_known(vector: Vector, *, usage_table: Any, records: Records) -> bool:
    """Whether anything was ever heard of the account, be it after the instant of its vector."""
    account = vector.account
    return (
        vector.first_day is not None
        or account_seen(usage_table, account)
        or records.exists(account)
        or bool(records.facts(account))
    )


def described(vector: Vector, states: Iterable[Freshness], shape: Shape) -> Features:
    """The vector with labels, units and sentences, and what each source adds to it."""
    pairs = list(zip(vector.features, vector.values.tolist(), strict=True))
    shares = known_shares([(source_of(f.name, f.source), not math.isnan(v)) for f, v in pairs])
    return Features(
        account=vector.account,
        as_of=as_of_text(vector.as_of_ms),
        completeness=vector.completeness,
        registry=registry(shape).hash,
        sources=[_source(state, shares.get(state.source)) for state in states],
        features=[_value(f, v) for f, v in pairs],
    )


def _source(state: Freshness, share: float | None) -> SourceState:
    return SourceState(
        source=state.source,
        connected=state.connected,
        last_seen=None if state.last_seen_ms is None else as_of_text(state.last_seen_ms),
        limit_s=state.limit_s,
        fresh=state.fresh,
        completeness=share,
    )


def _value(feature: Feature, value: float) -> FeatureValue:
    return FeatureValue(
        name=feature.name,
        label=feature.label,
        value=None if math.isnan(value) else value,
        unit=feature.unit,
        windows=list(feature.windows),
        source=feature.source,
        text=feature.sentence(value),
    )
