"""The dry run of the detection rules over past days."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.integration.cli.conftest import Deployment
from tests.streams import call

FIRST = date(2026, 1, 5)
FALL = 30
"""Days of steady use before it falls."""


def use(deployment: Deployment, account: str, *counts: int) -> None:
    """So many events on each day from `FIRST` on."""
    for number, count in enumerate(counts):
        if count:
            day = FIRST + timedelta(days=number)
            content = call(
                f"{account}-{number}",
                timestamp=f"{day}T11:59:00Z",
                context={"groupId": account},
                properties={"count": count},
                _stemtide={"origin": "replay", "late_ok": True},
            )
            deployment.put(content, key=account)
    deployment.deliver()


def day(number: int) -> str:
    return (FIRST + timedelta(days=number)).isoformat()


def rule(past: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [one for one in past["rules"] if one["rule"] == name]
    return found


def test_it_tells_what_the_rules_would_have_found_and_writes_nothing(deployment: Deployment) -> None:
    use(deployment, "falls", *[20] * FALL, *[5] * 14)
    use(deployment, "steady", *[20] * (FALL + 14))
    before = deployment.cloud.accounts.scan()["Items"]

    past = deployment.run("detect", "--from", day(20), "--to", day(FALL + 13))

    assert deployment.cloud.accounts.scan()["Items"] == before
    assert (past["from"], past["to"], past["accounts"]) == (day(20), day(FALL + 13), 2)
    assert past["account_months"] == pytest.approx(2 * 24 / 30.4375, abs=0.01)
    [first, *more] = past["drops"]
    assert (first["account"], first["rule"], first["day"]) == ("falls", "events_down", day(FALL + 6))
    assert (first["before"], first["now"], first["change"]) == (140, 35, -0.75)
    assert more == []
    told = rule(past, "events_down")
    assert (told["drops"], told["accounts"]) == (len(past["drops"]), 1)
    assert told["per_account_month"] == pytest.approx(len(past["drops"]) / past["account_months"], rel=0.01)
    assert rule(past, "api_calls_down")["drops"] == 0


def test_one_account_may_be_looked_at(deployment: Deployment) -> None:
    use(deployment, "falls", *[20] * FALL, *[5] * 14)

    past = deployment.run("detect", "--from", day(20), "--to", day(FALL + 13), "--account", "nobody")

    assert (past["accounts"], past["account_months"], past["drops"]) == (1, 0, [])
    assert rule(past, "events_down")["per_account_month"] is None


def test_it_is_shown_to_people(deployment: Deployment) -> None:
    use(deployment, "falls", *[20] * FALL, *[5] * 14)

    shown = deployment.invoke("detect", "--from", day(20), "--to", day(FALL + 13))

    assert shown.exit_code == 0
    assert "nothing was written" in shown.output
    assert "falls" in shown.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "2026-01-02", "--to", "2026-01-01"), "--to is before --from"),
        (("--from", "2026-01-01", "--to", "2999-01-01"), "the last day that is over is"),
        (("--from", "2026-01-01", "--as-of", "2026-01-01"), "give one of them"),
        (("--to", "2026-01-01"), "give --from, too"),
        (("--account", "acme"), "give --from, too"),
    ],
)
def test_what_cannot_be_is_refused_with_the_remedy(
    deployment: Deployment, arguments: tuple[str, ...], said: str
) -> None:
    refused = deployment.invoke("detect", *arguments)

    assert (refused.exit_code, said in refused.output) == (2, True)
