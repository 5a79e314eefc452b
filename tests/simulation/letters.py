"""What consumers gave up: the objects that Lambda writes, and the product's registration of them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from stemtide.balance import Account, DeadTotal, LaneBalance, lane_balance
from stemtide.dead_letters import DeadLetter, lane_among, lost_calls, parse_dead_letter
from stemtide.ports import LedgerRow

from tests.simulation.kinds import AGGREGATE, ARCHIVE, CONSUMERS
from tests.simulation.memory import Stored
from tests.simulation.source import Piece, Source
from tests.simulation.stream import Rec

OBJECT: Final = Path(__file__).parents[1] / "events" / "s3_on_failure_object.json"
FUNCTIONS: Final = (
    "stemtide-pipeline-UsageAggregatesFunction5B7F2A91",
    "stemtide-pipeline-RawArchiveFunction0C",
)
RETRIES: Final = "RetryAttemptsExhausted"
AGE: Final = "MaximumRecordAgeExceeded"


@dataclass(slots=True)
class Letter:
    """A payload: whose, from which lane, the object's body, the records in it; `lost`: calls, once
    registered; `put_back`: since a person has put it back."""

    consumer: int
    lane: str
    body: bytes
    recs: list[Rec]
    lost: int = 0
    put_back: bool = False


class Letters:
    """The dead-letter store, its totals by consumer and lane, and what is not registered yet."""

    def __init__(self) -> None:
        self.all: list[Letter] = []
        self.waiting: list[Letter] = []
        self.totals: tuple[dict[str, DeadTotal], dict[str, DeadTotal]] = ({}, {})
        self.wrong: list[str] = []

    def add(self, source: Source, piece: Piece, condition: str, now_ms: int) -> None:
        """Lambda writes the on-failure object."""
        recs = source.recs[piece.low : piece.high]
        body = _body(source, piece, condition, now_ms)
        letter = Letter(source.consumer, source.shard.lane, body, recs)
        self.all.append(letter)
        self.waiting.append(letter)

    def register(self, stored: Stored) -> None:
        """What `dead_letters` does when S3 notifies it: once any ledger knows the stream's incarnation.

        Lambda gives up after minutes of tries; that no shard of either consumer has got anywhere by then
        is left out here.
        """
        lanes = [lane for ledger in stored.ledgers for lane in ledger]
        known = {lane.partition("/")[0] for lane in lanes}
        for letter in self.waiting[:]:
            if letter.lane.partition("/")[0] in known:
                self.waiting.remove(letter)
                self._register(letter, stored, lanes)

    def _register(self, letter: Letter, stored: Stored, lanes: Iterable[str]) -> None:
        dead = parse_dead_letter(letter.body)
        assert isinstance(dead, DeadLetter)
        if [rec.sequence for rec in dead.records] != [rec.sequence for rec in letter.recs]:
            self.wrong.append(f"a dead letter of {letter.lane} was read as other records")
        lane = lane_among(dead, lanes)
        if (dead.consumer, lane) != (CONSUMERS[letter.consumer], letter.lane):
            self.wrong.append(f"a dead letter of {letter.lane} was registered for {dead.consumer} {lane}")
        letter.lost = lost_calls(dead, stored.ledgers[letter.consumer].get(lane))
        totals = self.totals[letter.consumer]
        before = totals.get(lane) or DeadTotal(lane=lane)
        totals[lane] = DeadTotal(
            lane=lane,
            payloads=before.payloads + 1,
            events=before.events + letter.lost,
            last=max(before.last, letter.recs[-1].sequence),
        )

    def balances(self, stored: Stored) -> list[LaneBalance]:
        """The balance of every lane, as far as payloads are registered."""
        lanes = {*stored.ledgers[0], *stored.ledgers[1], *self.totals[0], *self.totals[1]}
        return [
            lane_balance(self._account(AGGREGATE, lane, stored), self._account(ARCHIVE, lane, stored))
            for lane in sorted(lanes)
        ]

    def false_alarms(self, stored: Stored) -> list[str]:
        """What the hourly check would raise an alarm about; lanes with unregistered payloads are left out."""
        waiting = {letter.lane for letter in self.waiting}
        return [
            f"the balance of {balance.lane} is off by {balance.unbalanced}"
            for balance in self.balances(stored)
            if balance.unbalanced and balance.lane not in waiting
        ]

    def _account(self, consumer: int, lane: str, stored: Stored) -> Account:
        row = stored.ledgers[consumer].get(lane) or LedgerRow(lane=lane)
        return Account(row, self.totals[consumer].get(lane) or DeadTotal(lane=lane))


@cache
def _template() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OBJECT.read_text())
    return found


def _body(source: Source, piece: Piece, condition: str, now_ms: int) -> bytes:
    recs = source.recs[piece.low : piece.high]
    function = f"arn:aws:lambda:us-east-1:123456789012:function:{FUNCTIONS[source.consumer]}"
    request = {"functionArn": function, "condition": condition, "approximateInvokeCount": piece.failures}
    batch = {
        "shardId": source.shard.name,
        "startSequenceNumber": str(recs[0].sequence),
        "endSequenceNumber": str(recs[-1].sequence),
        "batchSize": len(recs),
    }
    template = _template()
    return msgspec.json.encode(
        {
            **template,
            "requestContext": {**template["requestContext"], **request},
            "timestamp": datetime.fromtimestamp(now_ms / 1000, UTC).isoformat().replace("+00:00", "Z"),
            "KinesisBatchInfo": {**template["KinesisBatchInfo"], **batch},
            "payload": msgspec.json.encode({"Records": [rec.entry for rec in recs]}).decode(),
        }
    )
