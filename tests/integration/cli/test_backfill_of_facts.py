"""What an export says of its accounts: the rows that a replay would have made, each at its time."""

import json
from pathlib import Path
from typing import Any

import pytest
from stemtide.store.records import Records
from stemtide_cli.mapping import find_mapping

from tests.backfilled import items_in
from tests.integration.cli.backfills import arguments, empty, replay
from tests.integration.cli.conftest import Deployment
from tests.stream_cloud import start_function

ACCOUNTS = [f"org-{i}" for i in range(6)]
FACTS = 6 + 4 * 4 + 2 * 2 + 2
"""Traits, renewed terms, those of who left, and their ends."""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Six accounts with monthly terms, the last of two of them not renewed; one that is not heard of."""
    folder = tmp_path / "log"
    folder.mkdir()
    events = "".join(f"2023-03-{day:02} 10:00:00,{org},u,opened,1\n" for org in ACCOUNTS for day in (1, 9))
    (folder / "events.csv").write_text("timestamp,account_id,user_id,event,value\n" + events)
    terms = "account_id,product,start_date,end_date,mrr,quantity,units,bill_period_months,discount\n"
    for number, org in enumerate(ACCOUNTS):
        for month in range(1, 5 if number > 1 else 3):
            terms += f"{org},basic_mthly,2023-{month:02}-05,2030-01-01,200.0,10,users,1,0\n"
    terms += "org-1,,2023-01-05,2030-01-01,200.0,10,users,1,0\n"
    (folder / "subscriptions.csv").write_text(terms)
    traits = "".join(f"{org},web,US\n" for org in [*ACCOUNTS, "unheard-of"])
    (folder / "accounts.csv").write_text("account_id,channel,country\n" + traits)
    return folder


def facts_in(deployment: Deployment) -> dict[tuple[str, str], Any]:
    items = deployment.cloud.accounts.scan()["Items"]
    return {(item["account"], item["item"]): item["fact"] for item in items if "fact" in item}


def test_facts_are_the_rows_that_a_replay_makes(deployment: Deployment, log: Path) -> None:
    replay(deployment, log)
    expected = facts_in(deployment)
    profiles = {account: Records(deployment.cloud.accounts).read(account) for account in ACCOUNTS}
    for table in (deployment.cloud.usage, deployment.cloud.accounts):
        empty(table)
    deployment.cloud.functions["aggregate"] = start_function("aggregate")

    done = deployment.run(*arguments(log))
    deployment.work_off()

    assert done["facts"] == {"new": FACTS, "known": 0, "refused": {"no_plan": 1, "no_timestamp": 1}}
    assert facts_in(deployment) == expected
    for account, before in profiles.items():
        record = Records(deployment.cloud.accounts).read(account)
        assert before is not None
        assert record is not None
        assert (record.profile, record.problems) == (before.profile, before.problems)
        assert record.last_day == "2023-03-09"


def test_facts_that_are_known_stay_as_they_are(deployment: Deployment, log: Path) -> None:
    replay(deployment, log)
    before = facts_in(deployment)

    done = deployment.run(*arguments(log))

    assert (done["facts"]["new"], done["facts"]["known"]) == (0, FACTS)
    assert facts_in(deployment) == before


def test_refused_facts_are_kept_with_their_reasons(deployment: Deployment, log: Path) -> None:
    done = deployment.run(*arguments(log))

    lines = [json.loads(line) for line in Path(done["rejected_file"]).read_text().splitlines()]
    found = {line["reason"]: (line["row"], line["values"]["account"]) for line in lines}
    assert found == {"no_plan": (20, "org-1"), "no_timestamp": (6, "unheard-of")}


def test_until_holds_for_facts_and_a_cutover_does_not(deployment: Deployment, log: Path) -> None:
    cut = deployment.run(*arguments(log, "--cutover", "2023-03-02"))
    empty(deployment.cloud.usage)
    empty(deployment.cloud.accounts)

    until = deployment.run(*arguments(log, "--until", "2023-01-31"))

    assert cut["facts"]["new"] == FACTS
    assert until["facts"]["new"] == 12  # the first terms, and with them the traits


def test_events_that_are_facts_are_both(deployment: Deployment, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    (folder / "mapping.toml").write_text(
        '[events]\nfile = "events.csv"\ntimestamp = "at"\naccount = "org"\nevent = "what"\n'
    )
    (folder / "events.csv").write_text(
        "at,org,what,plan,mrr\n"
        "2023-03-01 10:00:00,acme,Subscription Started,pro,100\n"
        "2023-03-01 11:00:00,acme,Subscription Changed,,100\n"
    )
    named = ("--mapping", str(folder / "mapping.toml"), "--data", str(folder))

    done = deployment.run("backfill", *named)
    deployment.work_off()

    record = Records(deployment.cloud.accounts).read("acme")
    assert record is not None
    assert record.profile.plan == "pro"
    assert (done["counted"], done["refused"]) == (1, {"bad_subscription": 1})


def test_the_files_of_sections_may_lie_in_folders(deployment: Deployment, log: Path) -> None:
    shipped = find_mapping("crm").read_text()
    (log / "mapping.toml").write_text(shipped.replace('"accounts.csv"', '"crm/accounts.csv"'))
    (log / "crm").mkdir()
    (log / "accounts.csv").rename(log / "crm" / "accounts.csv")

    done = deployment.run("backfill", "--mapping", str(log / "mapping.toml"), "--data", str(log))

    assert done["facts"]["new"] == FACTS
    assert done["ignored"] == [str(log / "mapping.toml")]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_files_of_sections_are_looked_at_before_anything_is_written(
    deployment: Deployment, log: Path, more: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (log / "subscriptions.csv").write_text("account_id,product,start\norg-1,basic,2023-01-01\n")
    monkeypatch.chdir(log.parent)

    failed = deployment.run(*arguments(log.name, *more), expect=1)

    assert "which log/subscriptions.csv does not have" in failed["error"]
    assert items_in(deployment.cloud.usage) == {}


def test_errors_name_an_object_in_s3_as_it_was_given(deployment: Deployment, log: Path) -> None:
    deployment.cloud.s3.create_bucket(Bucket="exports")
    (log / "accounts.csv").write_text("account_id,channel\norg-1,web\n")
    for path in log.iterdir():
        deployment.cloud.s3.put_object(Bucket="exports", Key=path.name, Body=path.read_bytes())

    failed = deployment.run(*arguments("s3://exports/"), expect=1)

    assert "which s3://exports/accounts.csv does not have" in failed["error"]


def test_files_that_are_ignored_are_told(deployment: Deployment, log: Path) -> None:
    (log / "history-2022.csv").write_text("a,b\n1,2\n")
    (log / "notes.txt").write_text("hello")

    done = deployment.run(*arguments(log))
    said = deployment.invoke(*arguments(log)).stderr

    assert done["ignored"] == [str(log / "history-2022.csv"), str(log / "notes.txt")]
    assert f"2 files are ignored: {log / 'history-2022.csv'}, {log / 'notes.txt'}" in said
