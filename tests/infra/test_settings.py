"""Deployment settings: where they come from, and what a wrong one is told."""

import pytest
from stemtide.config_schema import Ingest

from infra.config import LOCAL, Deployment, SettingError, check_retention, load


def test_an_account_gets_the_defaults_and_what_cdk_json_changes() -> None:
    deployment = load({"deployment": {"alarm_mail": "ops@example.com", "architecture": "arm64"}})

    assert deployment == Deployment(alarm_mail="ops@example.com", architecture="arm64")


def test_the_command_line_goes_before_cdk_json() -> None:
    deployment = load({"deployment": {"stuck_minutes": 30}, "stuck_minutes": "5"})

    assert deployment.stuck_minutes == 5


def test_a_laptop_gets_the_listed_differences_and_none_of_an_accounts_settings() -> None:
    deployment = load({"target": "local", "deployment": {"aggregate_window_s": 60}, "clock": "5/7/3600.0"})

    assert deployment == Deployment(**LOCAL, clock="5/7/3600.0")


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ({"target": "moon"}, "target is 'moon': give aws or local"),
        ({"deployment": {"alarm_mial": "x"}}, "context.deployment.alarm_mial is not one of"),
        ({"architecture": "sparc"}, "architecture is 'sparc': it may be x86_64 or arm64"),
        ({"stuck_minutes": "soon"}, "stuck_minutes is 'soon': not a int"),
        ({"keep_data": "perhaps"}, "keep_data is 'perhaps': give true or false"),
        ({"aggregate_window_s": "301"}, "aggregate_window_s is 301: it may be 0-300 seconds"),
        ({"name": "Acme"}, "name is 'Acme': it may be 2-20 of a-z"),
        ({"name": "1st"}, "name is '1st': it may be 2-20 of a-z"),
        ({"name": "acme-"}, "name is 'acme-': it may be 2-20 of a-z"),
        ({"native_layers": "true"}, "native_layers is True: it may be false in an AWS account"),
        ({"dead_letter_retention_days": "0"}, "dead_letter_retention_days is 0: it may be 1-36500"),
        ({"noncurrent_version_days": "0"}, "noncurrent_version_days is 0: it may be 1-36500"),
        ({"requests_per_second": "0"}, "requests_per_second is 0: it may be 1 or more"),
        ({"payments_url": "http://127.0.0.1:1"}, "it may be empty in an AWS account"),
        ({"api_address": "http://api.acme.com"}, "api_address is 'http://api.acme.com': it may be empty, or"),
        ({"api_address": "https://api.acme.com/"}, "api_address is 'https://api.acme.com/': it may be empty"),
        ({"clock": "0/0/2.0"}, "clock is '0/0/2.0': it may be 0/0/1.0 in an AWS account"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_and_what_may_be(
    context: dict[str, object], told: str
) -> None:
    with pytest.raises(SettingError, match=told.replace(".", r"\.")):
        load(context)


def test_row_22_the_defaults_keep_usage_for_longer_than_anything_may_change_it() -> None:
    check_retention(load({}), Ingest())
    check_retention(load({"target": "local"}), Ingest())


@pytest.mark.parametrize(
    ("deployment", "ingest", "told"),
    [
        (
            Deployment(stream_retention_days=220),
            Ingest(),
            "usage_retention_days is 400, but a record may be counted 400 days after its event",
        ),
        (
            Deployment(stream_retention_days=7, dead_letter_retention_days=100),
            Ingest(max_lateness_days=180, usage_retention_days=187),
            "usage_retention_days is 187, but a record may be counted 187 days after its event",
        ),
        (
            Deployment(dead_letter_retention_days=400),
            Ingest(),
            "usage_retention_days is 400, but a dead letter may be put back for 400 days",
        ),
    ],
)
def test_row_22_usage_that_expires_before_what_may_change_it_is_refused(
    deployment: Deployment, ingest: Ingest, told: str
) -> None:
    with pytest.raises(SettingError, match=told):
        check_retention(deployment, ingest)
