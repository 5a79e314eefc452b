"""`stemtide episodes` and `stemtide ledger` on a stack that moto imitates."""

import json

import boto3
import pytest
from stemtide import tables
from stemtide.plays.play import Outcome
from stemtide.store import clients
from stemtide.store.episodes import EpisodeTable
from stemtide.store.plays import PlayTable

from tests.domain_tables import create
from tests.dunning_episodes import FIRST, HOUR, NOW, a_life, episode
from tests.integration.cli.conftest import Deployment
from tests.played import label_of, mailed, offered, opened, over, retention, win_back

DAY = 24 * HOUR
JANUARY = ("--from", "2026-01-01", "--to", "2026-01-31")
MARCH = ("--from", "2026-03-01", "--to", "2026-03-31")


@pytest.fixture
def store(deployment: Deployment) -> EpisodeTable:
    """The stack's episodes table, empty."""
    create(boto3.client("dynamodb"), tables.EPISODES)
    content = json.loads(deployment.file.read_text())
    content["tables"]["episodes"] = "episodes"
    deployment.file.write_text(json.dumps(content))
    return EpisodeTable(clients.dynamodb().Table("episodes"))


def test_those_that_run_are_listed_or_all_of_an_account(deployment: Deployment, store: EpisodeTable) -> None:
    over = a_life(store, episode("in_1", "cus_1"))
    runs = episode("in_2", "cus_2", opened_ms=NOW + HOUR)
    store.open(runs, FIRST)
    other = episode("in_3", "cus_3", "beta")
    store.open(other, FIRST)

    running = deployment.run("episodes")["episodes"]
    of_acme = deployment.run("episodes", "acme")["episodes"]

    assert {row["id"] for row in running} == {runs.id, other.id}
    assert [row["id"] for row in of_acme] == [runs.id, over.id]
    assert "recovered (paid)" in deployment.invoke("episodes", "acme").output


def test_one_episode_is_shown_with_its_ledger_and_yen_have_no_decimals(
    deployment: Deployment, store: EpisodeTable
) -> None:
    one = a_life(store, episode())

    body = deployment.run("episodes", "--id", one.id)
    shown = deployment.invoke("episodes", "--id", one.id).output

    assert ([row["number"] for row in body["ledger"]], body["gaps"]) == ([1, 2, 3, 4, 5, 6], [])
    assert "charge of 4,900 JPY: declined (insufficient_funds)" in shown


def test_an_unknown_episode_says_where_they_are_listed(deployment: Deployment, store: EpisodeTable) -> None:
    result = deployment.invoke("episodes", "--id", "0" * 24)

    assert result.exit_code == 1
    assert "lists them" in result.stderr


def test_the_ledger_shows_all_accounts_or_one_with_amounts_in_major_units(
    deployment: Deployment, store: EpisodeTable
) -> None:
    a_life(store, episode("in_1", "cus_1"))
    a_life(store, episode("in_2", "cus_2", "beta", opened_ms=NOW + HOUR))

    every = deployment.run("ledger", *JANUARY)
    own = deployment.run("ledger", *JANUARY, "--account", "beta")
    shown = deployment.invoke("ledger", *JANUARY).output

    assert (len(every["entries"]), every["episodes_checked"]) == (12, 2)
    assert [row["at"] for row in every["entries"]] == sorted(row["at"] for row in every["entries"])
    assert [row["number"] for row in own["entries"]] == [1, 2, 3, 4, 5, 6]
    assert own["entries"] == [row for row in every["entries"] if row["account"] == "beta"]
    assert own["episodes_checked"] == 1
    assert "4,900 JPY" in shown
    assert "2 episodes checked: every ledger is whole" in shown


def test_only_the_days_asked_for_are_listed(deployment: Deployment, store: EpisodeTable) -> None:
    a_life(store, episode())

    for more in ((), ("--account", "acme")):
        found = deployment.run("ledger", *MARCH, *more)
        assert (found["entries"], found["episodes_checked"]) == ([], 1)


@pytest.mark.parametrize("account", [(), ("--account", "beta")])
@pytest.mark.parametrize("number", [1, 3, 6])
def test_a_gap_is_found_whatever_days_are_asked_for(
    deployment: Deployment, store: EpisodeTable, number: int, account: tuple[str, ...]
) -> None:
    a_life(store, episode("in_1", "cus_1"))
    broken = a_life(store, episode("in_2", "cus_2", "beta"))
    boto3.client("dynamodb").delete_item(
        TableName="episodes",
        Key={"pk": {"S": f"episode#{broken.id}"}, "sk": {"S": f"ledger#{number:06d}"}},
    )

    found = deployment.run("ledger", *MARCH, *account, expect=1)
    shown = deployment.invoke("ledger", *MARCH, *account)

    [gap] = found["gaps"]
    assert (gap["episode"], gap["account"]) == (broken.id, "beta")
    assert f"missing: {number} of 6" in gap["gaps"]
    assert shown.exit_code == 1
    assert f"not whole: episode {broken.id} of beta: missing: {number} of 6" in shown.output


def test_entries_whose_episode_is_gone_are_a_gap(deployment: Deployment, store: EpisodeTable) -> None:
    lost = a_life(store, episode())
    boto3.client("dynamodb").delete_item(
        TableName="episodes", Key={"pk": {"S": f"episode#{lost.id}"}, "sk": {"S": "episode"}}
    )

    found = deployment.run("ledger", *JANUARY, expect=1)

    assert found["gaps"] == [{"episode": lost.id, "account": None, "gaps": ["entries without an episode"]}]


def test_another_account_has_nothing_to_do_with_a_gap(deployment: Deployment, store: EpisodeTable) -> None:
    a_life(store, episode("in_1", "cus_1"), gap=4)

    assert deployment.run("ledger", *JANUARY, "--account", "beta")["gaps"] == []
    assert deployment.run("ledger", *JANUARY, "--account", "acme", expect=1)["gaps"] != []


def test_a_range_that_ends_before_it_begins_is_wrong_usage(
    deployment: Deployment, store: EpisodeTable
) -> None:
    result = deployment.invoke("ledger", "--from", "2026-01-02", "--to", "2026-01-01")

    assert result.exit_code == 2


def test_a_stack_without_the_table_says_what_to_do(deployment: Deployment) -> None:
    result = deployment.invoke("episodes")

    assert result.exit_code == 1
    assert "deploy it again" in result.stderr


def test_plays_are_listed_with_what_they_wait_for_and_shown_with_their_offer(
    deployment: Deployment, store: EpisodeTable
) -> None:
    plays, back = PlayTable(clients.dynamodb().Table("episodes")), win_back("beta")
    a_life(store, episode())
    play = opened(plays, retention(held_out=True))
    label = label_of(back, Outcome.REACTIVATED, NOW + 11 * DAY, cost=29_400, currency="EUR")
    over(plays, back, label, *offered(2, NOW + 10 * DAY), mailed(4, NOW + 10 * DAY))

    [running] = deployment.run("episodes")["episodes"]
    shown = deployment.invoke("episodes", "--id", back.id).output
    listed = deployment.invoke("episodes", "beta").output
    held_out = deployment.invoke("episodes", "--id", play.id).output

    assert (running["id"], running["journey"], running["tier"]) == (play.id, "retention", "high")
    assert "outcome: reactivated (subscribed) at 2026-01-16T09:00:00.000Z, cost 294.00 EUR" in shown
    assert "offer made of 20 % for 3 months, at most 294.00 EUR, code BACK-ABC until" in shown
    assert "reactivated (subscribed)" in listed
    assert "tier high since 2026-01-05T09:00:00.000Z" in held_out
    assert "held out: gets nothing" in held_out


def test_a_gap_in_the_ledger_of_a_play_is_found(deployment: Deployment, store: EpisodeTable) -> None:
    a_life(store, episode())
    plays = PlayTable(clients.dynamodb().Table("episodes"))
    held = opened(plays, win_back("beta"))
    plays.append(held, [offered(2, NOW)[1]])

    found = deployment.run("ledger", *JANUARY, expect=1)

    assert found["episodes_checked"] == 2
    [gap] = found["gaps"]
    assert (gap["episode"], gap["account"]) == (held.id, "beta")
    assert gap["gaps"] == ["missing: 2 of 3", "3: an offer that was never claimed"]
