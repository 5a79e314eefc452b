"""Where a local cloud lives, and what it tells scripts about itself."""

import json
from pathlib import Path

import pytest

from infra.local import stack_file
from infra.local.home import ROOT, Home
from infra.local.up import clock_scale_from_env
from payments.settings import Settings

OUTPUTS = {
    name: f"<{name}>"
    for name in [
        "EventStream",
        "EventBus",
        "ArchiveBucket",
        "DeadLetterBucket",
        "UsageTable",
        "AccountsTable",
        "IngestTable",
        "BillingTable",
        "ContactsTable",
        "EpisodesTable",
        "ApiId",
        "AsyncDeadLetterQueue",
        "DropQueue",
        "DropDeadLetterQueue",
        "LoginQueue",
        "LoginDeadLetterQueue",
        "NoticeQueue",
        "NoticeDeadLetterQueue",
        "SesEventsTopic",
        "MailFunction",
        "AlarmTopic",
        "ModelBucket",
        "SweepStateMachine",
        "RecomputeStateMachine",
        *("DunningStateMachine", "DunningFunction", "EpisodesFunction"),
        *("BillingFactQueue", "BillingFactDeadLetterQueue"),
        *("WinBackStateMachine", "RetentionStateMachine", "PlaysFunction", "PlayEntryFunction"),
        *("PlayFactQueue", "PlayFactDeadLetterQueue"),
        "DetectFunction",
        "ScoreFunction",
        "BillingFunction",
    ]
}
PAYMENTS = Settings(port=4600, database="payments.sqlite", api_key="sk_test_k", webhook_secret="whsec_s")
CONTRACT_KEYS = {
    "endpoint_url",
    "region",
    "event_stream",
    "event_bus",
    "buckets",
    "tables",
    "queues",
    "topics",
    "state_machines",
    "functions",
    "config_path",
    "api_url",
    "api_tokens",
    "write_key",
    "clock_scale",
    "mailbox_url",
    "slack_url",
    "slack_signing_secret",
    "payments_url",
    "payments_api_key",
    "webhook_secrets",
    "ws_url",
    "dashboard_url",
}


def _home(folder: Path) -> Home:
    return Home(folder=folder, port=4599)


def test_stack_json_has_exactly_the_keys_of_the_contract(tmp_path: Path) -> None:
    content = stack_file.describe(
        _home(tmp_path),
        outputs=OUTPUTS,
        tokens={"admin": "t"},
        write_key="k",
        clock_scale=60,
        payments=PAYMENTS,
    )

    assert set(content) == CONTRACT_KEYS
    assert content["event_stream"] == "<EventStream>"
    assert content["api_url"] == "http://127.0.0.1:4599/_aws/execute-api/<ApiId>"
    assert content["mailbox_url"] == "http://127.0.0.1:4599/_stemtide/mailbox"
    assert (content["payments_url"], content["payments_api_key"]) == ("http://127.0.0.1:4600", "sk_test_k")
    assert content["webhook_secrets"] == {"stripe": "whsec_s"}


def test_outputs_of_all_stacks_are_read_as_one(tmp_path: Path) -> None:
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps({"A": {"EventStream": "s"}, "B": {"ApiId": "a"}}))

    outputs = stack_file.read_outputs(path)

    assert outputs == {"EventStream": "s", "ApiId": "a"}


def test_stack_json_is_replaced_whole_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "stack.json"

    stack_file.write_atomically(path, {"write_key": "old"})
    stack_file.write_atomically(path, {"write_key": "new"})

    assert json.loads(path.read_text()) == {"write_key": "new"}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["stack.json"]


def test_folder_and_port_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STEMTIDE_LOCAL_DIR", str(tmp_path / "here"))
    monkeypatch.setenv("STEMTIDE_PORT", "4700")

    home = Home.from_env()

    assert home == Home(folder=tmp_path / "here", port=4700)


def test_an_empty_folder_in_the_environment_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEMTIDE_LOCAL_DIR", "")

    assert Home.from_env().folder == ROOT / "build" / "local"


@pytest.mark.parametrize("port", ["", "http", "80", "70000", "-1"])
def test_an_impossible_port_is_refused(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("STEMTIDE_PORT", port)

    with pytest.raises(SystemExit, match="give a port between 1024 and 65535"):
        Home.from_env()


@pytest.mark.parametrize(("text", "scale"), [("1", 1.0), ("86400", 86400.0), ("0.5", 0.5)])
def test_the_clock_scale_is_a_positive_number(
    monkeypatch: pytest.MonkeyPatch, text: str, scale: float
) -> None:
    monkeypatch.setenv("CLOCK_SCALE", text)

    assert clock_scale_from_env() == scale


@pytest.mark.parametrize("text", ["0", "-3", "fast", "nan", "inf"])
def test_an_impossible_clock_scale_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CLOCK_SCALE", text)

    with pytest.raises(SystemExit, match="give a positive number"):
        clock_scale_from_env()
