"""`stack.json`: what scripts need to know of a deployed local stack, by the names of the contract."""

import json
from pathlib import Path
from typing import Any

from infra.bundling import CONFIGURATION
from infra.local.home import REGION, Home
from payments.settings import Settings as PaymentSettings


def describe(
    home: Home,
    *,
    outputs: dict[str, str],
    tokens: dict[str, str],
    write_key: str,
    clock_scale: float,
    payments: PaymentSettings,
) -> dict[str, Any]:
    """The content of stack.json; null for what does not exist (yet).

    Args:
        outputs: the CloudFormation outputs of all stacks by name.
        tokens: bearer tokens by role.
        clock_scale: model seconds per real second.
        payments: the local payment provider.
    """
    return {
        "endpoint_url": home.endpoint,
        "region": REGION,
        "event_stream": outputs["EventStream"],
        "event_bus": outputs["EventBus"],
        "buckets": {
            "archive": outputs["ArchiveBucket"],
            "dead_letters": outputs["DeadLetterBucket"],
            "models": outputs["ModelBucket"],
        },
        "tables": {
            "usage": outputs["UsageTable"],
            "accounts": outputs["AccountsTable"],
            "ingest": outputs["IngestTable"],
            "billing": outputs["BillingTable"],
            "contacts": outputs["ContactsTable"],
            "episodes": outputs["EpisodesTable"],
        },
        "queues": {
            "drops": outputs["DropQueue"],
            "async_dead_letters": outputs["AsyncDeadLetterQueue"],
            "drop_dead_letters": outputs["DropDeadLetterQueue"],
            "logins": outputs["LoginQueue"],
            "login_dead_letters": outputs["LoginDeadLetterQueue"],
            "notices": outputs["NoticeQueue"],
            "notice_dead_letters": outputs["NoticeDeadLetterQueue"],
            "billing_facts": outputs["BillingFactQueue"],
            "billing_fact_dead_letters": outputs["BillingFactDeadLetterQueue"],
            "play_facts": outputs["PlayFactQueue"],
            "play_fact_dead_letters": outputs["PlayFactDeadLetterQueue"],
        },
        "topics": {"alarms": outputs["AlarmTopic"], "ses_events": outputs["SesEventsTopic"]},
        "state_machines": {
            "sweep": outputs["SweepStateMachine"],
            "recompute": outputs["RecomputeStateMachine"],
            "dunning": outputs["DunningStateMachine"],
            "win_back": outputs["WinBackStateMachine"],
            "retention": outputs["RetentionStateMachine"],
        },
        "functions": {
            "detect": outputs["DetectFunction"],
            "score": outputs["ScoreFunction"],
            "billing": outputs["BillingFunction"],
            "mail": outputs["MailFunction"],
            "dunning": outputs["DunningFunction"],
            "episodes": outputs["EpisodesFunction"],
            "plays": outputs["PlaysFunction"],
            "play_entry": outputs["PlayEntryFunction"],
        },
        "config_path": str(CONFIGURATION),
        "api_url": f"{home.endpoint}/_aws/execute-api/{outputs['ApiId']}",
        "api_tokens": tokens,
        "write_key": write_key,
        "clock_scale": clock_scale,
        "mailbox_url": f"{home.endpoint}/_stemtide/mailbox",
        "slack_url": None,
        "slack_signing_secret": None,
        "payments_url": f"http://127.0.0.1:{payments.port}",
        "payments_api_key": payments.api_key,
        "webhook_secrets": {"stripe": payments.webhook_secret},
        "ws_url": None,
        "dashboard_url": None,
    }


def read_outputs(path: Path) -> dict[str, str]:
    """The outputs of all stacks as one mapping, from the file that `cdk deploy --outputs-file` writes."""
    by_stack: dict[str, dict[str, str]] = json.loads(path.read_text())
    return {name: value for outputs in by_stack.values() for name, value in outputs.items()}


def write_atomically(path: Path, content: dict[str, Any]) -> None:
    """Readers see the old file or the new one; only its owner can (it holds tokens)."""
    fresh = path.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(content, indent=2) + "\n")
    fresh.replace(path)
