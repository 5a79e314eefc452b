"""The facts of a log's tickets: through the stream into the table, by a backfill, as training has them."""

from pathlib import Path

import pytest
from stemtide.config import bundled_config
from stemtide.facts import Fact
from stemtide.sentiment import of_text
from stemtide.store.records import Records

from models.material import read_material
from tests.integration.cli.conftest import Deployment

MAPPING = """
[events]
file = "events.csv"
account = "org"
user = "who"
event = "what"
timestamp = "at"
"""
ROWS = [
    ("2023-03-01T10:00:00Z", "Opened", "", "", ""),
    ("2023-03-02T10:00:00Z", "Support Ticket Created", "t-1", "The export is broken and nobody answers", ""),
    ("2023-03-03T10:00:00Z", "Support Ticket Updated", "t-1", "Thanks, it works and I love it", ""),
    ("2023-03-03T11:00:00Z", "Support Ticket Created", "t-2", "Die Rechnung ist falsch", ""),
    ("2023-03-04T10:00:00Z", "Support Ticket Updated", "t-2", "", "low"),
]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    (tmp_path / "m.toml").write_text(MAPPING)
    lines = [f'{at},acme,u,{what},{ticket},"{text}",{rank}' for at, what, ticket, text, rank in ROWS]
    head = "at,org,who,what,ticket_id,text,priority"
    (folder / "events.csv").write_text("\n".join([head, *lines]) + "\n")
    return folder


def offline(log: Path) -> list[Fact]:
    _, material = read_material(str(log.parent / "m.toml"), log, bundled_config())
    return sorted(material.facts["acme"], key=lambda fact: fact.at_ms)


def online(deployment: Deployment) -> list[Fact]:
    return sorted(Records(deployment.cloud.accounts).facts("acme"), key=lambda fact: fact.at_ms)


@pytest.mark.parametrize("command", ["replay", "backfill"])
def test_training_sees_the_very_number_that_scoring_sees(
    deployment: Deployment, log: Path, command: str
) -> None:
    deployment.run(command, "--mapping", str(log.parent / "m.toml"), "--data", str(log))
    deployment.deliver()

    served, trained = online(deployment), offline(log)

    assert [(f.kind, f.data, f.at_ms, f.known_ms) for f in served] == [
        (f.kind, f.data, f.at_ms, f.known_ms) for f in trained
    ]
    assert [f.data.get("sentiment") for f in trained] == [
        of_text(ROWS[1][3]),
        of_text(ROWS[2][3]),
        None,
        None,
    ]
    assert all(fact.data.get("text") is None for fact in served)
