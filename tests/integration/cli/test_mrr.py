"""`stemtide mrr` of a stack: what was streamed into it is told as the log itself tells it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.conftest import Deployment
from tests.streams import call

TERMS = """\
account_id,product,start_date,end_date,mrr,quantity,units,bill_period_months,discount
acme,basic_mthly,2024-01-31,,100.50,1,users,1,0
acme,basic_mthly,2024-02-29,,100.50,1,users,1,0
acme,premier_mthly,2024-03-31,,1200.00,1,users,1,0
acme,meetings,2024-02-10,,30.25,1,users,1,0
beta,basic_mthly,2024-01-05,,200.00,1,users,1,0
beta,basic_mthly,2024-03-20,,150.00,1,users,1,0
late,basic_mthly,2024-04-02,,70.00,1,users,1,0
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "subscriptions.csv").write_text(TERMS)
    (folder / "events.csv").write_text(
        "timestamp,account_id,user_id,event,value\n2024-01-31 10:00:00,acme,u,opened,1\n"
    )
    (folder / "accounts.csv").write_text("account_id,channel,country\nacme,web,US\nbeta,web,US\n")
    return folder


def group(message_id: str, account: str, *, days_ago: int = 0, **traits: Any) -> dict[str, Any]:
    at = (datetime.now(UTC) - timedelta(days=days_ago)).isoformat()
    fields = {"event": None, "context": None, "userId": None}
    return call(message_id, type="group", groupId=account, traits=traits, timestamp=at, **fields)


def test_a_stack_tells_what_the_log_tells_that_was_replayed(deployment: Deployment, log: Path) -> None:
    of_log = ("--mapping", "crm", "--data", str(log))
    deployment.run("replay", *of_log)
    deployment.deliver()

    for as_of in ("2024-02-20", "2024-03-31", "2024-04-02"):
        streamed = deployment.run("mrr", "--as-of", as_of)
        assert streamed == deployment.run("mrr", *of_log, "--as-of", as_of)
        assert streamed["currencies"][0]["months"][-1]["closing"] > 0


def test_without_an_instant_all_that_is_known_now_is_told(deployment: Deployment, log: Path) -> None:
    deployment.run("replay", "--mapping", "crm", "--data", str(log))
    deployment.deliver()

    found = deployment.run("mrr", "--from", "2024-01")

    [own] = found["currencies"]
    assert datetime.now(UTC) - datetime.fromisoformat(found["as_of"]) < timedelta(minutes=10)
    assert found["notes"] == []
    assert own["total"]["closing"] == 0
    assert own["total"]["customers"] == {
        "opening": 0,
        "new": 3,
        "churn": -4,
        "reactivation": 1,
        "transfer": 0,
        "closing": 0,
        "price_unknown": 0,
    }


def test_each_currency_is_told_to_its_own_minor_unit(deployment: Deployment) -> None:
    for number, (account, currency, mrr) in enumerate(
        [("yen", "JPY", 120_000), ("won", "KWD", 1_234_567), ("kronur", "ISK", 9_900), ("own", None, 5)]
    ):
        said = {"plan": "pro", "mrr": mrr} | ({} if currency is None else {"currency": currency})
        deployment.put(group(f"m-{number}", account, **said), key=account)
    deployment.deliver()

    found = deployment.run("mrr")
    shown = deployment.invoke("mrr").stdout

    told = {own["currency"]: (own["minor_digits"], own["total"]["closing"]) for own in found["currencies"]}
    assert told == {"ISK": (0, 9_900), "JPY": (0, 120_000), "KWD": (3, 1_234_567), "USD": (2, 5)}
    for money in ("120,000", "1,234.567", "9,900", "0.05"):
        assert f" {money} │" in shown


def test_an_account_billed_in_another_currency_is_transferred(deployment: Deployment) -> None:
    deployment.put(group("m-1", "acme", days_ago=5, plan="pro", mrr=10_000, currency="USD"))
    deployment.put(group("m-2", "acme", days_ago=1, mrr=9_000, currency="EUR"))
    deployment.deliver()

    found = {own["currency"]: own["total"] for own in deployment.run("mrr")["currencies"]}
    shown = deployment.invoke("mrr").stdout

    assert (found["USD"]["new"], found["USD"]["transfer"], found["USD"]["closing"]) == (10_000, -10_000, 0)
    assert (found["EUR"]["new"], found["EUR"]["transfer"], found["EUR"]["closing"]) == (0, 9_000, 9_000)
    assert (found["USD"]["customers"]["transfer"], found["EUR"]["customers"]["transfer"]) == (-1, 1)
    assert shown.count("transfer") == 4


def test_a_stack_that_was_never_told_of_a_subscription_says_what_to_send(deployment: Deployment) -> None:
    failed = deployment.run("mrr", expect=1)

    assert failed["error"] == "the stack was never told of a subscription"
    assert "--mapping" in failed["hint"]
