"""Scores accounts: those whose use fell or whose users log in, batches of the nightly run, one that a person
asks for."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.as_of import parse_as_of
from stemtide.config import bundled_config
from stemtide.domain_events import UsageDropDetected
from stemtide.drop_messages import DropPorts, on_drops
from stemtide.error_facts import error_facts
from stemtide.features.configured_features import Shape
from stemtide.features.profile_columns import Basis
from stemtide.http.app import Operation, answer
from stemtide.http.features import FeatureApi
from stemtide.http.scoring import ScoringApi
from stemtide.login_messages import LoginPorts, on_logins
from stemtide.queue_messages import messages_of, queue_of
from stemtide.scoring.artefact import Model
from stemtide.scoring.assessment import Trigger
from stemtide.scoring_service import MODEL, Fate, Moment, Scored, ScoringPorts, score_accounts, score_moments
from stemtide.settings import ScoreSettings
from stemtide.store import clients
from stemtide.store.models import ModelStore
from stemtide.store.pace import Threads
from stemtide.store.score_queue import ScoreQueue
from stemtide.store.scoring import ScoreTables

logger = Logger(service="score")


class ScoringFailedError(Exception):
    """Accounts could not be read or written, after all others were scored: the same again scores these.

    Of what this version cannot read at all a batch only tells: repeating it would change nothing.
    """


@lru_cache(maxsize=1)
def tables() -> ScoreTables:
    """The tables, looked up once per process."""
    settings = ScoreSettings.from_env()
    return ScoreTables(
        usage=clients.table(settings.usage_table, config=clients.PATIENT),
        accounts=clients.table(settings.accounts_table, config=clients.PATIENT),
        ingest=clients.table(settings.ingest_table, config=clients.PATIENT),
        config=bundled_config(),
    )


@lru_cache(maxsize=1)
def models() -> ModelStore:
    """The models, loaded once per process."""
    s3 = clients.client("s3", config=clients.PATIENT)
    return ModelStore(s3, ScoreSettings.from_env().model_bucket, shape=Shape.of(bundled_config().events))


@lru_cache(maxsize=1)
def queue() -> ScoreQueue:
    """The queue of drops, looked up once per process."""
    settings = ScoreSettings.from_env()
    return ScoreQueue(
        client=clients.client("sqs"),
        url=settings.drop_queue,
        dead_letter_url=settings.drop_dead_letter_queue,
    )


@lru_cache(maxsize=1)
def login_queue() -> ScoreQueue:
    """The queue of logins, looked up once per process."""
    settings = ScoreSettings.from_env()
    return ScoreQueue(
        client=clients.client("sqs"),
        url=settings.login_queue,
        dead_letter_url=settings.login_dead_letter_queue,
    )


@lru_cache(maxsize=1)
def threads() -> Threads:
    """One pool per process."""
    return Threads()


@lru_cache(maxsize=1)
def operations() -> dict[str, Operation]:
    """What the HTTP API asks of this function."""
    features = FeatureApi(tables=tables(), basis=lambda: basis_of(models().serving(MODEL)[1]))
    return {**features.operations(), **ScoringApi(tables=tables(), score=score).operations()}


def handler(event: dict[str, Any], context: object) -> Any:
    """A request of the HTTP API, a delivery of the queue of drops or of that of logins, or a batch."""
    if "routeKey" in event:
        return answer(event, operations=operations(), logger=logger)
    if "Records" in event:
        return _logins(event) if login_queue().name == queue_of(event) else _delivery(event)
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
        basis=basis_of(model),
        ports=ports(),
    )


def basis_of(model: Model | None) -> Basis:
    """What the configuration and a model add to what the tables say."""
    return Basis.of(bundled_config(), None if model is None else model.manifest.cohorts)


def ports() -> ScoringPorts:
    """What scoring touches; an account that fails for good is named in the log."""
    return tables().ports(threads(), say_failed=_say_failed)


def _delivery(event: dict[str, Any]) -> dict[str, Any]:
    found = on_drops(
        messages_of(event),
        ports=DropPorts(
            score=_on_drop,
            note_skipped=_note_skipped,
            set_aside=partial(_set_aside, queue()),
            later=queue().later,
        ),
    )
    fates = list(found.fates.values())
    logger.info(
        "scored drops",
        **{str(fate): fates.count(fate) for fate in Fate},
        again=len(found.failed),
        unreadable=found.unreadable,
    )
    return found.answer()


def _logins(event: dict[str, Any]) -> dict[str, Any]:
    found = on_logins(
        messages_of(event),
        ports=LoginPorts(
            scored_until=tables().scored_until,
            score=_on_login,
            set_aside=partial(_set_aside, login_queue()),
            later=login_queue().later,
            side_by_side=threads(),
            debounce_ms=bundled_config().triggers.login_debounce_minutes * 60_000,
        ),
    )
    fates = list(found.fates.values())
    logger.info(
        "scored logins",
        **{str(fate): fates.count(fate) for fate in Fate},
        debounced=found.debounced,
        again=len(found.failed),
        unreadable=found.unreadable,
    )
    return found.answer()


def _on_drop(moments: Sequence[Moment]) -> dict[Moment, Fate]:
    return _score_moments(moments, Trigger.USAGE_DROP)


def _on_login(moments: Sequence[Moment]) -> dict[Moment, Fate]:
    return _score_moments(moments, Trigger.LOGIN)


def _score_moments(moments: Sequence[Moment], trigger: Trigger) -> dict[Moment, Fate]:
    model = models().serving(MODEL)[1]
    return score_moments(moments, trigger=trigger, model=model, basis=basis_of(model), ports=ports())


def _note_skipped(drop: UsageDropDetected) -> None:
    tables().note_skipped(drop.account, day=drop.day, rule=drop.rule)


def _set_aside(its_queue: ScoreQueue, body: str, error: Exception) -> None:
    logger.error("set aside: it cannot be read", error=type(error).__name__)
    its_queue.set_aside(body, error)


def _say_failed(moment: Moment, error: Exception) -> None:
    logger.error("not scored", account=moment.account, **error_facts(error))


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
    counts = found.counts()
    logger.info("scored", run=event.get("run"), trigger=trigger, **counts)
    if found.failed:
        raise ScoringFailedError(
            f"{len(found.failed)} accounts, the first: {', '.join(found.failed[:5])}; others are scored"
        )
    return counts
