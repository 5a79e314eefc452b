"""Before a deployment: what is missing is said, with what to do; after it, stack.json describes it."""

import json
from pathlib import Path
from unittest.mock import Mock

import boto3
import pytest
from botocore.stub import Stubber
from stemtide_cli.stack import Stack

from infra.account import BOOTSTRAP_STACK, Account, AccountError, describe_stack, find_account
from tests.infra.test_synth import OUTPUTS

NOWHERE = {"region_name": "eu-central-1", "aws_access_key_id": "none", "aws_secret_access_key": "none"}


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A shell without any AWS setting."""
    for name in (
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


def pretend(monkeypatch: pytest.MonkeyPatch, *, stacks: list[str]) -> None:
    """An account with these stacks, answering as AWS does (botocore checks the shapes)."""
    sts = boto3.client("sts", **NOWHERE)
    cloudformation = boto3.client("cloudformation", **NOWHERE)
    with_identity, with_stacks = Stubber(sts), Stubber(cloudformation)
    with_identity.add_response("get_caller_identity", {"Account": "123456789012"})
    if BOOTSTRAP_STACK in stacks:
        with_stacks.add_response("describe_stacks", {"Stacks": []}, {"StackName": BOOTSTRAP_STACK})
    else:
        with_stacks.add_client_error("describe_stacks", "ValidationError", "Stack CDKToolkit does not exist")
    with_identity.activate()
    with_stacks.activate()
    session = Mock(
        region_name="eu-central-1", client={"sts": sts, "cloudformation": cloudformation}.__getitem__
    )
    monkeypatch.setattr(boto3, "Session", lambda: session)


def test_without_a_region_the_variable_is_named(shell: pytest.MonkeyPatch) -> None:
    with pytest.raises(AccountError, match="export AWS_REGION"):
        find_account(needs_bootstrap=True)


def test_without_credentials_the_ways_to_get_them_are_named(shell: pytest.MonkeyPatch) -> None:
    shell.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    with pytest.raises(AccountError, match="aws sso login"):
        find_account(needs_bootstrap=True)


def test_an_account_that_is_not_bootstrapped_is_told_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, stacks=[])

    with pytest.raises(AccountError, match=r"infra\.deploy bootstrap"):
        find_account(needs_bootstrap=True)


def test_a_bootstrapped_account_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, stacks=[BOOTSTRAP_STACK])

    account = find_account(needs_bootstrap=True)

    assert account == Account(id="123456789012", region="eu-central-1")


def test_the_command_line_reads_what_a_deployment_wrote(tmp_path: Path) -> None:
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps({"one": {name: f"the {name}" for name in OUTPUTS}, "two": {}}))

    written = describe_stack(outputs, Account(id="1", region="eu-central-1"), tmp_path / "stack.json")

    stack = Stack.load(written)
    assert not stack.is_local
    assert stack.tables["usage"] == "the UsageTable"
    assert stack.api_url == "the ApiUrl"
    assert stack.provider_key_secret == "the ProviderKeySecret"
    assert stack.write_key is None
