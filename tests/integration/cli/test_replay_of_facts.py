"""Terms and traits of a log through the stream and the real consumers: each once, none of them usage."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from stemtide.store.counters import read_counters
from stemtide.store.records import Records
from stemtide.store.usage import read_days
from stemtide_cli import packing, replaying, sender

from tests.integration.cli.conftest import Deployment

ACCOUNTS = [f"org-{i}" for i in range(6)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Six accounts with four monthly terms each, the last of two of them not renewed."""
    folder = tmp_path / "log"
    folder.mkdir()
    events = "".join(f"2023-03-{day:02} 10:00:00,{org},u,opened,1\n" for org in ACCOUNTS for day in (1, 9))
    (folder / "events.csv").write_text("timestamp,account_id,user_id,event,value\n" + events)
    terms = "account_id,product,start_date,end_date,mrr,quantity,units,bill_period_months,discount\n"
    for number, org in enumerate(ACCOUNTS):
        for month in range(1, 5 if number > 1 else 3):
            terms += f"{org},basic_mthly,2023-{month:02}-05,2030-01-01,200.0,10,users,1,0\n"
    (folder / "subscriptions.csv").write_text(terms)
    (folder / "accounts.csv").write_text(
        "account_id,channel,country\n" + "".join(f"{org},web,US\n" for org in ACCOUNTS)
    )
    return folder


def arguments(log: Path, *more: str) -> tuple[str, ...]:
    return ("replay", "--mapping", "crm", "--data", str(log), *more)


FACTS = 6 + 4 * 4 + 2 * 2 + 2
"""Traits, renewed terms, those of who left, and their ends."""


def test_facts_are_sent_beside_the_rows_and_counted_apart(deployment: Deployment, log: Path) -> None:
    sent = deployment.run(*arguments(log))
    again = deployment.run(*arguments(log))

    assert (sent["rows"], sent["sent"], sent["facts"]) == (12, 12, {"sent": FACTS, "skipped": {}})
    assert (again["rows"], again["facts"]) == (0, {"sent": 0, "skipped": {}})


def test_from_and_until_hold_for_facts_too(deployment: Deployment, log: Path) -> None:
    february = deployment.run(*arguments(log, "--from", "2023-02-01", "--until", "2023-02-28"))
    rest = deployment.run(*arguments(log))

    assert (february["sent"], february["facts"]["sent"]) == (0, 6)
    assert february["facts"]["sent"] + rest["facts"]["sent"] == FACTS


@pytest.mark.parametrize("is_written", [True, False])
def test_a_replay_killed_among_its_facts_sends_each_once(
    deployment: Deployment,
    log: Path,
    faulty: Callable[[Callable[..., Any]], None],
    monkeypatch: pytest.MonkeyPatch,
    is_written: bool,
) -> None:
    monkeypatch.setattr(replaying, "CHUNK_ROWS", 7)
    monkeypatch.setattr(packing, "MAX_ENTRIES", 2)
    monkeypatch.setattr(sender, "FIRST_PAUSE_S", 0.0)
    requests = Counter[str]()

    def killed_now_and_then(put: Any, **request: Any) -> Any:
        requests["made"] += 1
        dies = requests["made"] % 3 == 0 and requests["made"] < 30
        answer = put(**request) if is_written or not dies else None
        if dies:
            raise KeyboardInterrupt
        return answer

    faulty(killed_now_and_then)

    runs = 1
    while deployment.invoke(*arguments(log)).exit_code:
        runs += 1
    deployment.deliver()

    known = [fact for org in ACCOUNTS for fact in Records(deployment.cloud.accounts).facts(org)]
    assert runs > 5
    assert Counter(fact.kind for fact in known) == {"traits": 6, "started": 6, "changed": 14, "ended": 2}
    assert {fact.known_ms == fact.at_ms for fact in known} == {True}
    assert read_counters(deployment.cloud.ingest).quarantined == 0


def test_facts_are_no_usage(deployment: Deployment, log: Path) -> None:
    deployment.run(*arguments(log))
    deployment.deliver()

    days = [
        (day.date.isoformat(), dict(day.by_event))
        for day in read_days(deployment.cloud.usage, "org-0", date(2023, 1, 1), date(2023, 12, 31))
    ]
    assert days == [("2023-03-01", {"opened": 1}), ("2023-03-09", {"opened": 1})]


def test_a_folder_without_them_replays_its_events_and_says_so(deployment: Deployment, log: Path) -> None:
    (log / "subscriptions.csv").unlink()
    (log / "accounts.csv").unlink()

    result = deployment.invoke(*arguments(log))

    assert result.exit_code == 0
    assert "subscriptions.csv" in result.stderr
    assert "accounts.csv" in result.stderr


def test_a_forgotten_position_sends_the_facts_again_too(deployment: Deployment, log: Path) -> None:
    deployment.run(*arguments(log))

    again = deployment.run(*arguments(log, "--restart"))

    assert again["facts"]["sent"] == FACTS
