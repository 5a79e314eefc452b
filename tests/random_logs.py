"""Random logs as files: what a warehouse exports, good and bad rows, in any format."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import strategies as st
from stemtide_cli.log import Log, log_of
from stemtide_cli.mapping import Events

EVENTS = Events(
    file="events.parquet",
    timestamp="at",
    account="org",
    user="who",
    event="what",
    weight="n",
    properties=["plan", "mrr", "note"],
)
COLUMNS = {
    "at": "TIMESTAMP",
    "org": "VARCHAR",
    "who": "VARCHAR",
    "what": "VARCHAR",
    "n": "DOUBLE",
    "plan": "VARCHAR",
    "mrr": "BIGINT",
    "note": "VARCHAR",
}
DAY_S = 86_400
HUGE = "<200,000 letters of two bytes>"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """Seconds after 2023-03-01, as a log writes them."""

    seconds: float

    def __str__(self) -> str:
        ((text,),) = duckdb.execute(
            "SELECT strftime(TIMESTAMP '2023-03-01' + to_microseconds(CAST(? * 1000000 AS BIGINT)),"
            " '%Y-%m-%d %H:%M:%S.%f')",
            [self.seconds],
        ).fetchall()
        return str(text)


STRANGE = (
    "2099-01-01 00:00:00",
    "12000-01-01 00:00:00",
    "0001-01-01 00:00:00",
    "1969-12-31 23:59:59.9995",
)
GOOD_MOMENTS = st.integers(-2 * DAY_S, 2 * DAY_S).map(float) | st.floats(0, 3 * DAY_S, width=32)
MOMENTS = st.one_of(
    GOOD_MOMENTS.map(lambda s: str(Moment(s))),
    GOOD_MOMENTS.map(lambda s: str(Moment(s))),
    st.sampled_from([None, *STRANGE]),
)
COMMENTS = frozenset({"Event 2", "Event 5", "other"})
NAMES = (*(f"Event {i}" for i in range(7)), "other", "page")
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "at": MOMENTS,
            "org": st.sampled_from(["acme", "acme", "bee", "bee", "cat", None, "", "no good", "x" * 129]),
            "who": st.sampled_from([None, "", *(f"u{i}" for i in range(7))]),
            "what": st.sampled_from([*NAMES, *NAMES, "Subscription Changed", None, "", "y" * 129]),
            "n": st.sampled_from([1, 1, 1, 2, 7, 0, -1, 1.5, None, 10_000_000, 10_000_001, 1e300]),
            "plan": st.sampled_from([None, "pro", "basic"]),
            "mrr": st.sampled_from([None, 100]),
            "note": st.sampled_from([None, "", "short", HUGE]),
        }
    ),
    min_size=1,
    max_size=60,
)
FORMATS = st.sampled_from(["parquet", "csv", "jsonl"])


def write(rows: Sequence[Row], folder: Path, form: str, name: str = "events") -> Path:
    """The rows as a file of a format."""
    lines, target = folder / f"{name}.raw", folder / f"{name}.{form}"
    lines.write_text("".join(json.dumps(row).replace(HUGE, "ü" * 200_000) + "\n" for row in rows))
    if form == "jsonl":
        return lines.rename(target)
    types = ", ".join(f"'{column}': '{kind}'" for column, kind in COLUMNS.items())
    read = f"read_json('{lines}', format = 'newline_delimited', columns = {{{types}}})"
    options = "FORMAT csv, HEADER, FORCE_QUOTE *" if form == "csv" else "FORMAT parquet"
    duckdb.execute(f"COPY (SELECT * FROM {read}) TO '{target}' ({options})")
    return target


def opened(path: Path, folder: Path, events: Events = EVENTS) -> Log:
    """The log that is in a file."""
    return log_of(events, path, Path("mapping.toml"), folder / "tmp")
