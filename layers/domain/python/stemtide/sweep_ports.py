"""What the steps of a run over every account touch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from stemtide.event_days import EventDays
from stemtide.features.cohorts import Cohorts
from stemtide.jobs import Runs
from stemtide.ports import SideBySide
from stemtide.sweep import Begun


class Log(Protocol):
    """Where a run leaves its batches and what became of them; see `store.sweeps.SweepLog`."""

    @property
    def bucket(self) -> str: ...

    def put_items(self, run: str, step: str, items: Sequence[Mapping[str, Any]]) -> str: ...

    def put_list(self, run: str, name: str, content: Any) -> str: ...

    def read_list(self, key: str) -> Any: ...

    def read_lists(self, run: str, names: Iterable[str], side_by_side: SideBySide) -> list[Any]: ...

    def note(self, run: str, facts: Mapping[str, Any]) -> None: ...

    def read_peers(self, run: str, numbers: Iterable[int], side_by_side: SideBySide) -> list[bytes]: ...

    def batches(self, run: str, step: str) -> dict[int, dict[str, Any]]: ...


class Nights(Protocol):
    """What is known of each night; see `store.sweep_nights.SweepNights`."""

    def read(self, night: str) -> dict[str, Any] | None: ...

    def begin(self, night: str, *, run: str, version: str | None, shadow: bool, now_ms: int) -> Begun: ...

    def unfinished(self, *, latest: int) -> list[str]: ...

    def abort(self, night: str, *, run: str, cause: str) -> None: ...

    def note(self, night: str, *, run: str, facts: Mapping[str, Any]) -> None: ...

    def before(self, night: str, *, state: str, limit: int) -> list[dict[str, Any]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPorts:
    """What the steps touch.

    `accounts` lists every account, `champion` and `challenger` name versions, `usable` says whether one
    loads, `in_shadow` whether nothing may act on what it says, `events` is when there were events around an
    instant, `lag_ms` how far the stream's consumers are behind now, `slots` a run's claims of
    scheduled nights, `put_peers` keeps those of a night's instant, `now_ms` the present (for the log alone),
    `metric` counts.
    """

    accounts: Callable[[], Iterable[str]]
    champion: Callable[[], str | None]
    challenger: Callable[[], str | None]
    usable: Callable[[str], bool]
    in_shadow: Callable[[str | None], bool]
    events: Callable[[int], EventDays]
    lag_ms: Callable[[], int]
    log: Log
    nights: Nights
    slots: Callable[[str], Runs]
    put_peers: Callable[[int, Cohorts], None]
    side_by_side: SideBySide
    now_ms: Callable[[], int]
    metric: Callable[[str, int], None]
    refused: Callable[[], str | None] = lambda: None
    """What was refused when `champion` was asked last, in words; None: nothing was."""
