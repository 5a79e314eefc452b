"""What came of plays on a deployed stack is in its next training set, from the day on which it was known."""

import json
from collections import Counter
from pathlib import Path

import boto3
import msgspec
import pytest
from stemtide import tables
from stemtide.calls import DAY_MS
from stemtide.config import parse_config
from stemtide.config_schema import Config
from stemtide.dunning.ledger import Entry
from stemtide.plays.play import Outcome
from stemtide.store import clients
from stemtide.store.episodes import EpisodeTable
from stemtide.store.history_objects import HistoryObjects
from stemtide.store.plays import PlayTable
from stemtide.store.records import Records
from stemtide_cli.training_rows import Rows, Wanted, read_rows

from models import learning, parity
from models.train import day_text
from tests.customer_facts import subscription
from tests.domain_tables import create
from tests.dunning_episodes import a_life, episode
from tests.integration.cli.conftest import Deployment
from tests.integration.cli.test_train_on_the_stack import CONFIG as OF_LOG
from tests.integration.cli.test_train_on_the_stack import TRAIN, known_to
from tests.played import label_of, mailed, opened, over, retention, win_back
from tests.stack_knowledge import row

TOML = """
[company]
name = "A"
time_zone = "UTC"
currency = "USD"
[training]
every_days = 1
first_day = 0
horizon_days = 10
[[plans]]
name = "pro"
rank = 1
"""
CONFIG: Config = parse_config(TOML.encode())
DAY = 19_723
ENDED = 50
ABOUT_TO_LEAVE = set(range(ENDED - 10, ENDED))


def at(day: int) -> str:
    return day_text(DAY + day) + "T12:00:00.000Z"


def ms(day: int) -> int:
    return (DAY + day) * DAY_MS


@pytest.fixture
def plays(deployment: Deployment) -> PlayTable:
    """Three accounts of which two stopped paying, and the stack's plays: `back` returned on day 70, which no
    fact tells of; `lost` did not within 60 days, and subscribed anew on day 115."""
    create(boto3.client("dynamodb"), tables.EPISODES)
    content = json.loads(deployment.file.read_text())
    content["tables"]["episodes"] = "episodes"
    deployment.file.write_text(json.dumps(content))
    told = {
        name: [
            subscription("Started", f"1-{name}", at(5), plan="pro"),
            subscription("Ended", f"2-{name}", at(ENDED), plan="pro"),
        ]
        for name in ("back", "lost")
    }
    told["lost"].append(subscription("Started", "3-lost", at(115), plan="pro"))
    told["other"] = [
        subscription("Changed" if day else "Started", f"o-{day}", at(day), plan="pro", mrr=day)
        for day in range(0, 121, 5)
    ]
    records = Records(deployment.cloud.accounts)
    for name, facts in told.items():
        records.put_facts(name, facts)
        records.touch(name, "2024-01-01")
    rows = [row(name, DAY + day, {"Opened": 1}) for name in told for day in range(120)]
    HistoryObjects(client=deployment.cloud.s3, bucket="archive").put("backfill-1", "0", rows)
    table = PlayTable(clients.dynamodb().Table("episodes"))
    back, lost = win_back("back", ms(ENDED)), win_back("lost", ms(ENDED))
    letter: Entry = mailed(2, ms(52))
    over(table, back, label_of(back, Outcome.REACTIVATED, ms(70), ms(71), treatments=1), letter)
    over(table, lost, label_of(lost, Outcome.LOST, ms(110), ms(110), treatments=1), letter)
    a_life(EpisodeTable(clients.dynamodb().Table("episodes")), episode())
    return table


def rows_as_of(deployment: Deployment, day: int, config: Config = CONFIG) -> Rows:
    """What the stack teaches at the end of a day."""
    wanted = Wanted(name="churn", target=None, seed=3)
    return read_rows(deployment.stack, wanted, config, say=lambda _: None, at_ms=ms(day + 1))


def churned(rows: Rows, account: str) -> set[int]:
    mine = rows.dataset.where((rows.dataset.accounts == account) & rows.dataset.y)
    return {int(day) - DAY for day in mine.day}


def test_outcomes_are_in_the_training_set_from_the_day_on_which_they_were_known_and_not_before(
    deployment: Deployment, plays: PlayTable
) -> None:
    told = {day: rows_as_of(deployment, day) for day in (70, 71, 109, 120)}

    labels = {day: rows.material.plays.counted(("back", "lost")) for day, rows in told.items()}
    assert labels == {
        70: {},
        71: {"reactivated": 1},
        109: {"reactivated": 1},
        120: {"lost": 1, "reactivated": 1},
    }
    assert {day: churned(rows, "back") for day, rows in told.items()} == {
        70: ABOUT_TO_LEAVE,
        71: set(),
        109: set(),
        120: set(),
    }
    assert {day: churned(rows, "lost") for day, rows in told.items()} == dict.fromkeys(told, ABOUT_TO_LEAVE)


def test_without_its_label_who_came_back_after_its_play_would_not_have_left(
    deployment: Deployment, plays: PlayTable
) -> None:
    stripped = {**deployment.stack.tables}
    del stripped["episodes"]
    content = json.loads(deployment.file.read_text()) | {"tables": stripped}
    with_labels = rows_as_of(deployment, 120)
    deployment.file.write_text(json.dumps(content))

    without = rows_as_of(deployment, 120)

    assert churned(with_labels, "lost") == ABOUT_TO_LEAVE
    assert churned(without, "lost") == set()
    assert churned(without, "back") == ABOUT_TO_LEAVE
    assert without.material.fingerprint != with_labels.material.fingerprint


def test_who_is_treated_now_is_left_out_of_the_fit_before_anything_came_of_it(
    deployment: Deployment, plays: PlayTable
) -> None:
    held = opened(plays, retention("other", ms(80)))
    held = plays.append(held, [mailed(2, ms(81))])
    opened(plays, retention("lost", ms(80), held_out=True))

    dataset = rows_as_of(deployment, 120).dataset

    assert dataset.treated is not None
    left_out = Counter(dataset.accounts[dataset.treated].tolist())
    days = dataset.day[dataset.treated & (dataset.accounts == "other")] - DAY
    assert set(left_out) == {"other", "back"}
    assert days.tolist() == list(range(70, 110 + 1))
    assert dataset.weight is not None
    assert not dataset.weight[dataset.treated].any()


def test_a_model_says_which_labels_were_known_to_it(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "MAX_ROUNDS", 20)
    few = parity.Counts(random=100, threshold=100, missing=100, special=50, explained=10)
    monkeypatch.setattr(parity, "DEFAULT", few)
    create(boto3.client("dynamodb"), tables.EPISODES)
    content = json.loads(deployment.file.read_text())
    content["tables"]["episodes"] = "episodes"
    deployment.file.write_text(json.dumps(content))
    known_to(deployment, tmp_path, accounts=40)
    table = PlayTable(clients.dynamodb().Table("episodes"))
    for name, outcome in (
        ("org-01", Outcome.LOST),
        ("org-02", Outcome.LOST),
        ("nobody", Outcome.REACTIVATED),
    ):
        play = win_back(name, ms(100))
        over(table, play, label_of(play, outcome, ms(150)))
    monkeypatch.setattr("stemtide_cli.model_options.bundled_config", lambda: OF_LOG)

    arguments = ("--tries", "0", "--seed", "3", "--out", str(tmp_path / "models"))
    trained = deployment.run(*TRAIN, *arguments)
    early = deployment.run(*TRAIN, *arguments, "--fit-until", day_text(DAY + 149))

    card = (Path(trained["folder"]) / "card.md").read_text()
    manifest = msgspec.json.decode((Path(trained["folder"]) / "manifest.json").read_bytes())
    assert trained["data"]["labels"] == manifest["data"]["labels"] == {"lost": 2}
    assert early["data"]["labels"] == {}
    assert "| labels of plays | 2 lost |" in card
