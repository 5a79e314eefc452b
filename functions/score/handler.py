"""Scores accounts: those whose use fell or whose users log in, batches of the nightly run, one that a person
asks for."""

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from aws_lambda_powertools import Logger
from stemtide.as_of import end_of_day_ms, last_closed_day, parse_as_of
from stemtide.config import bundled_config
from stemtide.delivery.model_metrics import tell_refused
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
from stemtide.scoring.assessment import CHURN, Trigger
from stemtide.scoring_service import Fate, Moment, Scored, ScoringPorts, score_accounts, score_moments
from stemtide.settings import ScoreSettings
from stemtide.stamped_scores import stamped
from stemtide.store import clients
from stemtide.store.batch_assembly import assembled
from stemtide.store.fresh_sources import FreshSources
from stemtide.store.login_tables import LoginTables
from stemtide.store.models import ModelStore
from stemtide.store.pace import Threads
from stemtide.store.peer_tables import PeerTables
from stemtide.store.score_queue import ScoreQueue
from stemtide.store.scoring import ScoreTables
from stemtide.store.whole_days import WholeDays
from stemtide.sweep_batches import SweepBatches

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
def whole_days() -> WholeDays:
    """Whether usage lacks events."""
    table = clients.table(ScoreSettings.from_env().ingest_table, config=clients.PATIENT)
    return WholeDays(table=table, config=bundled_config().sweep.event_data_freshness)


@lru_cache(maxsize=1)
def models() -> ModelStore:
    """The models, loaded once per process."""
    s3 = clients.client("s3", config=clients.PATIENT)
    settings = ScoreSettings.from_env()
    return ModelStore(
        s3,
        settings.model_bucket,
        shape=Shape.of(bundled_config().events),
        heard=tell_refused(settings.metric_namespace),
    )


@lru_cache(maxsize=1)
def peers() -> PeerTables:
    """The peers of each night."""
    return PeerTables(clients.table(ScoreSettings.from_env().ingest_table, config=clients.PATIENT))


@lru_cache(maxsize=1)
def sweep_batches() -> SweepBatches:
    """The nightly run's batches, on this deployment's tables and buckets."""
    return assembled(
        ScoreSettings.from_env(),
        bundled_config(),
        tables=tables(),
        models=models(),
        peers=peers(),
        ports=ports,
        side_by_side=threads(),
        say_lost=_say_lost,
        logger=logger,
    )


@lru_cache(maxsize=1)
def queues() -> dict[Trigger, ScoreQueue]:
    """The queues of drops and of logins, looked up once per process."""
    settings, sqs = ScoreSettings.from_env(), clients.client("sqs")
    urls = {
        Trigger.USAGE_DROP: (settings.drop_queue, settings.drop_dead_letter_queue),
        Trigger.LOGIN: (settings.login_queue, settings.login_dead_letter_queue),
    }
    return {
        trigger: ScoreQueue(client=sqs, url=url, dead_letter_url=dead)
        for trigger, (url, dead) in urls.items()
    }


@lru_cache(maxsize=1)
def threads() -> Threads:
    """One pool per process."""
    return Threads()


@lru_cache(maxsize=1)
def readers() -> Threads:
    """Another one for what the threads of that one read side by side, and wait for."""
    return Threads()


@lru_cache(maxsize=1)
def fresh_sources() -> FreshSources:
    """Which sources were fresh, remembered for a moment by this process."""
    return FreshSources(ask=tables().fresh)


@lru_cache(maxsize=1)
def operations() -> dict[str, Operation]:
    """What the HTTP API asks of this function."""
    features = FeatureApi(tables=tables(), basis=basis_at)
    return {**features.operations(), **ScoringApi(tables=tables(), score=score).operations()}


def handler(event: dict[str, Any], context: object) -> Any:
    """A request of the HTTP API, a delivery of the queue of drops or of that of logins, a step of the nightly
    run, or a batch."""
    if "routeKey" in event:
        return answer(event, operations=operations(), logger=logger)
    if "Records" in event:
        return _logins(event) if queues()[Trigger.LOGIN].name == queue_of(event) else _drops(event)
    return _step(event) if "step" in event else _batch(event)


def score(
    accounts: list[str],
    *,
    as_of_ms: int,
    trigger: Trigger,
    version: str | None = None,
    champion: bool = True,
) -> Scored:
    """Score accounts by the champion, or by one version (None: by rules)."""
    if champion:
        serving = models().look(CHURN)
        model, shadow = serving.model, serving.shadow
    else:
        model = None if version is None else models().named(CHURN, version)
        shadow = models().in_shadow(CHURN, version)
    return score_accounts(
        accounts,
        as_of_ms=as_of_ms,
        trigger=trigger,
        model=model,
        basis=basis_at(as_of_ms),
        ports=ports(model, shadow=shadow),
    )


def basis_at(as_of_ms: int) -> Basis:
    """What the configuration and the last night's peers add to what the tables say."""
    return Basis.of(bundled_config(), peers().at(as_of_ms))


def ports(
    model: Model | None, *, shadow: bool, begun_ms: int | None = None, logins: LoginTables | None = None
) -> ScoringPorts:
    """What scoring touches (for `logins` theirs); an account that fails for good is named in the log."""
    found = tables().ports(threads(), say_failed=_say_failed, begun_ms=begun_ms)
    found = found if logins is None else logins.over(found)
    return stamped(found, bundled_config().shadow, model=model is not None and shadow)


def _drops(event: dict[str, Any]) -> dict[str, Any]:
    queue = queues()[Trigger.USAGE_DROP]
    found = on_drops(
        messages_of(event),
        ports=DropPorts(
            is_whole=whole_days().last_is_whole,
            score=partial(_score_moments, trigger=Trigger.USAGE_DROP),
            note_skipped=_note_skipped,
            set_aside=partial(_set_aside, queue),
            later=queue.later,
        ),
    )
    _tell("scored drops", found.fates, again=len(found.failed), unreadable=found.unreadable)
    return found.answer()


def _logins(event: dict[str, Any]) -> dict[str, Any]:
    queue = queues()[Trigger.LOGIN]
    logins = LoginTables(tables=tables(), sources=fresh_sources(), side_by_side=readers())
    found = on_logins(
        messages_of(event),
        ports=LoginPorts(
            is_whole=whole_days().last_is_whole,
            claim=logins.claim,
            score=partial(_score_moments, trigger=Trigger.LOGIN, logins=logins),
            set_aside=partial(_set_aside, queue),
            later=queue.later,
            side_by_side=threads(),
        ),
    )
    _tell(
        "scored logins",
        found.fates,
        debounced=found.debounced,
        again=len(found.failed),
        unreadable=found.unreadable,
    )
    return found.answer()


def _tell(what: str, fates: Mapping[Moment, Fate], **more: int) -> None:
    found = list(fates.values())
    logger.info(what, **{str(fate): found.count(fate) for fate in Fate}, **more)


def _score_moments(
    moments: Sequence[Moment], *, trigger: Trigger, logins: LoginTables | None = None
) -> dict[Moment, Fate]:
    """Score each among the peers of its own day, whatever else came in its delivery."""
    serving = models().look(CHURN)
    found: dict[Moment, Fate] = {}
    for day in {last_closed_day(moment.as_of_ms) for moment in moments}:
        found |= score_moments(
            [moment for moment in moments if last_closed_day(moment.as_of_ms) == day],
            trigger=trigger,
            model=serving.model,
            basis=basis_at(end_of_day_ms(day)),
            ports=ports(serving.model, shadow=serving.shadow, logins=logins),
        )
    return found


def _note_skipped(drop: UsageDropDetected) -> None:
    tables().note_skipped(drop.account, day=drop.day, rule=drop.rule)


def _set_aside(queue: ScoreQueue, body: str, error: Exception) -> None:
    logger.error("set aside: it cannot be read", error=type(error).__name__)
    queue.set_aside(body, error)


def _say_failed(moment: Moment, error: Exception) -> None:
    logger.error("not scored", account=moment.account, **error_facts(error))


def _say_lost(accounts: int, error: Exception) -> None:
    logger.error("not scored by the challenger", accounts=accounts, **error_facts(error))


def _step(event: dict[str, Any]) -> dict[str, Any]:
    """A batch of the nightly run: extracted, or scored. What came of it is in the run's log, not in the
    answer: all batches' answers together may hold 256 KB (Step Functions)."""
    left = sweep_batches().work(event)
    if left:
        raise ScoringFailedError(f"{len(left)} accounts, the first: {', '.join(left[:5])}; others are done")
    return {}


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
