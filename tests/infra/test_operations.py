"""What goes wrong is heard of: alarms, their topic, the dashboard."""

import json
import re
from typing import Any

import pytest
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from stemtide.delivery.mail_metrics import PAUSED_CAMPAIGNS, UNKNOWN_MAILS, count
from stemtide.delivery.model_metrics import tell_refused
from stemtide.refusals import Refusal

from infra.constructs.balance_check import METRICS, NOT_COMPARED, UNBALANCED
from tests.infra.assemblies import ROOT, Synth

FUNCTIONS = (
    *("ingest", "api", "aggregate", "archive", "dead_letters", "balance"),
    *("profile", "detect", "publish", "score", "sweep", "recompute", "mail", "notices"),
    *("webhooks", "stripe_events", "billing", "announce"),
    *("plays", "play_entry", "stops", "tasks"),
)
CONSUMERS = ("aggregate", "archive", "profile", "detect", "publish", "billing", "announce", "stops", "tasks")


def alarm(synth: Synth, description: str) -> dict[str, Any]:
    [found] = [p for p in synth.properties("AWS::CloudWatch::Alarm") if description in p["AlarmDescription"]]
    return found


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_failing_function_raises_an_alarm(synth: Synth, name: str) -> None:
    found = alarm(synth, f"the {name} function failed")

    assert (found["Namespace"], found["MetricName"], found["Statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    assert (found["Threshold"], found["ComparisonOperator"]) == (0, "GreaterThanThreshold")


@pytest.mark.parametrize("name", CONSUMERS)
def test_a_consumer_that_falls_behind_or_loses_a_batch_raises_an_alarm(synth: Synth, name: str) -> None:
    behind = alarm(synth, f"{name} is behind the stream")
    lost = alarm(synth, f"a batch {name} gave up could not be stored")

    assert (behind["MetricName"], behind["Statistic"], behind["Threshold"]) == (
        "IteratorAge",
        "Maximum",
        900_000,
    )
    assert (lost["MetricName"], lost["Threshold"]) == ("DestinationDeliveryFailures", 0)


@pytest.mark.parametrize("name", CONSUMERS)
def test_a_consumer_that_is_throttled_without_a_pause_raises_an_alarm(synth: Synth, name: str) -> None:
    found = alarm(synth, f"{name} is not let run")

    assert (found["Namespace"], found["MetricName"], found["Statistic"]) == ("AWS/Lambda", "Throttles", "Sum")
    assert (found["Threshold"], found["EvaluationPeriods"], found["Period"]) == (0, 3, 300)


def test_dead_letters_of_both_kinds_raise_an_alarm(synth: Synth) -> None:
    batches = alarm(synth, "dead-letter bucket")
    waiting = alarm(synth, "is in the dead-letter queue")

    assert (batches["MetricName"], batches["Threshold"]) == ("Invocations", 0)
    assert (waiting["MetricName"], waiting["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)


@pytest.mark.parametrize("what", ["a drop of use", "a login"])
def test_what_waits_for_its_score_or_was_given_up_raises_an_alarm(synth: Synth, what: str) -> None:
    waiting = alarm(synth, f"{what} waits for its score")
    given_up = alarm(synth, f"{what} was given up without a score")

    assert (waiting["MetricName"], waiting["Threshold"]) == ("ApproximateAgeOfOldestMessage", 900)
    assert (given_up["MetricName"], given_up["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)
    assert given_up["Dimensions"] != waiting["Dimensions"]


@pytest.mark.parametrize(
    ("meaning", "metric"),
    [
        ("nobody knows whether mails were sent", UNKNOWN_MAILS),
        ("a campaign of mails was paused", PAUSED_CAMPAIGNS),
    ],
)
def test_what_mails_must_be_heard_of_raises_an_alarm(
    synth: Synth, capsys: pytest.CaptureFixture[str], meaning: str, metric: str
) -> None:
    count(METRICS, metric, 1)

    line = json.loads(capsys.readouterr().out)
    found = alarm(synth, meaning)
    [written] = line["_aws"]["CloudWatchMetrics"]
    assert (found["Namespace"], found["MetricName"]) == (written["Namespace"], written["Metrics"][0]["Name"])
    assert (found["Threshold"], found["Statistic"]) == (0, "Sum")


def test_notices_that_wait_or_were_given_up_raise_an_alarm(synth: Synth) -> None:
    waiting = alarm(synth, "a notice of SES waits")
    given_up = alarm(synth, "a notice of SES was given up")

    assert (waiting["MetricName"], waiting["Threshold"]) == ("ApproximateAgeOfOldestMessage", 900)
    assert (given_up["MetricName"], given_up["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)


def test_events_that_do_not_balance_raise_an_alarm_and_so_does_silence_of_the_check(synth: Synth) -> None:
    unbalanced = alarm(synth, "events are not accounted for")
    silent = alarm(synth, "no result of the balance check")

    assert (unbalanced["Threshold"], unbalanced["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert (silent["Statistic"], silent["TreatMissingData"]) == ("SampleCount", "breaching")
    assert (silent["Threshold"], silent["ComparisonOperator"]) == (1, "LessThanThreshold")


def test_a_lane_that_is_not_compared_for_three_hours_raises_an_alarm(synth: Synth) -> None:
    found = alarm(synth, "the balance of a shard could not be checked")

    assert (found["Threshold"], found["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert (found["EvaluationPeriods"], found["Period"]) == (3, 3600)
    assert (found["Statistic"], found["TreatMissingData"]) == ("Maximum", "ignore")


def test_a_refused_model_raises_an_alarm_that_lasts_until_somebody_finds_all_well(synth: Synth) -> None:
    """Functions write a zero, too; where none looks, nothing is better."""
    found = alarm(synth, "a promoted model is refused")

    assert (found["Threshold"], found["ComparisonOperator"]) == (0, "GreaterThanThreshold")
    assert (found["Statistic"], found["TreatMissingData"]) == ("Maximum", "ignore")
    assert found["AlarmName"].endswith("-model-refused")


def test_the_alarm_on_refused_models_watches_the_metric_as_functions_write_it(
    synth: Synth, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_refused(METRICS)([Refusal("v2", "damaged", "v1")])

    line = json.loads(capsys.readouterr().out)
    [written] = line["_aws"]["CloudWatchMetrics"]
    watched = alarm(synth, "a promoted model is refused")
    assert (written["Namespace"], written["Metrics"][0]["Name"], line["RefusedModel"]) == (
        watched["Namespace"],
        watched["MetricName"],
        [1],
    )
    assert written["Dimensions"] == [[]]
    assert "Dimensions" not in watched


@pytest.mark.parametrize("function", ["score", "sweep"])
def test_whoever_loads_models_tells_the_same_namespace_of_refusals(synth: Synth, function: str) -> None:
    _, found = synth.function(function)

    assert found["Environment"]["Variables"]["METRIC_NAMESPACE"] == METRICS


@pytest.mark.parametrize(
    ("name", "description"),
    [
        (UNBALANCED, "events are not accounted for"),
        (NOT_COMPARED, "the balance of a shard could not be checked"),
    ],
)
def test_the_balance_alarms_watch_the_metric_as_powertools_writes_it(
    synth: Synth, capsys: pytest.CaptureFixture[str], name: str, description: str
) -> None:
    metrics = Metrics(namespace=METRICS)
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=0)
    metrics.flush_metrics()

    [written] = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
    watched = alarm(synth, description)
    assert (written["Namespace"], written["Metrics"][0]["Name"]) == (
        watched["Namespace"],
        watched["MetricName"],
    )
    assert written["Dimensions"] == [[]]
    assert "Dimensions" not in watched


def test_a_nightly_run_that_fails_or_never_ends_raises_an_alarm(synth: Synth) -> None:
    failed = alarm(synth, "did not score every account")
    missing = alarm(synth, "no nightly run came to its end")

    assert (failed["Namespace"], failed["MetricName"]) == ("AWS/States", "ExecutionsFailed")
    assert failed["Threshold"] == 0
    assert (missing["MetricName"], missing["Statistic"]) == ("SweptAccounts", "SampleCount")
    assert missing["Period"] * missing["EvaluationPeriods"] == 30 * 3600
    assert missing["TreatMissingData"] == "breaching"


def test_a_night_that_its_gate_keeps_back_raises_an_alarm(synth: Synth) -> None:
    tripped = alarm(synth, "the quality gate kept a night from being scored")

    assert (tripped["Namespace"], tripped["MetricName"]) == ("Stemtide", "TrippedGates")
    assert (tripped["Statistic"], tripped["Threshold"]) == ("Maximum", 0)
    assert tripped["TreatMissingData"] == "notBreaching"
    assert "Dimensions" not in tripped


def test_a_recompute_that_leaves_items_behind_or_never_ends_raises_an_alarm(synth: Synth) -> None:
    failed = alarm(synth, "did not set every item right")
    missing = alarm(synth, "no recompute came to its end")

    assert (failed["Namespace"], failed["MetricName"]) == ("AWS/States", "ExecutionsFailed")
    assert "stemtide-recompute" in json.dumps(failed["Dimensions"])
    assert (missing["MetricName"], missing["Statistic"]) == ("RecomputedItems", "SampleCount")
    assert missing["Period"] * missing["EvaluationPeriods"] == 30 * 3600
    assert missing["TreatMissingData"] == "breaching"


def test_server_errors_of_the_api_raise_an_alarm(synth: Synth) -> None:
    found = alarm(synth, "the HTTP API answers 5xx")

    assert (found["Namespace"], found["MetricName"]) == ("AWS/ApiGateway", "5xx")


def test_every_alarm_tells_its_start_and_its_end(synth: Synth) -> None:
    for found in synth.properties("AWS::CloudWatch::Alarm"):
        assert found["AlarmActions"] == found["OKActions"]
        assert "AlarmsTopic" in json.dumps(found["AlarmActions"])


def test_alarms_have_the_names_that_the_operations_guide_explains(synth: Synth) -> None:
    guide = (ROOT / "docs" / "operations.md").read_text()
    explained = re.findall(
        r"^\| `(…?[a-z-]+)` \|", guide.partition("## When an alarm comes")[2], re.MULTILINE
    )

    names = [p["AlarmName"].removeprefix("stemtide-") for p in synth.properties("AWS::CloudWatch::Alarm")]

    assert len(set(names)) == len(names)
    for name in names:
        assert [e for e in explained if name == e or (e[0] == "…" and name.endswith(e[1:]))], name


def test_the_alarm_topic_is_encrypted_with_a_key_that_cloudwatch_may_use(synth: Synth) -> None:
    [topic] = [t for name, t in synth.all("AWS::SNS::Topic").items() if name.startswith("AlarmsTopic")]
    [key] = [k["Properties"] for n, k in synth.all("AWS::KMS::Key").items() if n.startswith("AlarmsKey")]

    assert topic["Properties"]["KmsMasterKeyId"]
    users = [s["Principal"].get("Service") for s in key["KeyPolicy"]["Statement"]]
    assert "cloudwatch.amazonaws.com" in users
    assert key["EnableKeyRotation"] is True


def test_the_dashboard_shows_every_alarm(synth: Synth) -> None:
    [board] = synth.properties("AWS::CloudWatch::Dashboard")

    text = json.dumps(board["DashboardBody"])
    for logical in synth.all("AWS::CloudWatch::Alarm"):
        assert logical in text
