"""The AWS account a deployment goes to, and what is known of it afterwards."""

import json
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError

BOOTSTRAP_STACK = "CDKToolkit"


class AccountError(RuntimeError):
    """The account cannot be used yet; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where the credentials of this shell lead."""

    id: str
    region: str

    def env(self) -> dict[str, str]:
        """The variables that tell the CDK command line the same."""
        return {"CDK_DEFAULT_ACCOUNT": self.id, "CDK_DEFAULT_REGION": self.region, "AWS_REGION": self.region}


def find_account(*, needs_bootstrap: bool) -> Account:
    """The account and region of the credentials in this shell.

    Raises:
        AccountError: no region, no valid credentials, or (if needed) not bootstrapped.
    """
    session = boto3.Session()
    if not session.region_name:
        raise AccountError("no AWS region is set: export AWS_REGION=eu-central-1 (or yours) and run again")
    if session.get_credentials() is None:
        raise AccountError(
            "no AWS credentials were found: run `aws sso login` and export AWS_PROFILE, "
            "or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, then run again (docs/operations.md)"
        )
    try:
        account = Account(
            id=session.client("sts").get_caller_identity()["Account"], region=session.region_name
        )
        if needs_bootstrap and not _bootstrapped(session):
            raise AccountError(
                f"account {account.id} is not prepared for CDK in {account.region}: "
                "run `.venv/bin/python -m infra.deploy bootstrap` once"
            )
    except (BotoCoreError, ClientError) as error:
        raise AccountError(f"AWS refused or could not be reached: {error}") from error
    return account


def _bootstrapped(session: boto3.Session) -> bool:
    try:
        session.client("cloudformation").describe_stacks(StackName=BOOTSTRAP_STACK)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # CloudFormation's word for "no such stack"
            return False
        raise
    return True


def describe_stack(outputs_file: Path, account: Account, target: Path) -> Path:
    """Write what the `stemtide` command line needs of a deployment; no keys, no tokens. Returns `target`."""
    by_stack = json.loads(outputs_file.read_text())
    out = {name: value for outputs in by_stack.values() for name, value in outputs.items()}
    target.write_text(
        json.dumps(
            {
                "endpoint_url": None,
                "region": account.region,
                "event_stream": out["EventStream"],
                "event_bus": out["EventBus"],
                "buckets": {
                    "archive": out["ArchiveBucket"],
                    "dead_letters": out["DeadLetterBucket"],
                    "models": out["ModelBucket"],
                },
                "tables": {
                    "usage": out["UsageTable"],
                    "accounts": out["AccountsTable"],
                    "ingest": out["IngestTable"],
                    "billing": out["BillingTable"],
                    "contacts": out["ContactsTable"],
                    "episodes": out["EpisodesTable"],
                },
                "queues": {
                    "drops": out["DropQueue"],
                    "async_dead_letters": out["AsyncDeadLetterQueue"],
                    "drop_dead_letters": out["DropDeadLetterQueue"],
                    "logins": out["LoginQueue"],
                    "login_dead_letters": out["LoginDeadLetterQueue"],
                    "notices": out["NoticeQueue"],
                    "notice_dead_letters": out["NoticeDeadLetterQueue"],
                    "billing_facts": out["BillingFactQueue"],
                    "billing_fact_dead_letters": out["BillingFactDeadLetterQueue"],
                    "play_facts": out["PlayFactQueue"],
                    "play_fact_dead_letters": out["PlayFactDeadLetterQueue"],
                },
                "topics": {"alarms": out["AlarmTopic"], "ses_events": out["SesEventsTopic"]},
                "state_machines": {
                    "sweep": out["SweepStateMachine"],
                    "recompute": out["RecomputeStateMachine"],
                    "dunning": out["DunningStateMachine"],
                    "win_back": out["WinBackStateMachine"],
                    "retention": out["RetentionStateMachine"],
                },
                "functions": {
                    "detect": out["DetectFunction"],
                    "score": out["ScoreFunction"],
                    "billing": out["BillingFunction"],
                    "mail": out["MailFunction"],
                    "dunning": out["DunningFunction"],
                    "episodes": out["EpisodesFunction"],
                    "plays": out["PlaysFunction"],
                    "play_entry": out["PlayEntryFunction"],
                },
                "api_url": out["ApiUrl"],
                "user_pool_id": out["UserPoolId"],
                "user_pool_client_id": out["UserPoolClientId"],
                "write_keys_secret": out["WriteKeysSecret"],
                "provider_key_secret": out["ProviderKeySecret"],
            },
            indent=2,
        )
        + "\n"
    )
    return target
