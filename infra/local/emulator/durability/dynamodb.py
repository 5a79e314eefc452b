"""DynamoDB in the journal: items, stream records, transaction tokens, and the tables without their items.

Writes mark the keys they touch; `collect` reads what those keys hold at that moment. So the order in which
threads write does not matter, and a key written twice before a reply is journaled once.
"""

from __future__ import annotations

import copy
import json
import time
from collections import defaultdict, deque
from typing import Any

from infra.local.emulator.durability.encoding import decode, encode_live, unchanging
from infra.local.emulator.durability.journal import Journal
from infra.local.emulator.patching import replace

DOCUMENT = "dynamodb"
OWNER_PREFIX = "dynamodb:"
NOT_PERSISTED = ("items", "_index_members", "ItemCount", "TableSizeBytes")
SETTINGS = (
    "_tags", "_ttl_settings", "_pitr_settings", "_kinesis_destinations", "_contributor_insights", "_backups",
    "_resource_policies", "_exports", "_imports",
)  # fmt: skip

Change = tuple[int, str, str | None]


class DurableTables:
    """Follows the tables of the emulator's DynamoDB service and writes them to the journal."""

    def __init__(self, dynamodb: Any, journal: Journal) -> None:
        self._dynamodb = dynamodb
        self._journal = journal
        self._touched: deque[tuple[Any, Any, Any]] = deque()
        self._tokens: deque[tuple[str, Any]] = deque()
        self._document = ""

    def install(self) -> None:
        """Hook every place where items are written, and the storing of transaction tokens."""
        service, touched, tokens = self._dynamodb, self._touched, self._tokens

        def _set_item(table: Any, pk_val: Any, sk_val: Any, item: Any) -> Any:
            old = set_item(table, pk_val, sk_val, item)
            touched.append((table, pk_val, sk_val))
            return old

        def _remove_item(table: Any, pk_val: Any, sk_val: Any) -> Any:
            old = remove_item(table, pk_val, sk_val)
            touched.append((table, pk_val, sk_val))
            return old

        def _items_replaced(table: Any) -> None:
            items_replaced(table)
            touched.append((table, None, None))

        def _txn_token_store(crt: str, entry: Any) -> None:
            token_store(crt, entry)
            tokens.append((_token_key(crt), entry))

        set_item = replace(service, "_set_item", _set_item, source_sha256=SHA256["_set_item"])
        remove_item = replace(service, "_remove_item", _remove_item, source_sha256=SHA256["_remove_item"])
        items_replaced = replace(
            service, "_items_replaced", _items_replaced, source_sha256=SHA256["_items_replaced"]
        )
        token_store = replace(
            service, "_txn_token_store", _txn_token_store, source_sha256=SHA256["_txn_token_store"]
        )

    def load(self) -> None:
        """Bring tables, items and transaction tokens back."""
        body = self._journal.document(DOCUMENT)
        if body is None:
            return
        self._document = body
        self._dynamodb.load_persisted_state(decode(body))
        for table in self._dynamodb._tables.all_values():
            table["items"] = defaultdict(dict)
            self._load_items(table)
        self._touched.clear()
        self._forget_deleted()
        self._load_tokens()

    def _load_items(self, table: dict[str, Any]) -> None:
        extract, sort = self._dynamodb._extract_key_val, table["sk_name"]
        with self._journal.transaction() as database:
            owner = self._journal.owner(table_identity(table))
            for (text,) in database.execute(
                "SELECT item FROM items WHERE owner = ? ORDER BY rowid", (owner,)
            ):
                item = json.loads(text)
                sort_value = extract(item.get(sort)) if sort else "__no_sort__"
                table["items"][extract(item.get(table["pk_name"]))][sort_value] = item
        self._dynamodb._items_replaced(table)

    def _load_tokens(self) -> None:
        oldest = time.time() - self._dynamodb._TXN_TOKEN_TTL
        with self._journal.transaction() as database:
            database.execute("DELETE FROM transaction_tokens WHERE completed < ?", (oldest,))
            for key, entry in database.execute("SELECT key, entry FROM transaction_tokens"):
                self._dynamodb._txn_idempotency._data[tuple(json.loads(key))] = json.loads(entry)

    def collect(self) -> list[Change]:
        """The touched keys with what they hold now (None: nothing); unknown tables are written first."""
        latest: dict[tuple[int, str], Change] = {}
        while self._touched:
            table, partition, sort = self._touched.popleft()
            if not self._journal.knows(table_identity(table)):
                self.write_document()
            owner = self._journal.owner(table_identity(table))
            if partition is None:
                latest = {key: change for key, change in latest.items() if key[0] != owner}
                latest[owner, ""] = (owner, "", None)
                for change in _all_items(table, owner):
                    latest[owner, change[1]] = change
                continue
            item = table["items"].get(partition, {}).get(sort)
            key = json.dumps((partition, sort))
            latest[owner, key] = (owner, key, None if item is None else json.dumps(item))
        return list(latest.values())

    def write(self, changes: list[Change]) -> None:
        """Write collected changes, then the transaction tokens. Call inside a journal transaction."""
        with self._journal.transaction() as database:
            for owner, key, item in changes:
                if key == "":
                    database.execute("DELETE FROM items WHERE owner = ?", (owner,))
                elif item is None:
                    database.execute("DELETE FROM items WHERE owner = ? AND key = ?", (owner, key))
                else:
                    database.execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?)", (owner, key, item))
            while self._tokens:
                token, entry = self._tokens.popleft()
                database.execute(
                    "INSERT OR REPLACE INTO transaction_tokens VALUES (?, ?, ?)",
                    (token, entry["completed_at"], json.dumps(entry)),
                )

    def pending(self) -> bool:
        """Whether anything was touched since the last `collect`."""
        return bool(self._touched or self._tokens)

    def write_document(self) -> None:
        """Write the tables' metadata if it differs from what the journal has."""
        body = encode_live(self._state)
        if body != self._document:
            self._document = body
            self._journal.put_document(DOCUMENT, body)
            self._forget_deleted()

    def _state(self) -> dict[str, Any]:
        tables = copy.copy(self._dynamodb._tables)
        tables._data = {
            key: {name: value for name, value in table.items() if name not in NOT_PERSISTED}
            for key, table in self._dynamodb._tables.all_items()
        }
        return {"tables": tables, **{name[1:]: getattr(self._dynamodb, name) for name in SETTINGS}}

    def _forget_deleted(self) -> None:
        keep = {table_identity(table) for table in self._dynamodb._tables.all_values()}
        self._journal.forget_owners(prefix=OWNER_PREFIX, keep=keep)


def table_identity(table: dict[str, Any]) -> str:
    """Different for a table deleted and created again under the same name."""
    return f"{OWNER_PREFIX}{table['TableArn']}#{table['TableId']}"


def _all_items(table: dict[str, Any], owner: int) -> list[Change]:
    return unchanging(
        lambda: [
            (owner, json.dumps((partition, sort)), json.dumps(item))
            for partition, items in table["items"].items()
            for sort, item in items.items()
        ]
    )


def _token_key(token: str) -> str:
    from ministack.core.responses import get_account_id, get_region

    return json.dumps((get_account_id(), get_region(), token))


SHA256 = {
    "_set_item": "4e78ad492132cdbad7bd356b0fe962214d886415b39f88bdfc05d56263d99ba9",
    "_remove_item": "5cce50c99688dab8a5219d2e4bbcd06fc3b74c932d6aa6b47db5afc614203a1e",
    "_items_replaced": "b48626c371f77c18df8fa1ad9e1ce3fa214dcb6d57cfa0e4d99c817b6170aefd",
    "_txn_token_store": "a14fb08b45087009c25f6c1bdb45f141cf936de370bb20e39614d53bf8184b55",
}
