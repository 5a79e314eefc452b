"""Scoring on AWS: `scoring_service`'s ports on the tables."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from stemtide.calls import MINUTE_MS
from stemtide.config_schema import Config
from stemtide.config_sources import Source
from stemtide.features.registry import Shape, registry
from stemtide.features.vectors import Known, Vector
from stemtide.ports import ConflictError, SideBySide
from stemtide.scoring.assess import Assessed
from stemtide.scoring.assessment import RULES_VERSION, Trigger
from stemtide.scoring.known_sources import Fresh
from stemtide.scoring.movement import packed
from stemtide.scoring_service import Moment, ScoringPorts
from stemtide.store import record_keys as keys
from stemtide.store.errors import translated
from stemtide.store.pace import Threads
from stemtide.store.record_keys import StoredRecord, StoredScore
from stemtide.store.records import Records
from stemtide.store.sources import read_freshness_at
from stemtide.store.usage_blocks import UsageBlocks
from stemtide.store.usage_reader import UsageReader
from stemtide.store.vectors import read_known


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTables:
    """The tables that scoring reads (boto3 Table resources); threads share only their clients."""

    usage: Any
    accounts: Any
    ingest: Any
    config: Config

    @property
    def records(self) -> Records:
        """The accounts table's rows."""
        return Records(self.accounts)

    @property
    def reader(self) -> UsageReader:
        """Reads accounts' usage, and keeps what the next score needs of it."""
        return UsageReader.of_table(self.usage, blocks=UsageBlocks(self.accounts), events=self.config.events)

    def ports(
        self,
        side_by_side: SideBySide,
        *,
        say_failed: Callable[[Moment, Exception], None],
        begun_ms: int | None = None,
    ) -> ScoringPorts:
        """The ports on these tables; `begun_ms` as `StoredScore` has it."""
        return ScoringPorts(
            read=self._read,
            fresh=self.fresh,
            write=partial(self._write, begun_ms=begun_ms),
            end=self._end,
            side_by_side=side_by_side,
            pause=time.sleep,
            say_failed=say_failed,
            least_history_days=self.config.scoring.least_history_days,
        )

    def claim_login(self, moment: Moment, own: Collection[int]) -> StoredRecord | None:
        """Take the right to score an account as of a login, and its record; see `Records.claim_login`.

        Raises:
            UnavailableError: outcome unknown; the same moment may claim again.
        """
        debounce_ms = self.config.triggers.login_debounce_minutes * MINUTE_MS
        return self.records.claim_login(
            moment.account, as_of_ms=moment.as_of_ms, own=own, debounce_ms=debounce_ms
        )

    def note_skipped(self, account: str, *, day: str, rule: str) -> None:
        """Note on a drop's row that the account is no customer and was not scored.

        Raises:
            UnavailableError: outcome unknown.
        """
        try:
            with translated():
                self.accounts.meta.client.update_item(
                    TableName=self.accounts.name,
                    Key={"account": account, "item": f"{keys.DROP_PREFIX}{day}#{rule}"},
                    UpdateExpression="SET skipped = :why",
                    ConditionExpression="attribute_exists(account)",
                    ExpressionAttributeValues={":why": keys.NO_CUSTOMER},
                )
        except ConflictError:
            return  # the row has expired

    def _read(self, account: str, as_of_ms: int) -> Known:
        return read_known(self.reader, self.records, account, as_of_ms)

    def fresh(self, instants: Sequence[int]) -> Mapping[int, Fresh]:
        """Which sources were fresh at each instant (epoch ms), as is known now.

        Raises:
            UnavailableError: no answer.
        """
        found = read_freshness_at(self.ingest, instants, self.config.sources, side_by_side=_askers())
        return {at_ms: {one.source: one.fresh for one in states} for at_ms, states in found.items()}

    def _end(self, moment: Moment, trigger: Trigger) -> bool:
        """Whether a score was taken out of the record; most have none, which a read tells for less."""
        return self.end(moment, trigger, self.records.read(moment.account))

    def end(self, moment: Moment, trigger: Trigger, held: StoredRecord | None) -> bool:
        """Whether a score was taken out of the record, as it was read a moment ago.

        Raises:
            UnavailableError: outcome unknown; the same again completes it.
        """
        if held is None or held.assessment is None:
            return False
        return self.records.end_score(
            moment.account, as_of_ms=moment.as_of_ms, ended_at=int(time.time() * 1000), trigger=trigger
        )

    def _write(
        self,
        vector: Vector,
        assessed: Assessed,
        *,
        as_of_ms: int,
        trigger: Trigger,
        begun_ms: int | None,
    ) -> bool:
        held = self.records.read(vector.account) or StoredRecord(account=vector.account)
        return self.write(vector, assessed, as_of_ms=as_of_ms, trigger=trigger, held=held, begun_ms=begun_ms)

    def write(
        self,
        vector: Vector,
        assessed: Assessed,
        *,
        as_of_ms: int,
        trigger: Trigger,
        held: StoredRecord,
        shown: StoredScore | None = None,
        begun_ms: int | None = None,
    ) -> bool:
        """Whether the record says this now and did not before; the same again changes nothing.

        Args:
            held: the record as it was read a moment ago.
            shown: the row that it shows, read since then; None: it was not.

        Raises:
            UnavailableError: outcome unknown; the same again completes it.
        """
        version = assessed.assessment.model_version or RULES_VERSION
        is_shown = (held.as_of_ms, held.model_version, held.trigger) == (
            as_of_ms,
            version,
            trigger,
        )
        same = is_shown and (begun_ms is None or held.assessment == assessed.assessment)
        if same and held.begun_ms == begun_ms:
            return False
        written = self.records.write_score(
            vector.account,
            assessed.assessment,
            as_of_ms=as_of_ms,
            scored_at=int(time.time() * 1000),
            trigger=trigger,
            vector=vector.values.astype("<f8").tobytes(),
            contributions=packed(assessed.contributions),
            known=registry(Shape.of(self.config.events)),
            held=held,
            shown=shown,
            begun_ms=begun_ms,
        )
        return written and not same


@lru_cache(maxsize=1)
def _askers() -> Threads:
    """Of their own: whoever asks for sources is a thread itself, and must not wait for its like."""
    return Threads(max_workers=len(Source))
