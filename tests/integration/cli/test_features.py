"""Features from the tables, where no token is stored."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from stemtide.as_of import parse_as_of
from stemtide_cli.features import from_tables
from stemtide_cli.history import history_of

from tests.integration.cli.backfills import arguments, empty, write_log
from tests.integration.cli.conftest import Deployment
from tests.streams import call


def sent(deployment: Deployment) -> None:
    late_ok = {"origin": "replay", "late_ok": True}
    for number, day in enumerate(("2026-03-03", "2026-03-10")):
        deployment.put(call(f"m-{number}", timestamp=f"{day}T11:59:00Z", _stemtide=late_ok))
    deployment.deliver()


def test_features_are_read_from_the_tables(deployment: Deployment) -> None:
    sent(deployment)

    found = deployment.run("features", "acme", "--as-of", "2026-03-14")

    shown = {feature["name"]: feature["value"] for feature in found["features"]}
    assert (found["account"], found["as_of"]) == ("acme", "2026-03-14T23:59:59.999Z")
    assert (shown["days_since_last_event"], shown["history_days"], shown["active_days_14d"]) == (4, 12, 2)
    assert shown["mrr"] is None
    shares = {source["source"]: source["completeness"] for source in found["sources"]}
    assert 0 < shares["stream"] < 1
    assert shares["billing"] == 0


def test_features_are_shown_in_words(deployment: Deployment) -> None:
    sent(deployment)

    result = deployment.invoke("features", "acme", "--as-of", "2026-03-14")

    assert result.exit_code == 0
    assert "not used for 4 days" in result.stdout
    assert "monthly recurring revenue is unknown" in result.stdout
    assert "not connected" in result.stdout


def test_the_calendars_first_year_is_an_instant_like_any(deployment: Deployment) -> None:
    sent(deployment)

    found = deployment.run("features", "acme", "--as-of", "0001-06-01")

    assert {feature["name"]: feature["value"] for feature in found["features"]}["history_days"] == 0


def test_an_account_of_which_nothing_arrived_is_named(deployment: Deployment) -> None:
    result = deployment.run("features", "nobody", expect=1)

    assert "'nobody'" in result["error"]


def test_days_that_have_expired_come_from_the_history(deployment: Deployment, tmp_path: Path) -> None:
    deployment.run(*arguments(write_log(tmp_path / "log")))
    stack, as_of_ms = deployment.stack, parse_as_of("2023-03-04")
    before = from_tables(stack, "org-3", as_of_ms)["features"]

    empty(deployment.cloud.usage)

    assert from_tables(stack, "org-3", as_of_ms, history=True)["features"] == before
    known = {feature["name"]: feature["value"] for feature in before}
    assert known["users_30d"] > 1
    assert known["history_days"] == 4


def test_the_history_is_asked_once_it_is_older_than_what_the_table_keeps(
    deployment: Deployment, tmp_path: Path
) -> None:
    deployment.run(*arguments(write_log(tmp_path / "log")))
    history, now = history_of(deployment.stack), datetime.now(UTC)

    assert history.outlives_the_table("org-3", now + timedelta(days=1))
    assert not history.outlives_the_table("org-3", now - timedelta(days=1))
