"""Mails out of one function through one configuration set, and what is told of them back into one queue."""

import json
from pathlib import Path
from typing import Any

from tests.infra.assemblies import Synth, read_stacks, synth_to
from tests.infra.test_functions import as_list, statements


def told(value: Any) -> str:
    return json.dumps(value)


def test_what_a_mail_comes_to_is_told_to_the_topic_and_to_the_default_bus(synth: Synth) -> None:
    [made] = synth.properties("AWS::SES::ConfigurationSet")
    destinations = {
        one["EventDestination"]["Name"]: one["EventDestination"]
        for one in synth.properties("AWS::SES::ConfigurationSetEventDestination")
    }

    assert made["Name"] == "stemtide"
    assert set(destinations) == {"topic", "bus"}
    for one in destinations.values():
        assert one["Enabled"] is True
        assert {"BOUNCE", "COMPLAINT", "DELIVERY", "SEND"} <= set(one["MatchingEventTypes"])
    assert "SesEvents" in told(destinations["topic"]["SnsDestination"])
    assert ":event-bus/default" in told(destinations["bus"]["EventBridgeDestination"])


def test_only_ses_of_this_account_may_publish_notices(synth: Synth) -> None:
    [(logical, _)] = [(name, p) for name, p in synth.all("AWS::SNS::Topic").items() if "SesEvents" in name]
    [policy] = [p for p in synth.properties("AWS::SNS::TopicPolicy") if p["Topics"] == [{"Ref": logical}]]

    allowed = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]
    assert [s["Principal"] for s in allowed] == [{"Service": "ses.amazonaws.com"}]
    assert allowed[0]["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert synth.all("AWS::SNS::Topic")[logical]["Properties"]["KmsMasterKeyId"]


def test_both_ways_lead_into_one_queue_with_dead_letters(synth: Synth) -> None:
    [subscription] = synth.properties("AWS::SNS::Subscription")
    [rule] = [
        p for p in synth.properties("AWS::Events::Rule") if p["EventPattern"] == {"source": ["aws.ses"]}
    ]

    [target] = rule["Targets"]
    assert subscription["Protocol"] == "sqs"
    assert subscription["Endpoint"] == target["Arn"]
    assert "EventBusName" not in rule  # the default one
    assert target["DeadLetterConfig"]["Arn"] != target["Arn"]
    queue = synth.all("AWS::SQS::Queue")[target["Arn"]["Fn::GetAtt"][0]]["Properties"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == target["DeadLetterConfig"]["Arn"]
    [mapping] = [
        p for p in synth.properties("AWS::Lambda::EventSourceMapping") if p["EventSourceArn"] == target["Arn"]
    ]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_mails_are_sent_by_one_function_as_the_configured_sender_only(synth: Synth) -> None:
    names = [p["FunctionName"].removeprefix("stemtide-") for p in synth.properties("AWS::Lambda::Function")]
    senders = {
        name: told(statement["Resource"])
        for name in names
        for statement in statements(synth, name.replace("-", "_"))
        if "ses:SendEmail" in as_list(statement["Action"])
    }

    assert set(senders) == {"mail"}
    for part in ("identity/example.com", "identity/hello@example.com", "configuration-set/stemtide"):
        assert f':{part}"' in senders["mail"].replace('\\"', '"')


def test_claims_that_nobody_confirmed_are_looked_for_every_five_minutes(synth: Synth) -> None:
    [schedule] = [p for p in synth.properties("AWS::Scheduler::Schedule") if p["Name"] == "unconfirmed"]

    assert schedule["ScheduleExpression"] == "cron(*/5 * * * ? *)"
    assert json.loads(schedule["Target"]["Input"])["job"] == "unconfirmed"


def test_an_identity_that_the_account_has_is_left_alone(synth: Synth, tmp_path: Path) -> None:
    [made] = synth.properties("AWS::SES::EmailIdentity")

    stacks = read_stacks(synth_to(tmp_path / "out", create_mail_identity="false"))

    assert made["EmailIdentity"] == "example.com"
    kinds = {r["Type"] for template in stacks.values() for r in template["Resources"].values()}
    assert "AWS::SES::ConfigurationSet" in kinds
    assert "AWS::SES::EmailIdentity" not in kinds
