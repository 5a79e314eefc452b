"""Whatever is lost, refused or killed during a replay: once it has come to its end, each row counts once.

The stream and its consumer are modelled with nothing more than what the product promises: a message id
that is among the last ID_WINDOW of its account and day is dropped, any other counts.
"""

import json
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide import limits
from stemtide_cli import packing, position, replaying, resuming
from stemtide_cli.errors import CliError
from stemtide_cli.packing import DAY_US
from stemtide_cli.position import END, START, Interval, Key
from stemtide_cli.replaying import Replay
from stemtide_cli.sender import StreamWriter

URL = "http://127.0.0.1"
CREATED = datetime(2024, 1, 1, tzinfo=UTC)


class Killed(BaseException):
    """The command line is gone in this instant."""


@dataclass
class Stream:
    """A stream and its consumer; `faults` says what happens to each request, then nothing does."""

    faults: Iterator[str]
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    recent: dict[tuple[str, str], deque[str]] = field(default_factory=dict)
    orders: dict[str, list[int]] = field(default_factory=dict)

    def describe_stream_summary(self, **_: Any) -> dict[str, Any]:
        return {"StreamDescriptionSummary": {"StreamCreationTimestamp": CREATED}}

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        fault = next(self.faults, "none")
        if fault == "refused":
            raise EndpointConnectionError(endpoint_url=URL)
        if fault == "killed before":
            raise Killed
        taken = [fault != "partly" or i % 2 == 0 for i in range(len(Records))]
        for record, is_taken in zip(Records, taken, strict=True):
            if is_taken:
                self.consume(json.loads(record["Data"])["batch"])
        if fault == "reply lost":
            raise ConnectionClosedError(endpoint_url=URL)
        if fault == "killed after":
            raise Killed
        answers = [{} if ok else {"ErrorCode": "ProvisionedThroughputExceededException"} for ok in taken]
        return {"Records": answers}

    def consume(self, batch: list[dict[str, Any]]) -> None:
        for call in batch:
            account, day, name = call["context"]["groupId"], call["timestamp"][:10], call["messageId"]
            window = self.recent.setdefault((account, day), deque(maxlen=limits.ID_WINDOW))
            if name not in window:
                window.append(name)
                self.counts[account, day, call["event"]] += 1


@dataclass(frozen=True)
class Log:
    """Rows in memory, read as `stemtide_cli.log.Log` reads them."""

    content: list[tuple[Any, ...]]
    fingerprint: str = "f" * 16
    properties: tuple[str, ...] = ()

    def rows(
        self, interval: Interval, *, batch: int, limit: int | None = None
    ) -> Iterator[list[tuple[Any, ...]]]:
        low, high = interval
        found = [row for row in self.content if low <= (row[0], row[1]) < high][:limit]
        for start in range(0, len(found), batch):
            yield found[start : start + batch]

    def without_instant(self) -> int:
        return 0


def row(number: int, drawn: tuple[str, int, str, bool]) -> tuple[Any, ...]:
    account, day, event, skipped = drawn
    skip = "no_event" if skipped else None
    return (
        day * DAY_US + number,
        number,
        skip,
        account,
        "u",
        event,
        f"2024-05-{day + 1:02}T00:00:00.000Z",
        None,
    )


ROWS = st.tuples(
    st.sampled_from("aaab"), st.integers(0, 1), st.sampled_from("xy"), st.integers(0, 7).map(lambda n: n == 7)
)
LOGS = st.lists(ROWS, min_size=25, max_size=90).map(
    lambda drawn: Log(sorted(row(i, d) for i, d in enumerate(drawn)))
)
KINDS = ["none", "none", "refused", "reply lost", "partly", "killed before", "killed after"]
FAULTS = st.lists(st.sampled_from(KINDS), min_size=3, max_size=40)
KEYS = st.one_of(st.just(START), st.just(END), st.integers(0, 3).map(lambda day: (day * DAY_US, 0)))
RUNS = st.lists(st.tuples(KEYS, KEYS, st.one_of(st.none(), st.integers(1, 30))), max_size=6)


@pytest.fixture(scope="module", autouse=True)
def _small_limits() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "ID_WINDOW", 3)
        patch.setattr(packing, "MAX_ENTRIES", 2)
        patch.setattr(replaying, "CHUNK_ROWS", 17)
        yield


def run(log: Log, stream: Stream, path: Path, wanted: tuple[Key, Key], limit: int | None) -> None:
    """One run of the command, until its end, its giving up or its death."""
    clock = iter(range(10**9))
    writer = StreamWriter(
        kinesis=stream,
        stream="events",
        restart="",
        say=lambda _: None,
        clock=lambda: float(next(clock)),
        sleep=lambda _: None,
    )
    at = resuming.resume(path, incarnation=writer.open(), mapping="m", restart=False, say=lambda _: None)
    replay = Replay(log=log, writer=writer, path=path, at=at)  # type: ignore[arg-type]
    try:
        replay.run(wanted, limit=limit, progress=lambda _: None)
    except (Killed, CliError):
        return


@settings(deadline=None, max_examples=200)
@given(LOGS, FAULTS, RUNS)
def test_each_row_counts_once_whatever_happens_on_the_way(
    log: Log, faults: list[str], runs: list[tuple[Key, Key, int | None]]
) -> None:
    stream = Stream(faults=iter(faults))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "p.json"

        for low, high, limit in runs:
            run(log, stream, path, (low, high), limit)
        for _ in range(len(faults) + 1):
            run(log, stream, path, (START, END), None)
        at = position.load(path)

    assert stream.counts == Counter((r[3], r[6][:10], r[5]) for r in log.content if r[2] is None)
    assert at is not None
    assert (at.pending, at.covered) == (None, ((START, END),))
    assert at.sent == sum(row[2] is None for row in log.content)
    assert sum(at.skipped.values()) == sum(row[2] is not None for row in log.content)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_around_the_writing_of_the_position_doubles_nothing(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log([row(i, ("a", 0, "x", False)) for i in range(60)])
    stream = Stream(faults=iter(()))
    path = tmp_path / "p.json"
    save = position.save

    def killed(where: Path, at: position.Position) -> None:
        if moment == "after":
            save(where, at)
        raise Killed

    for _ in range(5):
        with monkeypatch.context() as patch:
            patch.setattr(position, "save", killed)
            run(log, stream, path, (START, END), None)
    run(log, stream, path, (START, END), None)

    assert stream.counts == {("a", "2024-05-01", "x"): 60}
