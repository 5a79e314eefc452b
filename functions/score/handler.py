"""Scores accounts: one on a drop, batches of the nightly run, one that a person asks for."""

from functools import lru_cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from stemtide.as_of import parse_as_of
from stemtide.config import bundled_config
from stemtide.http.app import Operation, answer
from stemtide.http.features import FeatureApi
from stemtide.http.scoring import ScoringApi
from stemtide.scoring.assessment import Trigger
from stemtide.scoring_service import MODEL, Scored, score_accounts
from stemtide.settings import ScoreSettings
from stemtide.store import clients
from stemtide.store.models import ModelStore
from stemtide.store.pace import Threads
from stemtide.store.scoring import ScoreTables

logger = Logger(service="score")


class ScoringFailedError(Exception):
    """Accounts could not be read or written, after all others were scored: the same again scores these."""


@lru_cache(maxsize=1)
def tables() -> ScoreTables:
    """The tables, looked up once per process."""
    settings = ScoreSettings.from_env()
    return ScoreTables(
        usage=clients.table(settings.usage_table),
        accounts=clients.table(settings.accounts_table),
        config=bundled_config(),
    )


@lru_cache(maxsize=1)
def models() -> ModelStore:
    """The models, loaded once per process."""
    return ModelStore(boto3.client("s3", config=clients.CONFIG), ScoreSettings.from_env().model_bucket)


@lru_cache(maxsize=1)
def threads() -> Threads:
    """One pool per process."""
    return Threads()


@lru_cache(maxsize=1)
def operations() -> dict[str, Operation]:
    """What the HTTP API asks of this function."""
    features = FeatureApi(
        config=bundled_config(), usage_table=tables().usage, accounts_table=tables().accounts
    )
    return {**features.operations(), **ScoringApi(tables=tables(), score=score).operations()}


def handler(event: dict[str, Any], context: object) -> Any:
    """A request of the HTTP API, an event of the bus, or a batch."""
    if "routeKey" in event:
        return answer(event, operations=operations(), logger=logger)
    if "detail-type" in event:
        return _drop(event["detail"])
    return _batch(event)


def score(
    accounts: list[str], *, as_of_ms: int, trigger: Trigger, version: str | None = None, champion: bool = True
) -> Scored:
    """Score accounts by the champion, or by one version (None: by rules)."""
    if champion:
        model = models().serving(MODEL)[1]
    else:
        model = None if version is None else models().load(MODEL, version)
    return score_accounts(
        accounts,
        as_of_ms=as_of_ms,
        trigger=trigger,
        model=model,
        plans=bundled_config().plans,
        ports=tables().ports(threads()),
    )


def _drop(detail: dict[str, Any]) -> dict[str, Any]:
    account = detail["account"]
    found = score([account], as_of_ms=parse_as_of(detail["as_of"]), trigger=Trigger.USAGE_DROP)
    if found.not_customers:
        tables().note_skipped(account, day=detail["day"], rule=detail["rule"])
    return _answer(found, run=detail["id"], trigger=Trigger.USAGE_DROP)


def _batch(event: dict[str, Any]) -> dict[str, Any]:
    named = event.get("model")
    trigger = Trigger(event["trigger"])
    found = score(
        event["accounts"],
        as_of_ms=parse_as_of(event["as_of"]),
        trigger=trigger,
        version=named and named["version"],
        champion=named is None,
    )
    return _answer(found, run=event.get("run"), trigger=trigger)


def _answer(found: Scored, *, run: str | None, trigger: Trigger) -> dict[str, Any]:
    counts = found.counts()
    logger.info("scored", run=run, trigger=trigger, **counts)
    if found.failed:
        raise ScoringFailedError(
            f"{len(found.failed)} accounts, the first: {', '.join(found.failed[:5])}; others are scored"
        )
    return counts
