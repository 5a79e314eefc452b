"""Functions: runtime, logs, settings, what each may do, and how the stream reaches them."""

import json
from typing import Any

import pytest
from stemtide import limits, settings
from stemtide.contact_events import STOPPING

from tests.infra.assemblies import Synth

SETTINGS = {
    "ingest": settings.IngestSettings,
    "api": settings.ApiSettings,
    "preferences": settings.PreferencesSettings,
    "aggregate": settings.AggregateSettings,
    "archive": settings.ArchiveSettings,
    "dead_letters": settings.DeadLettersSettings,
    "balance": settings.BalanceSettings,
    "profile": settings.ProfileSettings,
    "detect": settings.DetectSettings,
    "mail": settings.MailSettings,
    "notices": settings.NoticesSettings,
    "publish": settings.PublishSettings,
    "score": settings.ScoreSettings,
    "sweep": settings.SweepSettings,
    "recompute": settings.RecomputeSettings,
    "webhooks": settings.WebhooksSettings,
    "stripe_events": settings.StripeEventsSettings,
    "billing": settings.BillingSettings,
    "announce": settings.PublishSettings,
    "dunning": settings.DunningSettings,
    "episodes": settings.EpisodesSettings,
    "plays": settings.PlaysSettings,
    "play_entry": settings.PlayEntrySettings,
    "stops": settings.PublishSettings,
    "tasks": settings.PublishSettings,
}
WITH_INFERENCE = {"score", "sweep"}
"""Those that load a model have a third layer."""
WITH_HISTORY = {"recompute"}
"""So has the one that writes Parquet."""
WITH_OUTREACH = {"webhooks", "billing", "preferences", "mail", "dunning", "plays"}
"""And those that speak to the payment provider, or write letters and pages."""
LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
READ_STREAM = {
    "kinesis:DescribeStream",
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
}
READ_TABLE_STREAM = {
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}
GIVE_UP = {"s3:ListBucket", "s3:PutObject"}
LOOK_AT_STREAM = {
    "kinesis:DescribeStreamSummary",
    "kinesis:GetRecords",
    "kinesis:GetShardIterator",
    "kinesis:ListShards",
}
MAY = {
    "ingest": LOG | {"kinesis:PutRecords", "secretsmanager:GetSecretValue"},
    "api": LOG | {"dynamodb:GetItem", "dynamodb:Query", "s3:GetObject"},
    "preferences": LOG
    | {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "secretsmanager:GetSecretValue"},
    "aggregate": LOG
    | READ_STREAM
    | GIVE_UP
    | {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
    | {"kinesis:PutRecords"},
    "archive": LOG | READ_STREAM | GIVE_UP | {"dynamodb:GetItem", "dynamodb:PutItem"},
    "dead_letters": LOG
    | {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "s3:GetObject", "sqs:SendMessage"}
    | {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"},
    "balance": LOG
    | {"dynamodb:PutItem", "dynamodb:Query", "sqs:SendMessage"}
    | {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"},
    "profile": LOG
    | READ_TABLE_STREAM
    | GIVE_UP
    | {"dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem", "sqs:SendMessage"},
    "detect": LOG
    | READ_TABLE_STREAM
    | GIVE_UP
    | {"dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"}
    | {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
    | LOOK_AT_STREAM,
    "mail": LOG
    | {"dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem"}
    | {"dynamodb:Query", "dynamodb:UpdateItem", "secretsmanager:GetSecretValue"}
    | {"ses:SendEmail", "ses:SendRawEmail"}
    | {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"},
    "notices": LOG
    | {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"}
    | {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    | {"sqs:ReceiveMessage", "sqs:SendMessage"},
    "publish": LOG
    | READ_TABLE_STREAM
    | GIVE_UP
    | {"dynamodb:PutItem", "events:PutEvents", "sqs:SendMessage"},
    "score": LOG
    | {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PutItem"}
    | {"dynamodb:Query", "dynamodb:UpdateItem"}
    | {"s3:GetObject", "s3:ListBucket", "s3:PutObject"}
    | {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    | {"sqs:ReceiveMessage", "sqs:SendMessage"},
    "sweep": LOG
    | {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"}
    | {"s3:GetObject", "s3:ListBucket", "s3:PutObject"}
    | LOOK_AT_STREAM,
    "recompute": LOG
    | {"dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"}
    | {"dynamodb:Query", "dynamodb:UpdateItem"}
    | {"s3:GetObject", "s3:ListBucket", "s3:PutObject"},
    "webhooks": LOG | {"dynamodb:PutItem", "secretsmanager:GetSecretValue"},
    "stripe_events": LOG
    | {"dynamodb:PutItem", "sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"},
    "dunning": LOG
    | {
        "dynamodb:DeleteItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "lambda:InvokeFunction",
        "secretsmanager:GetSecretValue",
        "states:SendTaskSuccess",
    },
    "episodes": LOG
    | {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
    | {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "sqs:GetQueueUrl",
        "sqs:SendMessage",
        "states:DescribeExecution",
        "states:SendTaskSuccess",
        "states:StartExecution",
    },
    "plays": LOG
    | {
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "lambda:InvokeFunction",
        "secretsmanager:GetSecretValue",
        "states:SendTaskSuccess",
    },
    "play_entry": LOG
    | {"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
    | {
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "sqs:GetQueueUrl",
        "sqs:SendMessage",
        "states:DescribeExecution",
        "states:SendTaskSuccess",
        "states:StartExecution",
    },
    "billing": LOG
    | READ_TABLE_STREAM
    | GIVE_UP
    | {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"}
    | {"secretsmanager:GetSecretValue"}
    | {"sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"},
    "announce": LOG
    | READ_TABLE_STREAM
    | GIVE_UP
    | {"dynamodb:PutItem", "events:PutEvents", "sqs:SendMessage"},
    **dict.fromkeys(
        ("stops", "tasks"),
        LOG | READ_TABLE_STREAM | GIVE_UP | {"dynamodb:PutItem", "events:PutEvents", "sqs:SendMessage"},
    ),
}
"""Every action of each function's role: a new one is a decision, so it is written here too."""


def statements(synth: Synth, name: str) -> list[dict[str, Any]]:
    _, function = synth.function(name)
    role = function["Role"]["Fn::GetAtt"][0]
    return [
        statement
        for policy in synth.properties("AWS::IAM::Policy")
        if {"Ref": role} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_there_is_a_function_for_every_settings_class(synth: Synth) -> None:
    names = {p["FunctionName"].removeprefix("stemtide-") for p in synth.properties("AWS::Lambda::Function")}

    assert names == {name.replace("_", "-") for name in SETTINGS}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_function_runs_the_configured_python_with_its_layers(synth: Synth, name: str) -> None:
    _, function = synth.function(name)

    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["x86_64"]
    assert function["Handler"] == "handler.handler"
    assert len(function["Layers"]) == 2 + sum(
        name in those for those in (WITH_INFERENCE, WITH_HISTORY, WITH_OUTREACH)
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_a_function_gets_exactly_the_environment_its_settings_read(synth: Synth, name: str) -> None:
    _, function = synth.function(name)

    expected = {field.upper() for field in SETTINGS[name].__dataclass_fields__}
    assert set(function["Environment"]["Variables"]) == expected


@pytest.mark.parametrize("name", SETTINGS)
def test_a_function_logs_to_its_own_group_which_forgets(synth: Synth, name: str) -> None:
    _, function = synth.function(name)

    group = synth.all("AWS::Logs::LogGroup")[function["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]
    assert group["LogGroupName"] == f"/aws/lambda/{function['FunctionName']}"
    assert group["RetentionInDays"] == 30


@pytest.mark.parametrize("name", SETTINGS)
def test_a_function_has_a_role_of_its_own_that_may_do_only_what_is_listed(synth: Synth, name: str) -> None:
    granted = statements(synth, name)

    actions = {action for statement in granted for action in as_list(statement["Action"])}
    assert actions == MAY[name]


def test_no_role_is_shared_and_none_has_a_managed_policy(synth: Synth) -> None:
    roles = [json.dumps(p["Role"]) for p in synth.properties("AWS::Lambda::Function")]

    assert len(set(roles)) == len(roles)
    assert not [p for p in synth.properties("AWS::IAM::Role") if p.get("ManagedPolicyArns")]


def test_no_statement_of_any_role_has_a_wildcard_action_or_every_resource(synth: Synth) -> None:
    granted = [s for p in synth.properties("AWS::IAM::Policy") for s in p["PolicyDocument"]["Statement"]]

    assert granted
    for statement in granted:
        assert not [action for action in as_list(statement["Action"]) if "*" in action]
        assert "*" not in as_list(statement["Resource"])


def test_only_the_recompute_has_the_layer_of_the_history(synth: Synth) -> None:
    [layer] = [
        logical
        for logical, found in synth.all("AWS::Lambda::LayerVersion").items()
        if found["Properties"]["Description"] == "Stemtide: history"
    ]

    holders = {
        p["FunctionName"] for p in synth.properties("AWS::Lambda::Function") if {"Ref": layer} in p["Layers"]
    }

    assert holders == {"stemtide-recompute"}


def test_the_page_of_mail_preferences_may_change_addresses_and_add_to_timelines_only(synth: Synth) -> None:
    on_rows = {
        tuple(as_list(s["Action"])): s.get("Condition")
        for s in statements(synth, "preferences")
        if "dynamodb:" in as_list(s["Action"])[0]
    }

    def partitions(beginning: str) -> dict[str, object]:
        return {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": [beginning]}}

    assert on_rows == {
        ("dynamodb:GetItem", "dynamodb:UpdateItem"): partitions("address#*"),
        ("dynamodb:PutItem",): partitions("account#*"),
    }


def test_the_recompute_may_only_add_to_the_history(synth: Synth) -> None:
    granted = {
        json.dumps(resource).rpartition('"/')[2].rstrip('"]}'): set(as_list(statement["Action"]))
        for statement in statements(synth, "recompute")
        for resource in as_list(statement["Resource"])
        if "s3:" in as_list(statement["Action"])[0]
    }

    assert granted["history/rows/*"] == {"s3:PutObject"}
    assert granted["raw/*"] == {"s3:GetObject"}
    assert {key for key in granted if key.endswith("*")} == {"history/rows/*", "raw/*", "recomputes/*"}


def test_the_read_side_may_query_the_indexes_that_it_lists_by_and_no_other(synth: Synth) -> None:
    resources = [json.dumps(r) for s in statements(synth, "api") for r in as_list(s["Resource"])]

    indexes = [resource.rpartition("/index/")[2] for resource in resources if "/index/" in resource]
    assert sorted(name.rstrip('"]}') for name in indexes) == ["by_account", "by_csm", "by_day", "by_risk"]


@pytest.mark.parametrize(("name", "window", "answers"), [("aggregate", 10, True), ("archive", 60, False)])
def test_a_consumer_of_the_stream_retries_within_bounds_and_keeps_what_it_gives_up(
    synth: Synth, name: str, window: int, *, answers: bool
) -> None:
    logical, _ = synth.function(name)

    [mapping] = [
        p
        for p in synth.properties("AWS::Lambda::EventSourceMapping")
        if p["FunctionName"] == {"Ref": logical}
    ]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BatchSize"] == limits.MAX_BATCH_RECORDS
    assert mapping["MaximumBatchingWindowInSeconds"] == window
    assert mapping["ParallelizationFactor"] == 1
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == limits.MAX_RETRIES
    assert mapping["MaximumRecordAgeInSeconds"] == limits.MAX_RECORD_AGE.total_seconds()
    assert (mapping.get("FunctionResponseTypes") == ["ReportBatchItemFailures"]) is answers
    assert "DeadLettersBucket" in json.dumps(mapping["DestinationConfig"]["OnFailure"]["Destination"])


def test_the_profiles_read_new_facts_of_the_accounts_table_only(synth: Synth) -> None:
    logical, _ = synth.function("profile")

    [mapping] = [
        p
        for p in synth.properties("AWS::Lambda::EventSourceMapping")
        if p["FunctionName"] == {"Ref": logical}
    ]
    [pattern] = [json.loads(one["Pattern"]) for one in mapping["FilterCriteria"]["Filters"]]
    assert pattern == {"eventName": ["INSERT"], "dynamodb": {"Keys": {"item": {"S": [{"prefix": "fact#"}]}}}}
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BatchSize"] == limits.MAX_BATCH_CHANGES
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == limits.MAX_RETRIES
    assert mapping["MaximumRecordAgeInSeconds"] == limits.MAX_CHANGE_AGE.total_seconds()
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "DeadLettersBucket" in json.dumps(mapping["DestinationConfig"]["OnFailure"]["Destination"])


def test_the_dead_letter_bucket_notifies_its_function_natively(synth: Synth) -> None:
    logical, _ = synth.function("dead_letters")

    [bucket] = [r for n, r in synth.all("AWS::S3::Bucket").items() if n.startswith("DeadLettersBucket")]
    [notice] = bucket["Properties"]["NotificationConfiguration"]["LambdaConfigurations"]
    assert notice == {"Event": "s3:ObjectCreated:*", "Function": {"Fn::GetAtt": [logical, "Arn"]}}
    [permission] = [name for name in bucket["DependsOn"] if name in synth.all("AWS::Lambda::Permission")]
    granted = synth.all("AWS::Lambda::Permission")[permission]["Properties"]
    assert granted["Principal"] == "s3.amazonaws.com"
    assert granted["SourceAccount"] == {"Ref": "AWS::AccountId"}


@pytest.mark.parametrize("name", ["dead_letters", "balance", "detect", "billing", "stripe_events"])
def test_an_invocation_nobody_waits_for_ends_in_the_queue_with_its_payload(synth: Synth, name: str) -> None:
    logical, _ = synth.function(name)

    [config] = [
        p for p in synth.properties("AWS::Lambda::EventInvokeConfig") if p["FunctionName"] == {"Ref": logical}
    ]
    assert "AsyncQueue" in json.dumps(config["DestinationConfig"]["OnFailure"])
    assert config["MaximumRetryAttempts"] == 2


SCHEDULES = {
    "unconfirmed": "cron(*/5 * * * ? *)",
    "balance": "cron(7 * * * ? *)",
    "billing": "cron(23 * * * ? *)",
    "detect": "cron(30 * * * ? *)",
    "recompute": "cron(15 1 * * ? *)",
    "sweep": "cron(30 2 * * ? *)",
    "episodes": "cron(41 * * * ? *)",
    "plays": "cron(53 * * * ? *)",
}


def test_there_is_no_schedule_but_these(synth: Synth) -> None:
    assert {p["Name"] for p in synth.properties("AWS::Scheduler::Schedule")} == set(SCHEDULES)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_in_utc_with_bounded_retries(synth: Synth, name: str) -> None:
    [schedule] = [p for p in synth.properties("AWS::Scheduler::Schedule") if p["Name"] == name]

    assert schedule["ScheduleExpression"] == SCHEDULES[name]
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    target = schedule["Target"]
    assert json.loads(target["Input"]) == {"job": name, "scheduled_at": "<aws.scheduler.scheduled-time>"}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 3600, "MaximumRetryAttempts": 10}
    assert "AsyncQueue" in json.dumps(target["DeadLetterConfig"])


@pytest.mark.parametrize("name", ["balance", "detect", "billing"])
def test_an_hourly_schedule_invokes_its_function(synth: Synth, name: str) -> None:
    logical, _ = synth.function(name)

    [schedule] = [p for p in synth.properties("AWS::Scheduler::Schedule") if p["Name"] == name]
    assert schedule["Target"]["Arn"] == {"Fn::GetAtt": [logical, "Arn"]}


@pytest.mark.parametrize(
    ("name", "window"),
    [("detect", 5), ("publish", 0), ("billing", 1), *((name, 0) for name in ("announce", "stops", "tasks"))],
)
def test_a_consumer_of_a_table_retries_within_bounds_and_keeps_what_it_gives_up(
    synth: Synth, name: str, window: int
) -> None:
    logical, _ = synth.function(name)

    [mapping] = [
        p
        for p in synth.properties("AWS::Lambda::EventSourceMapping")
        if p["FunctionName"] == {"Ref": logical}
    ]
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["MaximumBatchingWindowInSeconds"] == window
    assert mapping["BisectBatchOnFunctionError"] is True
    assert mapping["MaximumRetryAttempts"] == limits.MAX_RETRIES
    assert mapping["MaximumRecordAgeInSeconds"] == limits.MAX_CHANGE_AGE.total_seconds()
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert "DeadLettersBucket" in json.dumps(mapping["DestinationConfig"]["OnFailure"]["Destination"])


def queue(synth: Synth, beginning: str) -> tuple[str, dict[str, Any]]:
    """A queue by the beginning of its logical name."""
    [found] = [
        (name, resource["Properties"])
        for name, resource in synth.all("AWS::SQS::Queue").items()
        if name.startswith(beginning)
    ]
    return found


def test_a_drop_on_the_bus_goes_to_the_queue_or_is_kept(synth: Synth) -> None:
    logical, _ = queue(synth, "DropsQueue")

    rules = synth.properties("AWS::Events::Rule")
    [rule] = [one for one in rules if "UsageDropDetected" in json.dumps(one["EventPattern"])]
    [target] = rule["Targets"]
    assert rule["EventPattern"] == {
        "source": ["stemtide"],
        "detail-type": ["UsageDropDetected", "UsageDropDetected.shadow"],
    }
    assert target["Arn"] == {"Fn::GetAtt": [logical, "Arn"]}
    assert "AsyncQueue" in json.dumps(target["DeadLetterConfig"])
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 21600, "MaximumRetryAttempts": 20}


@pytest.mark.parametrize(("name", "at_once"), [("Drops", 10), ("Logins", 5)])
def test_the_scorer_works_a_queue_off_in_batches_message_by_message_and_beside_the_other(
    synth: Synth, name: str, at_once: int
) -> None:
    logical, function = synth.function("score")
    source, held = queue(synth, f"{name}Queue")
    given_up, _ = queue(synth, f"{name}GivenUp")

    [mapping] = [
        p
        for p in synth.properties("AWS::Lambda::EventSourceMapping")
        if p["FunctionName"] == {"Ref": logical} and p["EventSourceArn"] == {"Fn::GetAtt": [source, "Arn"]}
    ]
    assert (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"]) == (50, 3)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": at_once}
    assert held["VisibilityTimeout"] >= 6 * function["Timeout"]
    assert held["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": [given_up, "Arn"]},
        "maxReceiveCount": 10,
    }


def test_every_queue_is_encrypted_refuses_plain_http_and_holds_messages_for_two_weeks(synth: Synth) -> None:
    guarded = [p for p in synth.properties("AWS::SQS::QueuePolicy") if "SecureTransport" in json.dumps(p)]

    queues = synth.all("AWS::SQS::Queue")
    assert {p["Queues"][0]["Ref"] for p in guarded} == set(queues)
    for found in queues.values():
        assert found["Properties"]["SqsManagedSseEnabled"] is True
        assert found["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_only_the_rules_of_the_bus_may_put_something_into_the_queues(synth: Synth) -> None:
    statements = {
        p["Queues"][0]["Ref"]: s
        for p in synth.properties("AWS::SQS::QueuePolicy")
        for s in p["PolicyDocument"]["Statement"]
        if s.get("Principal") == {"Service": "events.amazonaws.com"}
    }

    drops, _ = queue(synth, "DropsQueue")
    undeliverable, _ = queue(synth, "AsyncQueue")
    notices = [queue(synth, name)[0] for name in ("MailNoticesQueue", "MailNoticesGivenUp")]
    billed, _ = queue(synth, "DunningFactsQueue")
    told, _ = queue(synth, "PlaysFactsQueue")
    assert set(statements) == {drops, undeliverable, billed, told, *notices}
    assert {s["Action"] for s in statements.values()} == {"sqs:SendMessage"}
    assert "DropsOnDrop" in json.dumps(statements[drops]["Condition"]["ArnEquals"]["aws:SourceArn"])
    assert "FactsOnBilling" in json.dumps(statements[billed]["Condition"]["ArnEquals"]["aws:SourceArn"])
    assert "FactsOnCustomers" in json.dumps(statements[told]["Condition"]["ArnEquals"]["aws:SourceArn"])
    for one in notices:
        assert "OnTheBus" in json.dumps(statements[one]["Condition"]["ArnEquals"]["aws:SourceArn"])
    any_rule = json.dumps(statements[undeliverable]["Condition"]["ArnLike"]["aws:SourceArn"])
    assert ":rule/stemtide/*" in any_rule


def test_the_detector_sees_new_days_that_are_not_backfilled_changes_of_days_that_are_over_and_logins(
    synth: Synth,
) -> None:
    logical, _ = synth.function("detect")

    [mapping] = [
        p
        for p in synth.properties("AWS::Lambda::EventSourceMapping")
        if p["FunctionName"] == {"Ref": logical}
    ]
    patterns = [json.loads(one["Pattern"]) for one in mapping["FilterCriteria"]["Filters"]]
    unmarked = {"NewImage": {"backfilled": {"BOOL": [{"exists": False}]}}}
    over = {"NewImage": {"late": {"BOOL": [True]}}}
    login = {"NewImage": {"login": {"N": [{"exists": True}]}}}
    assert patterns == [
        {"eventName": ["INSERT"], "dynamodb": unmarked},
        {"dynamodb": over},
        {"dynamodb": login},
    ]


def test_only_the_detector_puts_logins_into_their_queue(synth: Synth) -> None:
    logins, _ = queue(synth, "LoginsQueue")
    target = {"Fn::GetAtt": [logins, "Arn"]}

    def sends(name: str) -> bool:
        return any(
            "sqs:SendMessage" in as_list(s["Action"]) and target in as_list(s["Resource"])
            for s in statements(synth, name)
        )

    assert [name for name in ("detect", "score", "publish", "aggregate") if sends(name)] == ["detect"]


def filters(synth: Synth, name: str) -> list[dict[str, Any]]:
    """What of a table's stream a function gets."""
    logical, _ = synth.function(name)
    [mapping] = [
        p
        for p in synth.properties("AWS::Lambda::EventSourceMapping")
        if p["FunctionName"] == {"Ref": logical}
    ]
    return [json.loads(one["Pattern"]) for one in mapping["FilterCriteria"]["Filters"]]


def test_of_the_contacts_only_new_notes_of_what_stops_mail_are_published(synth: Synth) -> None:
    [pattern] = filters(synth, "stops")

    assert pattern["eventName"] == ["INSERT"]
    assert pattern["dynamodb"]["Keys"] == {"sk": {"S": [{"prefix": "sent#"}]}}
    assert pattern["dynamodb"]["NewImage"] == {"kind": {"S": list(STOPPING)}}


def test_of_the_episodes_only_new_tasks_are_published(synth: Synth) -> None:
    assert filters(synth, "tasks") == [
        {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"task": {"S": [{"exists": True}]}}}}
    ]


def test_plays_hear_of_ends_begins_risks_and_stops_through_a_queue(synth: Synth) -> None:
    logical, _ = queue(synth, "PlaysFactsQueue")

    rules = synth.properties("AWS::Events::Rule")
    [rule] = [one for one in rules if "ContactStopped" in json.dumps(one["EventPattern"])]
    [target] = rule["Targets"]
    assert rule["EventPattern"] == {
        "source": ["stemtide"],
        "detail-type": ["SubscriptionCanceled", "SubscriptionStarted", "RiskTierChanged", "ContactStopped"],
    }
    assert target["Arn"] == {"Fn::GetAtt": [logical, "Arn"]}
    assert "AsyncQueue" in json.dumps(target["DeadLetterConfig"])
