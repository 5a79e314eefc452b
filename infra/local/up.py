"""`make up`: the local cloud running, with the real stacks deployed to it. Safe to repeat."""

import json
import os
import time
from collections.abc import Callable
from typing import Any

import boto3

from infra.deploy import bootstrap, deploy_stacks
from infra.local import (
    emulator_process,
    payment_secrets,
    payments_process,
    people,
    preflight,
    stack_file,
)
from infra.local.clock import clock_of
from infra.local.home import ROOT, Home
from payments.settings import Settings as PaymentSettings

Say = Callable[[str], None]
WEBHOOK_PATH = "/v1/webhooks/stripe"


def up(home: Home, *, clock_scale: float, say: Say) -> dict[str, Any]:
    """Start what is not running, deploy what has changed, write stack.json; returns its content.

    Raises:
        PreflightError: the machine is not ready.
        DeployError: the CDK command line failed; the message names its log.
    """
    preflight.check_node()
    _ensure_running(home, say)
    env = home.aws_env()
    if not _bootstrapped(env):
        say("preparing the account for deployments (cdk bootstrap)")
        bootstrap(env, log=home.folder / "bootstrap.log")
    clock = clock_of(home.clock_file, scale=clock_scale, real_ms=time.time_ns() // 1_000_000)
    payments = payments_process.prepared(home, clock)
    say("deploying the stacks with the CDK command line")
    deploy_stacks(
        env,
        target="local",
        outputs_file=home.outputs_file,
        assembly=home.folder / "cdk.out",
        context={
            "clock": str(clock),
            "payments_url": payments.url,
            "api_address": f"{home.endpoint}/_aws/execute-api/{{api}}",
        },
        say=say,
    )
    outputs = stack_file.read_outputs(home.outputs_file)
    payment_secrets.provision(
        _client(env, "secretsmanager"),
        outputs=outputs,
        signing_secret=payments.webhook_secret,
        api_key=payments.api_key,
    )
    say("issuing one token per role")
    content = _describe(home, env, clock_scale, payments)
    payments_process.ensure_running(
        home, payments, webhook_url=f"{content['api_url']}{WEBHOOK_PATH}", say=say
    )
    _flush(home)
    stack_file.write_atomically(home.stack_file, content)
    return content


def _ensure_running(home: Home, say: Say) -> None:
    if emulator_process.healthy(home):
        say(f"the emulator is already running at {home.endpoint}")
        return
    preflight.check_disk(home.folder)
    if emulator_process.stop(home):
        say("stopped an emulator that did not answer")
    preflight.check_port(home.port)
    kept = " (its data is kept)" if (home.folder / "state").exists() else ""
    say(f"starting the emulator at {home.endpoint}{kept}")
    emulator_process.start(home)


def _client(env: dict[str, str], service: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
    )


def _bootstrapped(env: dict[str, str]) -> bool:
    cloudformation = _client(env, "cloudformation")
    stacks = cloudformation.list_stacks(StackStatusFilter=["CREATE_COMPLETE", "UPDATE_COMPLETE"])
    return any(s["StackName"] == "CDKToolkit" for s in stacks["StackSummaries"])


def _describe(
    home: Home, env: dict[str, str], clock_scale: float, payments: PaymentSettings
) -> dict[str, Any]:
    outputs = stack_file.read_outputs(home.outputs_file)
    secret = _client(env, "secretsmanager").get_secret_value(SecretId=outputs["WriteKeysSecret"])
    return stack_file.describe(
        home,
        outputs=outputs,
        tokens=people.issue_tokens(
            _client(env, "cognito-idp"),
            user_pool_id=outputs["UserPoolId"],
            client_id=outputs["UserPoolClientId"],
        ),
        write_key=json.loads(secret["SecretString"])["current"],
        clock_scale=clock_scale,
        payments=payments,
    )


def _flush(home: Home) -> None:
    emulator_process.post(home, "/_stemtide/flush")


def clock_scale_from_env() -> float:
    """`CLOCK_SCALE`: model seconds per real second, default 1.

    Raises:
        SystemExit: it is not a positive number.
    """
    text = os.environ.get("CLOCK_SCALE", "1")
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0 < scale < float("inf"):
        raise SystemExit(f"CLOCK_SCALE is {text!r}: give a positive number (model seconds per real second)")
    return scale


def shown(path: os.PathLike[str]) -> str:
    """A path as a person in the project's folder would type it."""
    return os.path.relpath(path, ROOT)
