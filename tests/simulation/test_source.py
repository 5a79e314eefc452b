"""The simulated reading of a shard does what the local cloud's event sources do."""

from random import Random

import pytest

from infra.local.emulator.event_sources import decisions, model
from tests.simulation.pool import pool
from tests.simulation.source import EVERYTHING, Piece, Source
from tests.simulation.stream import Stream


def test_each_failure_is_followed_by_what_follows_it_there() -> None:
    for seed in range(300):
        rng = Random(seed)
        bisects, retries = rng.random() < 0.5, rng.randrange(3)
        source = filled(1 + rng.randrange(12), bisects=bisects, retries=retries)
        settings = model.Settings(max_retries=retries, bisect=bisects, partial=True)
        pending = [model.Piece(tuple(theirs(at) for at in range(len(source.recs))))]
        while pending:
            piece, ours = pending.pop(0), source.take(100)
            assert (first_of(piece), first_of(piece) + len(piece.records)) == (ours.low, ours.high)
            failed = rng.choice([None, EVERYTHING, rng.randrange(ours.low, ours.high)])

            step = decisions.settle(piece, outcome_of(failed, ours), settings)
            given_up = source.settle(ours, failed)

            discarded = None if step.discard is None else step.discard.piece
            assert (given_up is None) == (discarded is None)
            if given_up is not None and discarded is not None:
                assert (first_of(discarded), len(discarded.records)) == (
                    given_up.low,
                    given_up.high - given_up.low,
                )
            pending = [*step.rest, *pending]
        assert source.position == len(source.recs)
        assert not source.pieces


def test_records_that_were_given_up_know_by_whom() -> None:
    source = filled(3, bisects=False)

    source.give_up(Piece(0, 2))

    assert [rec.given_up for rec in source.recs] == [1, 1, 0]
    assert source.position == 2


@pytest.mark.parametrize("failed", [None, EVERYTHING, 2])
def test_the_last_try_gives_up_from_the_failed_record_on(failed: int | None) -> None:
    source = filled(4, bisects=True)

    given_up = source.settle(source.take(4), failed, last_try=True)

    assert given_up == {None: None, EVERYTHING: Piece(0, 4), 2: Piece(2, 4)}[failed]
    assert (source.position, source.pieces) == (4, [])


def theirs(at: int) -> model.Record:
    return model.Record(sequence=str(at), arrival=0.0, size=0, event={})


def first_of(piece: model.Piece) -> int:
    return int(piece.records[0].sequence)


def filled(count: int, *, bisects: bool, retries: int = 2) -> Source:
    stream = Stream(shards=1, hashes={"acme": 0}, created_ms=0)
    for _ in range(count):
        stream.put("acme", (pool().fresh["acme"][0],), arrival_ms=0, b64="")
    return Source(0, stream.shards[0], retries=retries, bisects=bisects)


def outcome_of(failed: int | None, piece: Piece) -> decisions.Outcome:
    if failed is None:
        return decisions.Succeeded()
    return decisions.Failed() if failed == EVERYTHING else decisions.FailedFrom(failed - piece.low)
