"""Designs of the write that do not work: each must fall soon, or the simulation proves nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

from stemtide.store import score_writes
from stemtide.store.account_items import AccountItems
from stemtide.store.errors import translated
from stemtide.store.record_keys import StoredRecord, StoredScore
from stemtide.store.score_writes import ScoreWrites, _Target

from tests.simulation.scoring.judge import outcome

Design = Callable[[], Any]


def falls_at(name: str, *, within: int) -> int | None:
    """The first seed in which the design goes wrong, None if it holds for so many."""
    with DESIGNS[name]():
        return next((seed for seed in range(within) if outcome(seed)), None)


def last_write_wins() -> Any:
    """Whoever writes last sets the record, whatever instant it is of."""

    def write(
        self: ScoreWrites, row: StoredScore, *, held: StoredRecord | None = None, shown: Any = None
    ) -> bool:
        held = held or self.items.record(row.account)
        self.items.put_new(score_writes._row_item(row))
        before = None if held is None or held.assessment is None else row
        values = self._values(_Target(row, before))
        return self.items.update(row.account, values, condition="attribute_not_exists(never)")

    return patch.object(ScoreWrites, "write", write)


def unconditional_row_without_its_trigger() -> Any:
    """Rows are put over what is there, under a key without the trigger."""
    made = score_writes._row_item

    def row_item(row: StoredScore) -> dict[str, Any]:
        _, as_of, _, version = row.key.split("#", 3)
        return made(row) | {"item": f"score#{as_of}#schedule#{version}"}

    @contextmanager
    def put() -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(patch.object(score_writes, "_row_item", row_item))
            stack.enter_context(patch.object(AccountItems, "put_new", _put_over))
            yield

    return put()


def rows_are_put_over_what_is_there() -> Any:
    """A repetition writes the row anew, with another time at which it was computed."""
    return patch.object(AccountItems, "put_new", _put_over)


def _put_over(self: AccountItems, item: Mapping[str, Any]) -> bool:
    with translated():
        self.client.put_item(TableName=self.name, Item=dict(item))
    return True


def record_without_a_condition() -> Any:
    """The record is set to what the rows said when they were read, whoever has changed it meanwhile."""
    update = AccountItems.update

    def blind(self: AccountItems, account: str, values: Any, *, condition: str, compared: Any = None) -> bool:
        return update(self, account, values, condition="attribute_not_exists(never)")

    return patch.object(AccountItems, "update", blind)


def moved_from_what_the_record_showed() -> Any:
    """What moved is told once, against the score that the record held: one that comes late is passed over."""

    def is_due(held: StoredRecord, target: _Target) -> bool:
        if held.as_of_ms is None:
            return True
        shown = (held.as_of_ms, held.model_version, held.trigger)
        now = (target.now.as_of_ms, target.now.model_version, target.now.trigger)
        return held.as_of_ms <= target.now.as_of_ms and shown != now

    return patch.object(score_writes, "_is_due", is_due)


def what_was_shown_is_believed() -> Any:
    """Whoever brings a new row takes it and what the record showed for the newest, however they lie."""
    return patch.object(score_writes, "_follows", lambda row, held, shown: True)


def what_was_shown_is_believed_of_an_old_row() -> Any:
    """A row that was there before is set as if it came right after what the record shows."""
    put_new = AccountItems.put_new

    def put(self: AccountItems, item: Mapping[str, Any]) -> bool:
        return put_new(self, item) or True

    return patch.object(AccountItems, "put_new", put)


def record_before_its_row() -> Any:
    """The record is written first: a crash between the two leaves a record without its row."""

    def write(
        self: ScoreWrites, row: StoredScore, *, held: StoredRecord | None = None, shown: Any = None
    ) -> bool:
        record = held or self.items.record(row.account) or StoredRecord(account=row.account)
        target = _Target(row, None)
        if score_writes._is_due(record, target):
            self._set(row.account, self._values(target), record)
        self.items.put_new(score_writes._row_item(row))
        return True

    return patch.object(ScoreWrites, "write", write)


DESIGNS: Final[dict[str, Design]] = {
    "last write wins": last_write_wins,
    "an unconditional row without its trigger": unconditional_row_without_its_trigger,
    "a row put over what is there": rows_are_put_over_what_is_there,
    "a record without a condition": record_without_a_condition,
    "moved from what the record showed": moved_from_what_the_record_showed,
    "what was shown is believed": what_was_shown_is_believed,
    "what was shown is believed of an old row": what_was_shown_is_believed_of_an_old_row,
    "the record before its row": record_before_its_row,
}
