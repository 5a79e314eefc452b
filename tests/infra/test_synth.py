"""The synth itself: needs no AWS, finds nothing, gives the same twice, and differs locally only as listed."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stemtide.config_errors import ConfigError

from infra import app, nag
from tests.infra.assemblies import ROOT, Synth, read_stacks, synth_to

OUTPUTS = {
    *(
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
    ),
    *(
        "ApiId",
        "ApiUrl",
        "UserPoolId",
        "UserPoolClientId",
        "WriteKeysSecret",
        "LinkKeysSecret",
        "AsyncDeadLetterQueue",
        "AlarmTopic",
    ),
    *("ModelBucket", "DetectFunction", "ScoreFunction", "SweepStateMachine"),
    "RecomputeStateMachine",
    *("DunningStateMachine", "DunningFunction", "EpisodesFunction"),
    *("BillingFactQueue", "BillingFactDeadLetterQueue"),
    *("WinBackStateMachine", "RetentionStateMachine", "PlaysFunction", "PlayEntryFunction"),
    *("PlayFactQueue", "PlayFactDeadLetterQueue"),
    *("DropQueue", "DropDeadLetterQueue"),
    *("LoginQueue", "LoginDeadLetterQueue"),
    *("BillingFunction", "WebhookSecret", "ProviderKeySecret"),
    *("SesEventsTopic", "MailFunction", "NoticeQueue", "NoticeDeadLetterQueue"),
}
LOCAL_DIFFERENCES = {
    "AWS::DynamoDB::Table": {"DeletionPolicy", "UpdateReplacePolicy", "Properties.DeletionProtectionEnabled"},
    "AWS::S3::Bucket": {"DeletionPolicy", "UpdateReplacePolicy"},
    "AWS::Kinesis::Stream": {"DeletionPolicy", "UpdateReplacePolicy"},
    "AWS::SQS::Queue": {"DeletionPolicy", "UpdateReplacePolicy"},
    "AWS::SecretsManager::Secret": {"DeletionPolicy", "UpdateReplacePolicy"},
    "AWS::Cognito::UserPool": {"DeletionPolicy", "UpdateReplacePolicy", "Properties.DeletionProtection"},
    "AWS::Cognito::UserPoolClient": {"Properties.AccessTokenValidity", "Properties.IdTokenValidity"},
    "AWS::Lambda::EventSourceMapping": {
        "Properties.MaximumBatchingWindowInSeconds",
        "Properties.ScalingConfig",
    },
    "AWS::Lambda::LayerVersion": {"Properties.Content"},
    "AWS::StepFunctions::StateMachine": {"Properties.DefinitionString"},
}


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    """A resource as path -> value, two levels deep: enough to name a property."""
    if isinstance(value, dict) and path.count(".") < 2:
        return {k: v for name, part in value.items() for k, v in leaves(part, f"{path}.{name}").items()}
    return {path.lstrip("."): value}


def test_the_outputs_have_the_agreed_names_each_once(synth: Synth) -> None:
    names = [n for t in synth.stacks.values() for n in t["Outputs"] if not n.startswith("ExportsOutput")]

    assert sorted(names) == sorted(OUTPUTS)


def test_no_finding_of_cdk_nag_is_left_and_the_accepted_are_counted(synth: Synth) -> None:
    report = json.loads((synth.folder / "validation-report.json").read_text())

    assert report["pluginReports"] == []
    assert re.search(r"cdk-nag: \d+ findings acknowledged", synth.said)


def test_every_accepted_finding_is_one_that_cdk_nag_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted: list[str] = []
    monkeypatch.setattr(nag, "acknowledge", lambda construct, rule, reason: accepted.append(rule))
    monkeypatch.setenv("CDK_VALIDATION", "false")

    with pytest.raises(RuntimeError, match="cdk-nag rule suppression"):
        synth_to(tmp_path / "out")

    report = json.loads((tmp_path / "out" / "validation-report.json").read_text())
    found = [
        v["ruleName"]
        for r in report["pluginReports"]
        for v in r["violations"]
        for _ in v["violatingConstructs"]
    ]
    assert sorted(found) == sorted(accepted)


def test_a_bad_company_file_stops_the_synth_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = tmp_path / "stemtide.toml"
    company.write_text('[company]\nname = "Example Inc."\ntime_zone = "Mars/Olympus"\ncurrency = "USD"\n')
    monkeypatch.setattr(app, "CONFIGURATION", company)

    with pytest.raises(ConfigError, match=r"stemtide\.toml:3: .*time_zone"):
        synth_to(tmp_path / "out")


def test_cfn_lint_has_nothing_to_say(synth: Synth) -> None:
    templates = sorted(map(str, synth.folder.glob("*.template.json")))

    answer = subprocess.run(
        [str(Path(sys.executable).with_name("cfn-lint")), *templates],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert len(templates) == 9
    assert answer.stdout + answer.stderr == ""
    assert answer.returncode == 0


def test_the_size_of_every_function_is_printed_and_far_below_the_limit(synth: Synth) -> None:
    sizes = dict(re.findall(r"size: (\w+)\s+([\d.]+) MB of 250 MB", synth.said))

    assert len(sizes) == len(synth.all("AWS::Lambda::Function"))
    # with a model's runtime; with DuckDB; with Stripe's client and the words of all languages
    larger = {"score": 120, "sweep": 120, "recompute": 150, "preferences": 120, "mail": 120}
    larger |= {"webhooks": 120, "billing": 120, "dunning": 120, "plays": 120}
    assert all(1 < float(sizes[name]) < larger.get(name, 80) for name in sizes)


def test_two_synths_give_the_same_templates_and_assets(synth: Synth, tmp_path: Path) -> None:
    again = synth_to(tmp_path / "out")

    for pattern in ("*.template.json", "*.assets.json"):
        first = {p.name: p.read_text() for p in synth.folder.glob(pattern)}
        assert first == {p.name: p.read_text() for p in again.glob(pattern)}


def test_nothing_of_this_machine_is_in_templates_or_layers(synth: Synth) -> None:
    files = [
        p for p in synth.folder.rglob("*") if p.is_file() and ("asset." in str(p) or "template" in p.name)
    ]

    assert [p for p in files if p.suffix == ".py"]
    assert not [p for p in files if str(ROOT).encode() in p.read_bytes()]
    assert not [p for p in files if "__pycache__" in p.parts or p.name in ("RECORD", "direct_url.json")]


def test_the_laptop_gets_the_same_stacks_but_for_the_listed_differences(synth: Synth, tmp_path: Path) -> None:
    local = read_stacks(synth_to(tmp_path / "out", target="local"))

    for name, template in synth.stacks.items():
        ours, theirs = template["Resources"], local[name]["Resources"]
        for logical in ours.keys() | theirs.keys():
            kind = ours.get(logical, theirs.get(logical))["Type"]
            if kind == "AWS::Lambda::LayerVersion":
                continue  # named by content, which is bundled for this interpreter
            here, there = leaves(ours[logical]), leaves(theirs[logical])
            changed = {path for path in here.keys() | there.keys() if here.get(path) != there.get(path)}
            changed -= {"Properties.Layers"} if kind == "AWS::Lambda::Function" else set()
            assert changed <= LOCAL_DIFFERENCES.get(kind, set()), logical
