"""Features from the tables, where no token is stored."""

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


def test_an_account_of_which_nothing_arrived_is_named(deployment: Deployment) -> None:
    result = deployment.run("features", "nobody", expect=1)

    assert "'nobody'" in result["error"]
