"""The episodes table: one row per episode, its ledger, and a guard so that a customer has one at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

import msgspec
from boto3.dynamodb.conditions import Attr, Key

from stemtide.as_of import as_of_text
from stemtide.dunning.episode import JOURNEY, Episode
from stemtide.dunning.ledger import Entry
from stemtide.ports import ConflictError
from stemtide.store.batches import write_together
from stemtide.store.errors import translated
from stemtide.store.table_scan import scan

T = TypeVar("T")
R = TypeVar("R")

EPISODE: Final = "episode"
LEDGER_PREFIX: Final = "ledger#"
LEDGER_ROWS: Final = 200
"""Of one request, when all episodes' are read."""
_PREFIX: Final = "episode#"
_NEW: Final = "attribute_not_exists(pk)"


class EpisodeTable:
    """`dunning.ports.Episodes` on the episodes table (boto3 Table resource; only its client is used)."""

    def __init__(self, table: Any) -> None:
        self._client = table.meta.client
        self._name = table.name

    def read(self, episode_id: str, /) -> tuple[Episode, list[Entry]] | None:
        """The row and all entries as of now, None: no such episode.

        Raises:
            UnavailableError: no answer.
        """
        episode, entries = None, []
        for item in self._query(Key("pk").eq(episode_key(episode_id)), ConsistentRead=True):
            if item["sk"] == EPISODE:
                episode = msgspec.json.decode(item["episode"], type=Episode)
            else:
                entries.append(msgspec.json.decode(item["entry"], type=Entry))
        return None if episode is None else (episode, entries)

    def open(self, episode: Episode, first: Entry, /) -> bool:
        """Keep a new episode with its first entry; False: it is there, or its customer has one that runs.

        Raises:
            UnavailableError: outcome unknown; the same again changes nothing.
        """
        kept = msgspec.structs.replace(episode, seq=first.seq, version=1)
        guard = {"pk": f"customer#{episode.customer}", "sk": JOURNEY, "episode": episode.id}
        puts = [_row(kept), _entry(kept, first), guard]
        try:
            self._transact([self._put(item, _NEW) for item in puts])
        except ConflictError:
            return False
        return True

    def append(self, episode: Episode, entries: Sequence[Entry], /) -> Episode:
        """Add entries and write the row (with its new `seq`) in one transaction; the row as it is then.

        step of the execution             step of another execution
        reads the row at version 7
                                          reads the row at version 7
                                          writes version 8 with entry 5
        writes version 8 with entry 5 -> refused: the row is not at 7

        Raises:
            ConflictError: the row is not of `episode.version`: somebody else has moved on.
            UnavailableError: outcome unknown.
        """
        seq = max((entry.seq for entry in entries), default=episode.seq)
        kept = msgspec.structs.replace(episode, seq=seq, version=episode.version + 1)
        writes = [self._put(_row(kept), "version = :v", {":v": episode.version})]
        writes += [self._put(_entry(kept, entry), _NEW) for entry in entries]
        if kept.is_over:
            writes.append({"Delete": {"TableName": self._name, "Key": _guard_key(episode)}})
        self._transact(writes)
        return kept

    def running_of(self, customer: str) -> str | None:
        """The id of the episode that runs about a customer.

        Raises:
            UnavailableError: no answer.
        """
        with translated():
            found = self._client.get_item(
                TableName=self._name, Key={"pk": f"customer#{customer}", "sk": JOURNEY}, ConsistentRead=True
            )
        return str(found["Item"]["episode"]) if "Item" in found else None

    def running(self) -> Iterator[Episode]:
        """The episodes that run, the oldest first; one that was just opened or ended may lag behind."""
        for item in self._query(Key("running").eq(JOURNEY), IndexName="running"):
            yield msgspec.json.decode(item["episode"], type=Episode)

    def of_account(self, account: str) -> list[Episode]:
        """The episodes of an account, the newest first; one that was just opened may lag behind."""
        found = self._query(Key("account").eq(account), IndexName="by_account", ScanIndexForward=False)
        return [msgspec.json.decode(item["episode"], type=Episode) for item in found]

    def ledger_of(self, day: str, *, after: str = "") -> Iterator[tuple[str, str, Entry]]:
        """Account, episode and entry of what was entered on a UTC day (`YYYY-MM-DD`), in order.

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
        self, item: dict[str, Any], condition: str, values: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        put = {"TableName": self._name, "Item": item, "ConditionExpression": condition}
        return {"Put": put | ({"ExpressionAttributeValues": values} if values else {})}

    def _transact(self, writes: list[dict[str, Any]]) -> None:
        if write_together(self._client, writes):
            raise ConflictError("another write was first")


def episode_key(episode_id: str) -> str:
    """The partition of an episode and its ledger."""
    return f"{_PREFIX}{episode_id}"


def ledger_key(episode_id: str, entry: Entry) -> str:
    """What the entries of all episodes are sorted by."""
    return f"{as_of_text(entry.at_ms)}#{episode_id}#{entry.seq:06d}"


def _one_by_one(step: Callable[[T], R], items: Iterable[T], /) -> list[R]:
    return [step(item) for item in items]


def _guard_key(episode: Episode) -> dict[str, str]:
    return {"pk": f"customer#{episode.customer}", "sk": JOURNEY}


def _row(episode: Episode) -> dict[str, Any]:
    """The row; it is in the index of those that run until it is over."""
    running = {} if episode.is_over else {"running": JOURNEY}
    return {
        "pk": episode_key(episode.id),
        "sk": EPISODE,
        "episode": msgspec.json.encode(episode).decode(),
        "version": episode.version,
        "account": episode.account,
        "opened": f"{as_of_text(episode.opened_ms)}#{episode.id}",
        **running,
    }


def _entry(episode: Episode, entry: Entry) -> dict[str, Any]:
    return {
        "pk": episode_key(episode.id),
        "sk": f"{LEDGER_PREFIX}{entry.seq:06d}",
        "entry": msgspec.json.encode(entry).decode(),
        "of_account": episode.account,
        "ledger_day": as_of_text(entry.at_ms)[:10],
        "ledger_key": ledger_key(episode.id, entry),
    }
