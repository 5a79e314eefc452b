"""Is the deployed stack whole, reachable and well?"""

import socket
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from stemtide import table_consumers
from stemtide.store.counters import read_counters

from stemtide_cli import api
from stemtide_cli.checks import Check, Run
from stemtide_cli.checks_billing import billing_checks
from stemtide_cli.checks_config import config_checks
from stemtide_cli.consumers import read_consumers
from stemtide_cli.errors import CliError
from stemtide_cli.lag import CONSUMERS
from stemtide_cli.parked import PARKING_QUEUES, read_dead_letters, read_queues
from stemtide_cli.stack import Stack

DEPLOY = "deploy again: `make up` (a real account: `make deploy`)"
CONNECT_TIMEOUT_S = 3
EXPECTED = (*CONSUMERS, *(consumer.name for consumer in table_consumers.ALL))


def stack_checks(stack: Stack) -> list[Run]:
    """What to look at in a stack; only that nothing answers, when nothing answers."""
    try:
        reachable = list(port(stack))
    except CliError as error:
        check = Check(name="local cloud", state="fail", says=error.message, do=error.hint)
        return [("local cloud", lambda: [check])]
    return [
        ("local cloud", lambda: reachable),
        ("event stream", lambda: stream(stack)),
        ("tables", lambda: tables(stack)),
        ("consumers", lambda: consumers(stack)),
        ("tokens", lambda: tokens(stack)),
        ("dead letters", lambda: dead_letters(stack)),
        ("queues", lambda: queues(stack)),
        ("counters", lambda: counters(stack)),
        ("recompute", lambda: nightly(stack, "recompute")),
        ("sweep", lambda: nightly(stack, "sweep")),
        *billing_checks(stack),
        *config_checks(),
        ("alarms", lambda: alarms(stack)),
    ]


def port(stack: Stack) -> Iterator[Check]:
    """Whether something listens at the local cloud's address (nothing to check on AWS)."""
    if stack.endpoint_url is None:
        return
    address = urlsplit(stack.endpoint_url)
    try:
        socket.create_connection((address.hostname, address.port or 80), timeout=CONNECT_TIMEOUT_S).close()
    except OSError as error:
        raise CliError(
            f"nothing listens at {stack.endpoint_url} ({error})", hint="start it with `make up`"
        ) from error
    yield Check(name="local cloud", state="ok", says=stack.endpoint_url)


def stream(stack: Stack) -> Iterator[Check]:
    """The event stream exists and is active."""
    described = stack.client("kinesis").describe_stream_summary(StreamName=stack.event_stream)
    summary = described["StreamDescriptionSummary"]
    state = summary["StreamStatus"]
    says = f"{stack.event_stream}: {state}, {summary.get('OpenShardCount', '?')} open shards"
    good = state in ("ACTIVE", "UPDATING")
    yield Check(name="event stream", state="ok" if good else "fail", says=says, do=None if good else DEPLOY)


def tables(stack: Stack) -> Iterator[Check]:
    """Every table exists and is active."""
    dynamodb = stack.client("dynamodb")
    for role, name in stack.tables.items():
        state = dynamodb.describe_table(TableName=name)["Table"]["TableStatus"]
        good = state in ("ACTIVE", "UPDATING")
        says = f"{name}: {state}"
        yield Check(
            name=f"table {role}", state="ok" if good else "fail", says=says, do=None if good else DEPLOY
        )


def consumers(stack: Stack) -> Iterator[Check]:
    """Every function that reads a stream is there, and its event source mapping enabled."""
    found = read_consumers(stack)
    for name in EXPECTED:
        if not any(name in consumer["function"] for consumer in found):
            yield Check(name=f"consumer {name}", state="fail", says="reads no stream", do=DEPLOY)
    functions = stack.client("lambda")
    for consumer in found:
        name = consumer["function"]
        functions.get_function_configuration(FunctionName=name)
        enabled = consumer["state"] in ("Enabled", "Enabling", "Updating", "Creating")
        says = f"{consumer['state']}, last result: {consumer['last_result']}"
        do = None if enabled else f"enable the event source mapping of {name}, or {DEPLOY}"
        yield Check(name=f"consumer {name}", state="ok" if enabled else "fail", says=says, do=do)


def tokens(stack: Stack) -> Iterator[Check]:
    """The API accepts the stored token of every role."""
    if not stack.api_tokens:
        says = "none stored: commands read the tables with your credentials"
        yield Check(name="tokens", state="ok", says=says)
    for role, token in stack.api_tokens.items():
        reply = api.fetch(stack, "/v1/ingest/counters", token=token)
        good = reply.status == HTTPStatus.OK
        yield Check(
            name=f"token {role}",
            state="ok" if good else "fail",
            says="accepted" if good else f"{reply.status}: {reply.problem}",
            do=None if good else "`make up` issues new tokens",
        )


def dead_letters(stack: Stack) -> Iterator[Check]:
    """Nothing was given up on, or it was put back."""
    found = read_dead_letters(stack)
    good = not found.waiting
    says = (
        f"{found.waiting} of {found.payloads} payloads not put back, {len(found.unregistered)} not registered"
    )
    do = None if good else "`stemtide requeue` lists them and what to do"
    yield Check(name="dead letters", state="ok" if good else "warn", says=says, do=do)


def queues(stack: Stack) -> Iterator[Check]:
    """The queues of what was given up are empty; in the others messages come and go."""
    for role, count in read_queues(stack).items():
        parked = bool(count) and role in PARKING_QUEUES
        do = f"read the messages at {stack.queues[role]}" if parked else None
        says = f"{count} messages"
        yield Check(name=f"queue {role}", state="warn" if parked else "ok", says=says, do=do)


def counters(stack: Stack) -> Iterator[Check]:
    """What came in is accounted for."""
    found = read_counters(stack.table("ingest"))
    says = ", ".join(f"{name} {count:,}" for name, count in found.public().items())
    if found.unbalanced:
        says = f"{found.unbalanced:,} calls do not balance: {says}"
        yield Check(name="counters", state="fail", says=says, do="`stemtide status`, then `stemtide drain`")
    else:
        yield Check(name="counters", state="ok", says=says)


def nightly(stack: Stack, name: str) -> Iterator[Check]:
    """The nightly run of that name exists, and the newest one came to its end."""
    arn = stack.state_machines.get(name)
    if arn is None:
        yield Check(name=name, state="fail", says="the stack has none", do=DEPLOY)
        return
    latest = stack.client("stepfunctions").list_executions(stateMachineArn=arn, maxResults=1)["executions"]
    if not latest:
        yield Check(name=name, state="ok", says="there, has not run yet")
        return
    good = latest[0]["status"] in ("SUCCEEDED", "RUNNING")
    says = f"{latest[0]['status'].lower()}, started {latest[0]['startDate']:%Y-%m-%d %H:%M} UTC"
    do = None if good else f"`stemtide {name}` runs it again and shows the cause"
    yield Check(name=name, state="ok" if good else "warn", says=says, do=do)


def alarms(stack: Stack) -> Iterator[Check]:
    """No alarm of the account is raised."""
    pages = stack.client("cloudwatch").get_paginator("describe_alarms").paginate(StateValue="ALARM")
    raised: list[dict[str, Any]] = [alarm for page in pages for alarm in page.get("MetricAlarms", [])]
    if not raised:
        yield Check(name="alarms", state="ok", says="none is raised")
    for alarm in raised:
        says = str(alarm.get("StateReason", ""))
        do = str(alarm.get("AlarmDescription") or "see docs/operations.md")
        yield Check(name=f"alarm {alarm['AlarmName']}", state="warn", says=says, do=do)
