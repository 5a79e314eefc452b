"""The episodes table: a row for each run of a journey, its ledger, a guard so that there is one at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, Generic, TypeVar

import msgspec
from boto3.dynamodb.conditions import Attr, Key

from stemtide.as_of import as_of_text
from stemtide.dunning.episode import JOURNEY as DUNNING
from stemtide.dunning.episode import Episode
from stemtide.dunning.ledger import Entry, Kind
from stemtide.plays.play import Journey, Play
from stemtide.plays.told import TASK, task_of
from stemtide.ports import ConflictError
from stemtide.store.batches import write_together
from stemtide.store.errors import translated
from stemtide.store.table_scan import scan

T = TypeVar("T")
S = TypeVar("S")

AnyRow = Episode | Play
"""A run of a journey."""
R = TypeVar("R", bound=AnyRow)

EPISODE: Final = "episode"
LEDGER_PREFIX: Final = "ledger#"
LEDGER_ROWS: Final = 200
"""Of one request, when all episodes' are read."""
NEW: Final = "attribute_not_exists(pk)"
_PREFIX: Final = "episode#"


class EpisodeRows(Generic[R]):
    """Reads and writes runs of some journeys (boto3 Table resource; only its client is used)."""

    types: ClassVar[Mapping[str, type[Any]]]
    """The journeys, and what their rows are."""

    def __init__(self, table: Any) -> None:
        self._client = table.meta.client
        self._name = table.name

    def read(self, episode_id: str, /) -> tuple[R, list[Entry]] | None:
        """The row and all entries as of now, None: no such episode of these journeys.

        Raises:
            UnavailableError: no answer.
        """
        row, entries = None, []
        for item in self._query(Key("pk").eq(episode_key(episode_id)), ConsistentRead=True):
            if item["sk"] == EPISODE:
                row = self._row(item)
            else:
                entries.append(msgspec.json.decode(item["entry"], type=Entry))
        return None if row is None else (row, entries)

    def append(self, row: R, entries: Sequence[Entry], /) -> R:
        """Add entries and write the row (with its new `seq`) in one transaction; the row as it is then.

        step of the execution             step of another execution
        reads the row at version 7
                                          reads the row at version 7
                                          writes version 8 with entry 5
        writes version 8 with entry 5 -> refused: the row is not at 7

        Raises:
            ConflictError: the row is not of `row.version`: somebody else has moved on.
            UnavailableError: outcome unknown.
        """
        return self._append(row, entries, ())

    def running(self) -> Iterator[R]:
        """Those that run, by journey the oldest first; one that was just opened or ended may lag behind."""
        for journey in self.types:
            for item in self._query(Key("running").eq(journey), IndexName="running"):
                yield self._decoded(item, journey)

    def of_account(self, account: str) -> list[R]:
        """Those of an account, the newest first; one that was just opened may lag behind."""
        items = self._query(Key("account").eq(account), IndexName="by_account", ScanIndexForward=False)
        found = (self._row(item) for item in items)
        return [row for row in found if row is not None]

    def ledger_of(self, day: str, *, after: str = "") -> Iterator[tuple[str, str, Entry]]:
        """Account, episode and entry of what was entered on a UTC day (`YYYY-MM-DD`), of all journeys, in
        order.

        Args:
            after: only what follows this `ledger_key`.
        """
        condition = Key("ledger_day").eq(day)
        if after:
            condition &= Key("ledger_key").gt(after)
        for item in self._query(condition, IndexName="by_day", Limit=LEDGER_ROWS):
            entry = msgspec.json.decode(item["entry"], type=Entry)
            yield str(item["of_account"]), str(item["pk"]).removeprefix(_PREFIX), entry

    def ids(self) -> Iterator[str]:
        """The id of every episode, in no order: reads the whole table."""
        query = {
            "TableName": self._name,
            "FilterExpression": Attr("sk").eq(EPISODE),
            "ProjectionExpression": "pk",
        }
        for items in scan(self._client, query, side_by_side=_one_by_one, segments=1):
            yield from (str(item["pk"]).removeprefix(_PREFIX) for item in items)

    def _open(self, row: R, first: Entry, guard: Mapping[str, Any]) -> bool:
        """Put a new row with its first entry and its guard (a Put); False: one of them is in the way.

        Raises:
            UnavailableError: outcome unknown; the same again changes nothing.
        """
        kept = msgspec.structs.replace(row, seq=first.seq, version=1)
        puts = [self._put(_item(kept), NEW), self._put(episode_entry(kept, first), NEW), {"Put": guard}]
        try:
            self._transact(puts)
        except ConflictError:
            return False
        return True

    def _append(self, row: R, entries: Sequence[Entry], more: Sequence[Mapping[str, Any]]) -> R:
        """See `append`; `more` are further writes of the transaction."""
        seq = max((entry.seq for entry in entries), default=row.seq)
        kept: R = msgspec.structs.replace(row, seq=seq, version=row.version + 1)
        writes = [self._put(_item(kept), "version = :v", {":v": row.version})]
        writes += [self._put(episode_entry(kept, entry), NEW) for entry in entries]
        self._transact([*writes, *more])
        return kept

    def _get(self, key: Mapping[str, str]) -> dict[str, Any] | None:
        """An item as of now.

        Raises:
            UnavailableError: no answer.
        """
        with translated():
            found: dict[str, Any] = self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True)
        return found.get("Item")

    def _query(self, condition: Any, **more: Any) -> Iterator[dict[str, Any]]:
        page: dict[str, Any] = {}
        while True:
            with translated():
                found = self._client.query(
                    TableName=self._name, KeyConditionExpression=condition, **more, **page
                )
            yield from found["Items"]
            if "LastEvaluatedKey" not in found:
                return
            page = {"ExclusiveStartKey": found["LastEvaluatedKey"]}

    def _put(
        self, item: Mapping[str, Any], condition: str, values: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        put = {"TableName": self._name, "Item": item, "ConditionExpression": condition}
        return {"Put": put | ({"ExpressionAttributeValues": values} if values else {})}

    def _transact(self, writes: Sequence[Mapping[str, Any]]) -> None:
        if write_together(self._client, writes):
            raise ConflictError("another write was first")

    def _row(self, item: Mapping[str, Any]) -> R | None:
        journey = str(item["journey"])
        return self._decoded(item, journey) if journey in self.types else None

    def _decoded(self, item: Mapping[str, Any], journey: str) -> R:
        found: R = msgspec.json.decode(item["episode"], type=self.types[journey])
        return found


class AllEpisodes(EpisodeRows[AnyRow]):
    """Runs of every journey, for those who look at them."""

    types: ClassVar[Mapping[str, type[Any]]] = {DUNNING: Episode, **dict.fromkeys(Journey, Play)}


def episode_key(episode_id: str) -> str:
    """The partition of an episode and its ledger."""
    return f"{_PREFIX}{episode_id}"


def ledger_key(episode_id: str, entry: Entry) -> str:
    """What the entries of all episodes are sorted by."""
    return f"{as_of_text(entry.at_ms)}#{episode_id}#{entry.seq:06d}"


def journey_of(row: AnyRow) -> str:
    """The journey that a row is a run of."""
    return DUNNING if isinstance(row, Episode) else row.journey


def _one_by_one(step: Callable[[T], S], items: Iterable[T], /) -> list[S]:
    return [step(item) for item in items]


def _item(row: AnyRow) -> dict[str, Any]:
    """The row; it is in the index of those that run until it is over."""
    journey = str(journey_of(row))
    return {
        "pk": episode_key(row.id),
        "sk": EPISODE,
        "episode": msgspec.json.encode(row).decode(),
        "journey": journey,
        "version": row.version,
        "account": row.account,
        "opened": f"{as_of_text(row.opened_ms)}#{row.id}",
        **({} if row.is_over else {"running": journey}),
    }


def episode_entry(row: AnyRow, entry: Entry) -> dict[str, Any]:
    """An entry; one that raises a task holds it as the table's stream tells it."""
    raised = {}
    if isinstance(row, Play) and entry.kind is Kind.TASK:
        raised = {TASK: msgspec.json.encode(task_of(row, entry)).decode()}
    return {
        "pk": episode_key(row.id),
        "sk": f"{LEDGER_PREFIX}{entry.seq:06d}",
        "entry": msgspec.json.encode(entry).decode(),
        "of_account": row.account,
        "ledger_day": as_of_text(entry.at_ms)[:10],
        "ledger_key": ledger_key(row.id, entry),
        **raised,
    }
