"""However the archive is cut, repeated and read: into an empty table it gives the usage of the stream."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from stemtide.archive import ArchivedRecord, merged, object_key, pack
from stemtide.calls import day_of
from stemtide.canonical import Hashed, hash_of
from stemtide.kinesis_event import Delivered
from stemtide.ports import LedgerRow
from stemtide.state import Caps

from tests.archived_logs import START, Log, ignored, log_of, worked_off
from tests.recompute_memory import projections, recompute_all
from tests.stream_memory import Lab
from tests.streams import call

CAPS = Caps(id_window=5, inline_users=6, event_types=8, remembered_ids=0)
SHUFFLES = 100
CROWD = 400
"""Users of the crowded account: more than are kept exactly."""


def made(seed: int) -> Log:
    """Three days of five accounts: repetitions near and far, equal and conflicting, late and without time."""
    chance = Random(seed)
    sent: list[tuple[int, int, Any]] = []
    for number in range(400):
        account = chance.choice(["a", "b", "c", "d"])
        hours = chance.randrange(0, 66)
        now = START + timedelta(hours=hours)
        late = now - timedelta(hours=chance.choice([0, 0, 0, 5, 30, 70]))
        one = call(
            f"m-{number if chance.random() < 0.7 else chance.randrange(number + 1)}",
            context={"groupId": account},
            userId=f"u-{chance.randrange(12)}",
            event=f"e-{chance.randrange(11)}",
            timestamp=chance.choice([None, late.isoformat(), late.isoformat()]),
            properties={"count": chance.randrange(1, 4)},
        )
        sent.append((int(account > "b"), hours, one if chance.random() < 0.8 else [one, one]))
    sent += [
        (1, at // 20, call(f"x-{at}", context={"groupId": "crowd"}, userId=f"u-{at}", timestamp=None))
        for at in range(CROWD)
    ]
    return log_of(sent)


@pytest.fixture(scope="module")
def log() -> Log:
    return made(2026)


@pytest.fixture(scope="module")
def expected(log: Log) -> Hashed:
    """The hash after one way through the stream, and a recompute."""
    return streamed(log, Random(0))


def streamed(log: Log, chance: Random) -> Hashed:
    lab = Lab(take=ignored, caps=CAPS)
    worked_off(log, cuts=chance, lab=lab)
    recompute_all(lab, of=chance.choice([1, 1, 3]))
    return hash_of(projections(lab))


@pytest.fixture(scope="module")
def original(log: Log) -> Lab:
    """Both consumers have worked off the log; nothing is recomputed."""
    return worked_off(log, lab=Lab(take=ignored, caps=CAPS))


def repacked(original: Lab, chance: Random) -> Lab:
    """A lab with an empty table, and the same records in other objects: cut anew, overlapping, repeated."""
    lab = Lab(take=ignored, caps=CAPS)
    lab.ledger.rows, lab.archive_ledger.rows = original.ledger.rows, original.archive_ledger.rows
    for lane, records in by_lane_and_day(original):
        at = 0
        while at < len(records):
            size = chance.randint(1, 40)
            cut = records[max(0, at - chance.choice([0, 0, 1, 7])) : at + size]
            lab.objects.bodies[object_key(lane, day_of(cut[0].arrival_ms), cut)] = pack(cut)
            at += size
    shuffled = list(lab.objects.bodies.items())
    chance.shuffle(shuffled)
    lab.objects.bodies = dict(shuffled)
    return lab


def by_lane_and_day(lab: Lab) -> Iterator[tuple[str, list[Delivered]]]:
    folders: dict[tuple[str, str], list[str]] = {}
    for key in sorted(lab.objects.bodies):
        _, day, lane, _ = key.split("/")
        folders.setdefault((day, lane), []).append(key)
    for (_, lane), keys in folders.items():
        found = merged(lab.objects.bodies[key] for key in keys)
        yield lane.replace("_", "/"), [delivered(record) for record in found]


def delivered(record: ArchivedRecord) -> Delivered:
    return Delivered(int(record.seq), record.key, record.arrival_ms, record.bytes)


@pytest.mark.parametrize("seed", range(SHUFFLES))
def test_a_shuffled_and_rebatched_archive_gives_the_same_hash(
    original: Lab, expected: Hashed, seed: int
) -> None:
    chance = Random(seed)
    lab = repacked(original, chance)

    recompute_all(lab, of=chance.choice([1, 4]))

    assert hash_of(projections(lab)) == expected


@pytest.mark.parametrize("seed", range(20))
def test_the_stream_in_any_cut_and_a_recompute_give_the_same_hash(
    log: Log, expected: Hashed, seed: int
) -> None:
    assert streamed(log, Random(1000 + seed)) == expected


def test_the_log_has_what_makes_it_hard(log: Log) -> None:
    lab = Lab(take=ignored, caps=CAPS)
    worked_off(log, lab=lab)
    before = hash_of(projections(lab))

    recompute_all(lab)

    found = [projection for _, _, projection in projections(lab)]
    assert before.calls > hash_of(projections(lab)).calls
    assert any("other" in one.by_event for one in found)
    assert any(not one.users.exact for one in found)
    assert len({row.lane for row in lab.ledger.rows.values() if isinstance(row, LedgerRow)}) == 2


def test_another_log_has_another_hash(expected: Hashed) -> None:
    assert streamed(made(2027), Random(0)) != expected
