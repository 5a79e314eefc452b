"""How a score is written: its row, and the record, which is what the rows say.

The row of a trigger never changes. That of a nightly run is renewed by a later run of the night that finds
something else, or by a version that has begun the night anew.

The record shows the score of the newest instant and what moved since the one before it, whatever order the
scores were written in. Every writer puts its row first and then *settles*: it reads the newest rows and makes
the record what they say, on the condition that nobody else has changed it since it was read.

    score as of 15 March (slow)           score as of 14 March (late)         what is there
    reads the record: as of 13 March                                          13
    puts its row                                                              13       15
    reads rows: 15, before it 13
                                          puts its row                        13 14    15
                                          reads record and rows, sets the
                                          record: 15, moved since 14
    sets the record: 15, moved since 13
    -> refused: it was changed. Reads again: it is as it should be.

A crash between row and record leaves a record that the repetition of the same score settles.

Whoever has just read the record and the row that it shows, and brings a newer score than that, knows what the
newest rows are without reading them: what he had read, and his own, while nobody else has changed the record.
A row that others have put meanwhile, or before they crashed, is settled by themselves as any that is late:

    score as of 15 March                  score as of 14 March (late)         what is there
    reads the record: as of 13 March, its row                                 13
                                          puts its row                        13 14
    puts its row                                                              13 14 15
    sets the record: 15, moved since 13
                                          sets the record -> refused: it was changed. Reads again,
                                          and the rows: sets it: 15, moved since 14
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.as_of import as_of_text
from stemtide.ports import UnavailableError
from stemtide.scoring.assessment import Trigger
from stemtide.store import record_keys as keys
from stemtide.store.account_items import AccountItems
from stemtide.store.record_keys import StoredRecord, StoredScore

if TYPE_CHECKING:
    from stemtide.features.registry import Registry

TRIES: Final = 12
"""Times that others may come between reading and writing; each of them has brought its own score in."""
PAGE: Final = 3
"""Rows read at once: the newest score, the one before it, and one that shows there is no other of then."""
_RANKS: Final = {trigger: rank for rank, trigger in enumerate(Trigger)}
_UNCHANGED: Final = "#revision = :was"
_NEVER_SCORED: Final = "attribute_not_exists(#revision)"


class _Target(NamedTuple):
    """What the rows say: the score that the record shows, and the one before it."""

    now: StoredScore
    before: StoredScore | None


@dataclass(frozen=True, slots=True)
class ScoreWrites:
    """Writes scores; `known` are the features in use (None: those that everybody has)."""

    items: AccountItems
    known: "Registry | None" = None

    def write(
        self, row: StoredScore, *, held: StoredRecord | None = None, shown: StoredScore | None = None
    ) -> bool:
        """Keep a score's row and settle its account's record.

        Args:
            held: the record as it was read a moment ago; None: it is read.
            shown: the row that `held` shows, read since then; None: it was not, or there is none.

        Returns:
            Whether the record shows this very score now.

        Raises:
            UnavailableError: outcome unknown, or too many others wrote; the same again completes it.
        """
        held = held or self.items.record(row.account)
        item, target = _row_item(row), None
        if row.begun_ms is not None:
            self.items.put_of_night(item, ended_at=_ended_at(held, row))
        elif self.items.put_new(item) and _follows(row, held, shown):
            target = _Target(keys.score_in(item), shown)
        return _is_of(self._settle(row.account, held, target), row)

    def end(self, account: str, *, as_of_ms: int, ended_at: int, trigger: str) -> bool:
        """Take the score out of the record of an account that is no customer any more; its rows are kept.

        An older instant never overwrites here either. At the instant of the score itself whoever looked
        later has read more of what was said:

            nightly run of 15 March      end of the plan becomes known      the run again
            a customer: writes 42
                                                                            none: takes 42 out

        Args:
            ended_at: when it was found, epoch ms.

        Returns:
            Whether a score was taken out.

        Raises:
            UnavailableError: as of `write`.
        """
        values = {
            "assessment": None,
            "score": None,
            "as_of": as_of_text(as_of_ms),
            "scored_at": as_of_text(ended_at),
            "trigger": trigger,
            "model_version": keys.NO_CUSTOMER,
            "tier": keys.UNSCORED,
            "risk_key": keys.risk_key(account, None),
            "moved": None,
            "moved_from": None,
            "begun_ms": None,
        }
        for _ in range(TRIES):
            held = self.items.record(account)
            if held is None or held.assessment is None or held.as_of_ms is None:
                return False
            if (held.as_of_ms, held.scored_at_ms or 0) > (as_of_ms, ended_at):
                return False
            if self._set(account, values, held):
                return True
        raise UnavailableError("the record was changed by others each time")

    def _settle(self, account: str, held: StoredRecord | None, known: _Target | None) -> StoredRecord:
        """Make the record what the rows say (`known`: while it is as it was held), and return it."""
        record, target = held, known
        for _ in range(TRIES):
            record = record or StoredRecord(account=account)
            target = target or self._target(account)
            if target is None or not _is_due(record, target):
                return record
            if self._set(account, self._values(target), record):
                return _showing(target.now)
            record, target = self.items.record(account), None
        raise UnavailableError("the record was changed by others each time")

    def _set(self, account: str, values: dict[str, Any], held: StoredRecord) -> bool:
        first = held.revision == 0
        return self.items.update(
            account,
            {**values, "revision": held.revision + 1},
            condition=_NEVER_SCORED if first else _UNCHANGED,
            compared=None if first else {"was": held.revision},
        )

    def _target(self, account: str) -> _Target | None:
        """By the rows of the two newest instants; None: there is no row."""
        groups = [chosen(rows) for _, rows in zip(range(2), self._instants(account), strict=False)]
        return None if not groups else _Target(groups[0], groups[1] if len(groups) == 2 else None)

    def _instants(self, account: str) -> Iterator[list[StoredScore]]:
        """The scores of each instant, newest first, read as far as they are asked for."""
        of_scores = Key("account").eq(account) & Key("item").begins_with(keys.SCORE_PREFIX)
        found = map(keys.score_in, self.items.query(of_scores, ScanIndexForward=False, Limit=PAGE))
        for _, rows in groupby(found, key=lambda row: row.as_of_ms):
            yield list(rows)

    def _values(self, target: _Target) -> dict[str, Any]:
        now = target.now
        return {
            "assessment": msgspec.json.encode(now.assessment).decode(),
            "as_of": as_of_text(now.as_of_ms),
            "scored_at": as_of_text(now.scored_at_ms),
            "trigger": now.trigger.value,
            "model_version": now.model_version,
            "score": now.assessment.score,
            "tier": keys.UNSCORED if now.assessment.tier is None else now.assessment.tier.value,
            "risk_key": keys.risk_key(now.account, now.assessment.score),
            "moved": self._moved(target),
            "moved_from": None if target.before is None else target.before.key,
            "begun_ms": now.begun_ms,
        }

    def _moved(self, target: _Target) -> str | None:
        if target.before is None:
            return None
        from stemtide.features.registry import registry  # all features: readers of records need none
        from stemtide.scoring.movement import moved_between

        moved = moved_between(target.before, target.now, self.known or registry())
        return msgspec.json.encode(moved).decode()


def chosen(rows: Sequence[StoredScore]) -> StoredScore:
    """The one of several scores of one instant that counts, whatever order they come in.

    That of the model that was asked last, as a run by an old model may be repeated after a new one's; of its
    scores that of the trigger that comes last in `Trigger`: who asked by hand sees what he asked for.
    """
    latest = max(rows, key=lambda row: (row.counts_from_ms, row.model_version))
    own = [row for row in rows if row.model_version == latest.model_version]
    return max(own, key=lambda row: _RANKS[row.trigger])


def _is_due(held: StoredRecord, target: _Target) -> bool:
    """Whether the record must change; it never goes back, nor over the end of a score found later."""
    now = target.now
    if held.as_of_ms is None:
        return True
    if held.as_of_ms > now.as_of_ms:
        return False
    if held.as_of_ms == now.as_of_ms and held.assessment is None:
        return (held.scored_at_ms or 0) <= now.scored_at_ms
    before = None if target.before is None else target.before.key
    return not shows(held, now) or held.moved_from != before


def shows(held: StoredRecord, score: StoredScore) -> bool:
    """Whether a record shows this very score."""
    return (held.as_of_ms, held.model_version, held.trigger, held.begun_ms, held.assessment) == (
        score.as_of_ms,
        score.model_version,
        score.trigger,
        score.begun_ms,
        score.assessment,
    )


def _follows(row: StoredScore, held: StoredRecord | None, shown: StoredScore | None) -> bool:
    """Whether a new row comes right after the one that the record shows, or is the account's first."""
    if held is None or held.as_of_ms is None:
        return held is None or held.revision == 0
    return held.as_of_ms < row.as_of_ms and shown is not None and shows(held, shown)


def _ended_at(held: StoredRecord | None, row: StoredScore) -> str:
    """When the score of a row's instant was found to have ended; empty: it was not."""
    if held is None or held.assessment is not None or held.as_of_ms != row.as_of_ms:
        return ""
    return as_of_text(held.scored_at_ms or 0)


def _is_of(held: StoredRecord, row: StoredScore) -> bool:
    return (held.as_of_ms, held.model_version, held.trigger) == (row.as_of_ms, row.model_version, row.trigger)


def _showing(now: StoredScore) -> StoredRecord:
    """What a record that was just set shows."""
    return StoredRecord(
        account=now.account,
        as_of_ms=now.as_of_ms,
        model_version=now.model_version,
        trigger=now.trigger,
        begun_ms=now.begun_ms,
        assessment=now.assessment,
    )


def _row_item(row: StoredScore) -> dict[str, Any]:
    item = {
        "account": row.account,
        "item": row.key,
        "assessment": msgspec.json.encode(row.assessment).decode(),
        "scored_at": as_of_text(row.scored_at_ms),
        "x": row.vector,
        "expires_at": row.scored_at_ms // 1000 + keys.KEPT_S,
    }
    explained = {"c": row.contributions, "r": row.registry} if row.contributions else {}
    night = {} if row.begun_ms is None else {"begun_ms": row.begun_ms}
    return item | explained | night
