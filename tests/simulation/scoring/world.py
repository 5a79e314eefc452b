"""The real scoring service and store on the table in memory, worked through a story."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from stemtide import scoring_service
from stemtide.as_of import last_closed_day
from stemtide.config import bundled_config
from stemtide.features.configured_features import Shape
from stemtide.features.profile_columns import Basis
from stemtide.features.registry import Registry, registry
from stemtide.features.usage_at import usage_at
from stemtide.features.vectors import Known, Vector, vectors_at
from stemtide.ports import UnavailableError
from stemtide.profile import Profile, Standing
from stemtide.scoring.artefact import Model
from stemtide.scoring.assessment import Trigger
from stemtide.scoring_service import Fate, Moment, score_moments
from stemtide.store import scoring as store
from stemtide.store.fresh_sources import FreshSources
from stemtide.store.login_tables import LoginTables
from stemtide.store.records import Records
from stemtide.store.scoring import ScoreTables

from tests.features_support import day, history
from tests.scoring_models import exported, rows, trained
from tests.simulation.scoring.story import Event, Story, ticking
from tests.simulation.scoring.table import Crash, MemoryTable
from tests.stream_memory import one_by_one

ACCOUNT: Final = "acme"
CONFIG: Final = bundled_config()
BASIS: Final = Basis.of(CONFIG)
REGISTRY: Final[Registry] = registry(Shape.of(CONFIG.events))
MOST_REDELIVERIES: Final = 60


@lru_cache(maxsize=1)
def models() -> dict[str | None, Model | None]:
    """Two versions, and none: rules."""
    x = rows(400)
    with TemporaryDirectory() as folder:
        made = {
            version: exported(Path(folder) / version, trained(x, rounds=trees), version=version)
            for version, trees in (("v1", 12), ("v2", 20))
        }
    return {None: None, **made}


@lru_cache(maxsize=256)
def vector_of(as_of_ms: int, *, customer: bool) -> Vector:
    """The account as of an instant: another on each day, none when it is no customer."""
    profile = Profile(subscribed=customer, seats=20, since_ms=0)
    [found] = vectors_at([(_known(as_of_ms, profile), as_of_ms)], basis=BASIS)
    return found


def _known(as_of_ms: int, profile: Profile) -> Known:
    usage = usage_at(history(*_days()), last_closed_day(as_of_ms))
    return Known(usage=usage, closed=Standing(profile=profile), current=profile)


@lru_cache(maxsize=1)
def _days() -> list[Any]:

    source = Random(1)
    people = [f"u{number}" for number in range(9)]
    return [
        day(
            ago,
            {"API Call": 1 + source.randrange(90), "login": 1 + source.randrange(5)},
            source.sample(people, 4),
        )
        for ago in range(60)
        if source.random() < 0.8
    ]


class World:
    """One account's table, and everything that a story does to it."""

    def __init__(self, told: Story) -> None:
        self.story = told
        self.wrong: list[str] = []
        self.table = MemoryTable(faults=dict(told.faults), other=self._other, seen=self._seen)
        self._pending: deque[tuple[Event, ...]] = deque(told.deliveries)
        self._depth = 0
        self._first: dict[str, Any] = {}
        self._as_of = ""
        self._tick = ticking()

    @property
    def records(self) -> Records:
        """The store, to look at the end."""
        return Records(self.table)

    def run(self) -> None:
        """Work everything off as queues do: what fails or dies comes again."""
        with self._at_work():
            for _ in range(MOST_REDELIVERIES):
                if not self._pending:
                    break
                self._work_off()
        if self._pending:
            self.wrong.append("it never comes to an end")
        self.table.faults = {}

    def run_again(self) -> None:
        """Once more, as the next night does, when nothing goes wrong any more."""
        with self._at_work():
            for event in self.story.again:
                self._pending.append((event,))
                self._work_off()

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        clock = SimpleNamespace(time=lambda: next(self._tick) / 1000, sleep=None)
        remembered = patch.object(scoring_service, "vectors_at", _vectors_at)
        with patch.object(store, "time", clock), remembered:
            yield

    def _work_off(self) -> None:
        delivery = self._pending.popleft()
        moments = [Moment(ACCOUNT, event.as_of_ms) for event in delivery]
        _, trigger, version = delivery[0]
        try:
            ports = self._ports(moments if trigger is Trigger.LOGIN else ())
            fates = score_moments(moments, trigger=trigger, model=models()[version], basis=BASIS, ports=ports)
        except (Crash, UnavailableError):
            self._pending.append(delivery)
            return
        again = tuple(event for event in delivery if fates[Moment(ACCOUNT, event.as_of_ms)] is Fate.FAILED)
        if Fate.BROKEN in fates.values():
            self.wrong.append("what was written cannot be read")
        if again:
            self._pending.append(again)

    def _other(self) -> None:
        """Another delivery comes between two calls of the one that is worked off."""
        if self._pending and self._depth < 3:
            self._depth += 1
            self._work_off()
            self._depth -= 1

    def _ports(self, logins: Sequence[Moment]) -> Any:
        """The store's ports; for logins theirs, after they have claimed what they score. A login whose claim
        is refused is scored all the same: each event must have its row."""
        tables = ScoreTables(usage=None, accounts=self.table, ingest=None, config=CONFIG)
        ports = tables.ports(one_by_one, say_failed=lambda moment, error: None)
        read = self._read
        if logins:
            sources = FreshSources(ask=lambda instants: {})
            few = LoginTables(tables=tables, sources=sources, side_by_side=one_by_one)
            for moment in logins:
                few.claim(moment, [moment.as_of_ms])
            ports = few.over(ports)

            def read(account: str, as_of_ms: int) -> Any:
                few.rows(account)
                return self._read(account, as_of_ms)

        return replace(ports, read=read, fresh=lambda instants: {}, pause=lambda seconds: None)

    def _read(self, account: str, as_of_ms: int) -> Any:
        return as_of_ms not in self.story.ended

    def _seen(self, item: dict[str, Any]) -> None:
        """A row never changes, and the record never goes back."""
        name = item["item"]
        if name.startswith("score#"):
            if self._first.setdefault(name, item) != item:
                self.wrong.append(f"the row {name} was changed")
        elif "as_of" in item:
            if item["as_of"] < self._as_of:
                self.wrong.append(f"the record went back from {self._as_of} to {item['as_of']}")
            self._as_of = item["as_of"]


def _vectors_at(known: Any, *, basis: Basis) -> list[Vector]:
    """What a vector is does not depend on when it is asked for: each is computed once."""
    return [vector_of(as_of_ms, customer=customer) for customer, as_of_ms in known]
