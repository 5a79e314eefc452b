"""How the payment provider's events come in, and who may do what with them."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra import app
from tests.infra.assemblies import ROOT, Synth, read_stacks, synth_to
from tests.infra.test_functions import as_list, statements


def test_the_provider_works_off_new_and_handed_on_events_only(synth: Synth) -> None:
    logical, _ = synth.function("billing")

    [mapping] = [
        p
        for p in synth.properties("AWS::Lambda::EventSourceMapping")
        if p["FunctionName"] == {"Ref": logical}
    ]
    [filtered] = mapping["FilterCriteria"]["Filters"]
    assert json.loads(filtered["Pattern"]) == {
        "eventName": ["INSERT", "MODIFY"],
        "dynamodb": {
            "Keys": {"pk": {"S": [{"prefix": "event#"}]}},
            "NewImage": {"open_state": {"S": ["pending"]}},
        },
    }
    assert mapping["BatchSize"] == 25


def test_events_of_the_provider_on_the_bus_reach_their_function_or_are_kept(synth: Synth) -> None:
    logical, _ = synth.function("stripe_events")

    rules = synth.properties("AWS::Events::Rule")
    [rule] = [one for one in rules if "aws.partner" in json.dumps(one["EventPattern"])]
    [target] = rule["Targets"]
    assert rule["EventPattern"] == {"source": [{"prefix": "aws.partner/stripe.com"}]}
    assert target["Arn"] == {"Fn::GetAtt": [logical, "Arn"]}
    assert "AsyncQueue" in json.dumps(target["DeadLetterConfig"])
    [may] = [
        p for p in synth.properties("AWS::Lambda::Permission") if p["Principal"] == "events.amazonaws.com"
    ]
    assert may["FunctionName"] == target["Arn"]


def test_a_partner_bus_is_followed_when_it_is_named(tmp_path: Path) -> None:
    bus = "aws.partner/stripe.com/ed_1"

    stacks = read_stacks(synth_to(tmp_path / "out", stripe_event_bus=bus))

    rules = resources(stacks["stemtide-billing"], "AWS::Events::Rule")
    assert bus in [rule["EventBusName"] for rule in rules]
    policies = resources(stacks["stemtide-pipeline"], "AWS::SQS::QueuePolicy")
    assert f":rule/{bus}/*" in json.dumps(policies)


def test_without_a_provider_nothing_is_scheduled_and_no_alarm_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    company = tmp_path / "stemtide.toml"
    text = (ROOT / "stemtide.toml").read_text()
    company.write_text(text.replace('provider = "stripe"', 'provider = "none"'))
    monkeypatch.setattr(app, "CONFIGURATION", company)

    stacks = read_stacks(synth_to(tmp_path / "out"))

    assert resources(stacks["stemtide-billing"], "AWS::Scheduler::Schedule") == []
    [plays] = [
        one
        for one in resources(stacks["stemtide-plays"], "AWS::Lambda::Function")
        if one["FunctionName"] == "stemtide-plays"
    ]
    assert plays["Environment"]["Variables"]["PROVIDER_KEY_SECRET"] == ""
    assert "secretsmanager:GetSecretValue" not in json.dumps(stacks["stemtide-plays"])
    alarms = resources(stacks["stemtide-operations"], "AWS::CloudWatch::Alarm")
    assert not [
        one for one in alarms if "stemtide-billing-" in one["AlarmName"] and "events" in one["AlarmName"]
    ]


@pytest.mark.parametrize("name", ["webhooks", "stripe_events"])
def test_whoever_claims_events_may_write_to_no_other_table(synth: Synth, name: str) -> None:
    touched = [
        json.dumps(resource)
        for statement in statements(synth, name)
        for resource in as_list(statement["Resource"])
        if "dynamodb:PutItem" in as_list(statement["Action"])
    ]

    assert len(touched) == 1
    assert "Billing" in touched[0]


def test_each_secret_is_read_by_one_function(synth: Synth) -> None:
    readers: dict[str, set[str]] = {}
    for name in ("ingest", "webhooks", "billing", "stripe_events", "announce"):
        for statement in statements(synth, name):
            if "secretsmanager:GetSecretValue" in as_list(statement["Action"]):
                readers.setdefault(json.dumps(statement["Resource"]), set()).add(name)

    assert sorted(map(sorted, readers.values())) == [["billing"], ["ingest"], ["webhooks"]]


def test_a_reconcile_that_never_ends_and_events_that_wait_raise_an_alarm(synth: Synth) -> None:
    alarms = {p["AlarmName"]: p for p in synth.properties("AWS::CloudWatch::Alarm")}

    silent = alarms["stemtide-billing-not-reconciled"]
    assert (silent["MetricName"], silent["Statistic"], silent["TreatMissingData"]) == (
        "BillingEventsMissed",
        "SampleCount",
        "breaching",
    )
    assert alarms["stemtide-billing-events-overdue"]["MetricName"] == "BillingEventsOverdue"
    assert alarms["stemtide-billing-events-failed"]["MetricName"] == "BillingEventsFailed"


def resources(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one["Properties"] for one in template["Resources"].values() if one["Type"] == kind]
