"""Scoring one delivery of logins with few requests: somebody waits for each.

A claim answers the record that it was written into. So what the score is compared with can be read together
with what it is made of, and the record need not be read again:

    1  claim (UpdateItem) -> the record
    2  facts (Query) | kept usage and the row that the record shows (one BatchGetItem) | sources, if asked for
    3  the score's row (PutItem)
    4  the record (UpdateItem, if it is as it was claimed)
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from stemtide.as_of import last_closed_day
from stemtide.features.vectors import Known, Vector
from stemtide.ports import SideBySide
from stemtide.scoring.assess import Assessed
from stemtide.scoring.assessment import Trigger
from stemtide.scoring_service import Moment, ScoringPorts
from stemtide.store import record_keys as keys
from stemtide.store.account_items import AccountItems
from stemtide.store.fresh_sources import FreshSources
from stemtide.store.record_keys import StoredRecord, StoredScore
from stemtide.store.scoring import ScoreTables
from stemtide.store.usage_blocks import BLOCK, block_in
from stemtide.store.vectors import known_by


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginTables:
    """The tables for one delivery, each of whose accounts is claimed and scored once; `sources` are the
    process's, `side_by_side` reads what does not wait for each other (in threads of its own: who reads an
    account is one of the core's). What is remembered of an account serves one try: the next one reads all of
    it again."""

    tables: ScoreTables
    sources: FreshSources
    side_by_side: SideBySide
    _held: dict[str, StoredRecord] = field(default_factory=dict)
    _shown: dict[str, StoredScore] = field(default_factory=dict)
    _instants: list[int] = field(default_factory=list)

    def claim(self, moment: Moment, own: Collection[int]) -> bool:
        """Take the right to score an account as of a login; see `Records.claim_login`.

        Raises:
            UnavailableError: outcome unknown; the same moment may claim again.
        """
        held = self.tables.claim_login(moment, own)
        if held is not None:
            self._held[moment.account] = held
            self._instants.append(moment.as_of_ms)
        return held is not None

    def over(self, ports: ScoringPorts) -> ScoringPorts:
        """The tables' own ports with these in their place."""
        return replace(ports, read=self._read, fresh=self.sources.at, write=self._write, end=self._end)

    def _read(self, account: str, as_of_ms: int) -> Known:
        """What is known of an account; the sources of all moments come along, for when they are asked for."""
        reads: tuple[Callable[[], Any], ...] = (
            partial(self.tables.records.facts, account),
            partial(self.rows, account),
            partial(self.sources.at, self._instants),
        )
        facts, rows, _ = self.side_by_side(_done, reads)
        held = self._held.get(account)
        usage = self.tables.reader.read_with(
            block_in(rows.get(BLOCK)),
            account,
            last_closed_day(as_of_ms),
            had_usage=held is not None and held.last_day is not None,
        )
        return known_by(facts, usage, as_of_ms)

    def rows(self, account: str) -> dict[str, dict[str, Any]]:
        """The rows of the kept usage and of the score that the record shows, by sort key; the latter is
        remembered for when the new score is written.

        Raises:
            UnavailableError: no answer.
        """
        accounts = self.tables.accounts
        items = AccountItems(client=accounts.meta.client, name=accounts.name)
        shown = keys.shown_key(self._held.get(account))
        found = items.rows(account, [BLOCK] if shown is None else [BLOCK, shown])
        if shown in found:
            self._shown[account] = keys.score_in(found[shown])
        return found

    def _write(self, vector: Vector, assessed: Assessed, *, as_of_ms: int, trigger: Trigger) -> bool:
        account = vector.account
        held, shown = self._held.pop(account, None), self._shown.pop(account, None)
        return self.tables.write(
            vector,
            assessed,
            as_of_ms=as_of_ms,
            trigger=trigger,
            held=held or self.tables.records.read(account) or StoredRecord(account=account),
            shown=shown,
        )

    def _end(self, moment: Moment, trigger: Trigger) -> bool:
        held = self._held.pop(moment.account, None) or self.tables.records.read(moment.account)
        return self.tables.end(moment, trigger, held)


def _done(read: Callable[[], Any]) -> Any:
    return read()
