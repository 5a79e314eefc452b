"""What happened to an account, newest first, from the rows of three tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec
from boto3.dynamodb.conditions import Key

from stemtide.as_of import as_of_text
from stemtide.calls import DAY_MS, day_of, timestamp_ms
from stemtide.drops import Drop
from stemtide.dunning.episode import JOURNEY
from stemtide.shadow import Withheld
from stemtide.store import contact_keys, record_keys
from stemtide.store.account_items import AccountItems
from stemtide.store.contact_items import ContactItems
from stemtide.store.episode_rows import AllEpisodes
from stemtide.store.episode_timeline import newest_first

PAGE_ROWS: Final = 50
_LAST: Final = "~"


class Entry(NamedTuple):
    """Something that happened, or was withheld: when (epoch ms), which row tells it, what, of what, why."""

    at_ms: int
    id: str
    kind: str
    about: str | None
    reason: str | None
    facts: dict[str, Any]


class Place(NamedTuple):
    """Where a page ended: the next one begins with what comes before it."""

    at_ms: int
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Reads the accounts, the contacts and the episodes table (boto3 Table resources)."""

    accounts: Any
    contacts: Any
    episodes: Any

    def read(
        self, account: str, *, limit: int, after: Place | None = None
    ) -> tuple[list[Entry], Place | None]:
        """Up to `limit` entries, newest first, and where to go on (None: that was all).

        Args:
            after: where the page before ended.

        Raises:
            UnavailableError: no answer.
        """
        before_ms = None if after is None else after.at_ms
        sources = (
            self._scores(account, before_ms),
            self._withheld(account, before_ms),
            self._drops(account, before_ms),
            self._notes(account, before_ms),
            self._episodes(account, before_ms),
        )
        entries = merge(*sources, key=lambda entry: (entry.at_ms, entry.id), reverse=True)
        left = (entry for entry in entries if after is None or (entry.at_ms, entry.id) < after)
        page = list(islice(left, limit + 1))
        if len(page) <= limit:
            return page, None
        return page[:limit], Place(page[limit - 1].at_ms, page[limit - 1].id)

    def _scores(self, account: str, before_ms: int | None) -> Iterator[Entry]:
        for item in self._account_rows(account, record_keys.SCORE_PREFIX, before_ms):
            score = record_keys.score_in(item)
            facts = {
                "score": score.assessment.score,
                "tier": score.assessment.tier,
                "basis": score.assessment.basis,
                "trigger": score.trigger,
                "model_version": score.model_version,
            }
            yield Entry(score.as_of_ms, item["item"], "score", None, None, facts)

    def _withheld(self, account: str, before_ms: int | None) -> Iterator[Entry]:
        for item in self._account_rows(account, record_keys.WITHHELD_PREFIX, before_ms):
            found = msgspec.json.decode(item["withheld"], type=Withheld)
            facts = {"event": found.event, "capabilities": list(found.capabilities), "because": found.because}
            at_ms = timestamp_ms(found.as_of)
            yield Entry(at_ms, item["item"], "withheld", found.id, found.reason, facts)

    def _drops(self, account: str, before_ms: int | None) -> Iterator[Entry]:
        """Their rows are sorted by day only: those of a day are put in order here."""
        until = _LAST if before_ms is None else f"{day_of(before_ms // DAY_MS * DAY_MS)}{_LAST}"
        day: list[Entry] = []
        for item in self._rows(account, record_keys.DROP_PREFIX, until):
            drop = msgspec.json.decode(item["drop"], type=Drop)
            entry = Entry(drop.as_of_ms, item["item"], "usage_drop", drop.rule, None, dict(drop.figures))
            if day and day[0].at_ms // DAY_MS != entry.at_ms // DAY_MS:
                yield from sorted(day, reverse=True, key=lambda one: one[:2])
                day = []
            day.append(entry)
        yield from sorted(day, reverse=True, key=lambda one: one[:2])

    def _notes(self, account: str, before_ms: int | None) -> Iterator[Entry]:
        end = _LAST if before_ms is None else f"{as_of_text(before_ms)}{_LAST}"
        condition = Key("pk").eq(contact_keys.of_account(account)) & Key("sk").between(
            contact_keys.SENT_PREFIX, f"{contact_keys.SENT_PREFIX}{end}"
        )
        rows = ContactItems(self.contacts).query(condition, ScanIndexForward=False, Limit=PAGE_ROWS)
        for item in rows:
            note = contact_keys.note_in(item)
            if note.facts.get("journey") == JOURNEY and not note.about:
                continue  # a mail without a key is told by the episode, which knows all of them
            yield Entry(note.at_ms, item["sk"], note.kind, note.about or None, note.reason, dict(note.facts))

    def _episodes(self, account: str, before_ms: int | None) -> Iterator[Entry]:
        for one in newest_first(AllEpisodes(self.episodes), account, until_ms=before_ms):
            yield Entry(one.at_ms, one.row, one.told.kind, one.episode, one.told.reason, one.told.facts)

    def _account_rows(self, account: str, prefix: str, before_ms: int | None) -> Iterator[dict[str, Any]]:
        return self._rows(account, prefix, _LAST if before_ms is None else f"{as_of_text(before_ms)}{_LAST}")

    def _rows(self, account: str, prefix: str, until: str) -> Iterator[dict[str, Any]]:
        items = AccountItems(client=self.accounts.meta.client, name=self.accounts.name)
        condition = Key("account").eq(account) & Key("item").between(prefix, f"{prefix}{until}")
        return items.query(condition, ScanIndexForward=False, Limit=PAGE_ROWS)
