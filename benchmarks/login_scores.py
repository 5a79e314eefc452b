"""How long the scorer takes for one login, beside an empty function; and a storm of logins worked off.

On the local cloud, warm, with a model of 500 trees: the deployed function is invoked with a delivery of one
login, in turns with a function that does nothing, so that what is left of the difference is its own time.
First of accounts that were never scored, of which nothing is kept; then of the same, of which is kept what a
night keeps. Where the time goes is told by the same handler in this process, request by request. Then a
thousand accounts log in at once, through the stream.
"""

import importlib.util
import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from random import Random
from threading import Lock
from typing import Any, Final
from unittest.mock import patch

import boto3
from botocore.httpsession import URLLib3Session
from stemtide.as_of import instant_ms
from stemtide.calls import DAY_MS, day_of
from stemtide.config import bundled_config
from stemtide.facts import Fact
from stemtide.features.profile_columns import Basis
from stemtide.ports import BACKFILLED
from stemtide.state import State, encode
from stemtide.store import clients
from stemtide.store.records import Records
from stemtide.users import pack, user_hash

from benchmarks.score_models import large_model
from demo.cloud import own_cloud
from demo.settings import ROOT, Settings
from demo.stages import Say, StageError, Stages, wait_until
from demo.story import Story
from demo.today import percentile

LOGINS: Final = 500
STORM: Final = 1_000
WARM_UP: Final = 30
HISTORY_DAYS: Final = 28
EVENTS: Final = ("API Call", "Signed In", "Report Created", "Dashboard Viewed", "Invite Sent")
STORM_TIMEOUT_S: Final = 600
EMPTY: Final = "stemtide-bench-empty"
REQUEST: Final = 500
"""Records of one PutRecords request."""


def run(
    settings: Settings, stages: Stages, *, logins: int = LOGINS, storm: int = STORM
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure once; returns the figures and what was run."""
    with own_cloud(settings, lambda _: None):
        story = Story(settings=settings, stages=stages)
        story.deploy()
        with stages.stage("model", "a model of 500 trees made and promoted") as say:
            made = large_model(settings.folder / "models" / "churn" / "benchmark", Basis.of(bundled_config()))
            version, artefacts = made.model.version, settings.folder / "models"
            story.run("promote", "churn", version, "--from", artefacts, say=say)
        cloud = _Cloud(json.loads(settings.stack_file.read_text()))
        with stages.stage("history", f"{HISTORY_DAYS} days of {storm} customers written") as say:
            _history(cloud, storm, settings.today, say)
            story.drain(say)
        figures, ran = _one_by_one(cloud, stages, settings, logins)
        with stages.stage("storm", f"{storm} accounts log in at once") as say:
            stormed = _storm(cloud, story, storm, say)
    return {**figures, "score.login_storm_s": stormed}, {**ran, "storm": storm}


class _Cloud:
    """Clients of the deployed stack."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts
        self._common = {
            "endpoint_url": facts["endpoint_url"],
            "region_name": facts["region"],
            "aws_access_key_id": "000000000000",
            "aws_secret_access_key": "test",
        }
        self.functions, self.sqs, self.kinesis = (
            boto3.client(service, **self._common) for service in ("lambda", "sqs", "kinesis")
        )
        dynamodb = clients.dynamodb(**self._common)
        self.accounts, self.usage = (dynamodb.Table(facts["tables"][role]) for role in ("accounts", "usage"))

    @property
    def score(self) -> str:
        return str(self.facts["functions"]["score"])

    def delivery(self, account: str, at: datetime) -> dict[str, Any]:
        """One login as Lambda hands it over."""
        queue = self.facts["queues"]["logins"].rpartition("/")[2]
        body = json.dumps({"account": account, "as_of": f"{at:%Y-%m-%dT%H:%M:%S.000Z}"})
        record = {
            "messageId": f"m-{account}",
            "receiptHandle": "r",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
            "eventSourceARN": f"arn:aws:sqs:{self.facts['region']}:000000000000:{queue}",
        }
        return {"Records": [record]}

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """A function's answer.

        Raises:
            StageError: it failed.
        """
        answer = self.functions.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        said: dict[str, Any] = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer or said.get("batchItemFailures"):
            raise StageError(f"{function} failed: {said}")
        return said

    def environment(self) -> dict[str, str]:
        """What the deployed scorer is told, for the same handler in this process."""
        told = self.functions.get_function_configuration(FunctionName=self.score)["Environment"]["Variables"]
        return {
            **told,
            "AWS_ENDPOINT_URL": self.facts["endpoint_url"],
            "AWS_DEFAULT_REGION": self.facts["region"],
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": "test",
            "POWERTOOLS_LOG_LEVEL": "ERROR",
        }

    def last_score(self, account: str) -> dict[str, Any]:
        """The score's part of the customer record."""
        item = self.accounts.get_item(Key={"account": account, "item": "record"}, ConsistentRead=True)
        return dict(item.get("Item", {}))


def _account(number: int) -> str:
    return f"login-{number:04d}"


def _history(cloud: _Cloud, accounts: int, today: date, say: Say) -> None:
    """Usage as a backfill leaves it, and a plan: written at once, as nobody measures it."""
    source = Random(1)  # noqa: S311 - a made-up history
    last = instant_ms(datetime.combine(today, datetime.min.time(), UTC)) // DAY_MS
    fact = Fact(id="0" * 12, known_ms=0, at_ms=0, kind="traits", data={"plan": "business", "seats": 9})
    records = Records(cloud.accounts)
    with cloud.usage.batch_writer() as writer:
        for number in range(accounts):
            say(f"{number} of {accounts}")
            records.put_facts(_account(number), [fact])
            records.touch(_account(number), day_of((last - 1) * DAY_MS))
            for day in range(last - HISTORY_DAYS, last):
                counts = {name: source.randint(1, 60) for name in EVENTS}
                users = [user_hash(f"u{n}") for n in range(source.randint(1, 8))]
                state = State(
                    events=sum(counts.values()),
                    calls=sum(counts.values()),
                    by_event=counts,
                    first_ms=day * DAY_MS,
                    last_ms=day * DAY_MS,
                    users=pack(users),
                )
                item = {"account": _account(number), "day": day_of(day * DAY_MS), "v": 1, BACKFILLED: True}
                writer.put_item(Item={**item, "s": encode(state), "events": state.events})


def _one_by_one(
    cloud: _Cloud, stages: Stages, settings: Settings, logins: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [_account(number) for number in range(logins)]
    morning = datetime.combine(settings.today - timedelta(days=1), datetime.min.time(), UTC)
    first, second, third = (morning + timedelta(hours=hours) for hours in (3, 6, 9))
    with stages.stage("function", f"twice {logins} logins, each beside an empty invocation"), _empty(cloud):
        for name in names[:WARM_UP]:
            cloud.invoke(cloud.score, cloud.delivery(name, morning + timedelta(hours=1)))
            cloud.invoke(EMPTY, {})
        never_scored = names[WARM_UP:]
        new, beside_new = _in_turns(cloud, never_scored, first)
        _check(cloud, never_scored, first)
        own, empty = _in_turns(cloud, names, second)
        _check(cloud, names, second)
    with stages.stage("split", f"{logins} logins in this process, request by request"):
        whole, waited, requests = _in_process(cloud, names, third)
        _check(cloud, names, third)
    figures = {
        "score.login_function_p50_ms": round(percentile(own, 0.5), 1),
        "score.login_function_p99_ms": round(percentile(own, 0.99), 1),
        "score.login_empty_function_p50_ms": round(percentile(empty, 0.5), 1),
        "score.login_empty_function_p99_ms": round(percentile(empty, 0.99), 1),
    }
    rest = [all_ - io_ for all_, io_ in zip(whole, waited, strict=True)]
    ran = {
        "logins": len(own),
        "never_scored": len(new),
        "never_scored_p50_ms": round(percentile(new, 0.5), 1),
        "never_scored_p99_ms": round(percentile(new, 0.99), 1),
        "empty_function_then_p50_ms": round(percentile(beside_new, 0.5), 1),
        "empty_function_then_p99_ms": round(percentile(beside_new, 0.99), 1),
        "in_process_p50_ms": round(percentile(whole, 0.5), 1),
        "in_process_p99_ms": round(percentile(whole, 0.99), 1),
        "of_it_tables_p50_ms": round(percentile(waited, 0.5), 1),
        "of_it_own_p50_ms": round(percentile(rest, 0.5), 1),
        "of_it_own_p99_ms": round(percentile(rest, 0.99), 1),
        "requests_per_login": round(requests / len(whole), 1),
    }
    return figures, ran


def _in_turns(cloud: _Cloud, names: Sequence[str], at: datetime) -> tuple[list[float], list[float]]:
    """Milliseconds of a login of each account, and of the empty function after each."""
    own, empty = [], []
    for name in names:
        own.append(_ms(lambda name=name: cloud.invoke(cloud.score, cloud.delivery(name, at))))  # type: ignore[misc]
        empty.append(_ms(lambda: cloud.invoke(EMPTY, {})))
    return own, empty


def _ms(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return (time.perf_counter() - began) * 1e3


def _check(cloud: _Cloud, names: Sequence[str], at: datetime) -> None:
    """Every one of them was scored by its login."""
    instant = f"{at:%Y-%m-%dT%H:%M:%S.000Z}"
    for name in names:
        held = cloud.last_score(name)
        if (held.get("trigger"), held.get("as_of")) != ("login", instant) or "score" not in held:
            raise StageError(f"{name} was not scored as of {instant}: {held}")


@contextmanager
def _empty(cloud: _Cloud) -> Iterator[None]:
    """A function that answers at once, on the runtime and role of the scorer."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("handler.py", "def handler(event, context):\n    return {}\n")
    like = cloud.functions.get_function_configuration(FunctionName=cloud.score)
    cloud.functions.create_function(
        FunctionName=EMPTY,
        Runtime=like["Runtime"],
        Role=like["Role"],
        Handler="handler.handler",
        Code={"ZipFile": made.getvalue()},
        MemorySize=like["MemorySize"],
    )
    try:
        yield
    finally:
        cloud.functions.delete_function(FunctionName=EMPTY)


def _in_process(cloud: _Cloud, names: Sequence[str], at: datetime) -> tuple[list[float], list[float], int]:
    """Milliseconds of each login, those of them in which a request was under way (several may be at a time),
    and how many requests there were."""
    send, lock = URLLib3Session.send, Lock()
    spent, under_way, since = [0.0, 0], 0, 0.0

    def timed(self: URLLib3Session, request: Any) -> Any:
        nonlocal under_way, since
        with lock:
            if not under_way:
                since = time.perf_counter()
            under_way += 1
        try:
            return send(self, request)
        finally:
            with lock:
                under_way -= 1
                spent[1] += 1
                if not under_way:
                    spent[0] += (time.perf_counter() - since) * 1e3

    whole, waited = [], []
    with patch.dict(os.environ, cloud.environment()), patch.object(URLLib3Session, "send", timed):
        handler = _handler()
        for name in names[:WARM_UP]:
            handler(cloud.delivery(name, at - timedelta(minutes=90)), None)
        before = spent[1]
        for name in names:
            waiting = spent[0]
            whole.append(_ms(lambda name=name: handler(cloud.delivery(name, at), None)))  # type: ignore[misc]
            waited.append(spent[0] - waiting)
    return whole, waited, int(spent[1] - before)


def _handler() -> Callable[[dict[str, Any], object], Any]:
    spec = importlib.util.spec_from_file_location(
        "score_handler", ROOT / "functions" / "score" / "handler.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[dict[str, Any], object], Any] = module.handler
    return found


def _storm(cloud: _Cloud, story: Story, accounts: int, say: Say) -> float:
    """Seconds from the first login until every account has its score."""
    names = [_account(number) for number in range(accounts)]
    began, now = time.monotonic(), datetime.now(UTC)
    for start in range(0, accounts, REQUEST):
        records = [_login(name, now) for name in names[start : start + REQUEST]]
        put = cloud.kinesis.put_records(StreamName=cloud.facts["event_stream"], Records=records)
        if put["FailedRecordCount"]:
            raise StageError("the stream did not take every login")
    sent = time.monotonic() - began
    since = f"{now:%Y-%m-%dT%H:%M}"
    left = set(names)

    def missing() -> str | None:
        for name in list(left):
            if cloud.last_score(name).get("as_of", "") >= since:  # of the login, or of a drop that it showed
                left.discard(name)
        return f"a score of {len(left)} accounts" if left else None

    wait_until(missing, timeout_s=STORM_TIMEOUT_S, say=say)
    took = time.monotonic() - began
    story.drain(say)
    _nothing_given_up(cloud)
    say(f"sent in {sent:.1f} s")
    return round(took, 1)


def _login(account: str, at: datetime) -> dict[str, Any]:
    call = {
        "type": "track",
        "event": "Signed In",
        "messageId": f"storm-{account}",
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "userId": f"user-{account}",
        "context": {"groupId": account},
    }
    return {"PartitionKey": account, "Data": json.dumps(call).encode()}


def _nothing_given_up(cloud: _Cloud) -> None:
    for role in ("logins", "login_dead_letters"):
        told = cloud.sqs.get_queue_attributes(
            QueueUrl=cloud.facts["queues"][role], AttributeNames=["ApproximateNumberOfMessages"]
        )["Attributes"]
        if int(told["ApproximateNumberOfMessages"]):
            raise StageError(f"there are messages left in {role}")
