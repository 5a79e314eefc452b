"""The episodes table: one row per episode, its ledger, and a guard so that a customer has one at a time."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.as_of import as_of_text
from stemtide.dunning.episode import JOURNEY, Episode
from stemtide.dunning.ledger import Entry
from stemtide.ports import ConflictError
from stemtide.store.batches import write_together
from stemtide.store.errors import translated

EPISODE: Final = "episode"
LEDGER_PREFIX: Final = "ledger#"
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
        for item in self._query(Key("pk").eq(_pk(episode_id)), ConsistentRead=True):
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

    def ledger_of(self, day: str) -> Iterator[tuple[str, str, Entry]]:
        """Account, episode and entry of what was entered on a UTC day (`YYYY-MM-DD`), in order."""
        for item in self._query(Key("ledger_day").eq(day), IndexName="by_day"):
            entry = msgspec.json.decode(item["entry"], type=Entry)
            yield str(item["of_account"]), str(item["pk"]).removeprefix("episode#"), entry

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


def _pk(episode_id: str) -> str:
    return f"episode#{episode_id}"


def _guard_key(episode: Episode) -> dict[str, str]:
    return {"pk": f"customer#{episode.customer}", "sk": JOURNEY}


def _row(episode: Episode) -> dict[str, Any]:
    """The row; it is in the index of those that run until it is over."""
    running = {} if episode.is_over else {"running": JOURNEY}
    return {
        "pk": _pk(episode.id),
        "sk": EPISODE,
        "episode": msgspec.json.encode(episode).decode(),
        "version": episode.version,
        "account": episode.account,
        "opened": f"{as_of_text(episode.opened_ms)}#{episode.id}",
        **running,
    }


def _entry(episode: Episode, entry: Entry) -> dict[str, Any]:
    at = as_of_text(entry.at_ms)
    return {
        "pk": _pk(episode.id),
        "sk": f"{LEDGER_PREFIX}{entry.seq:06d}",
        "entry": msgspec.json.encode(entry).decode(),
        "of_account": episode.account,
        "ledger_day": at[:10],
        "ledger_key": f"{at}#{episode.id}#{entry.seq:06d}",
    }
