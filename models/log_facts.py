"""The facts of a log, as the consumers make them of its replayed calls."""

# ruff: noqa: S608 - DuckDB reads a local file; names and values are quoted by `sql.identifier` and `sql.text`

from collections import defaultdict
from dataclasses import replace
from typing import Any, Final

import msgspec
from stemtide.calls import RESERVED_PREFIX
from stemtide.facts import Fact, UnusableFactError, fact_of, without_text
from stemtide.sentiment import SentimentOf
from stemtide_cli import packing, sql
from stemtide_cli.facts_log import Facts
from stemtide_cli.log import Log
from stemtide_cli.position import END, START

BATCH_ROWS: Final = 50_000


def facts_in(log: Log, facts: Facts, sentiment_of: SentimentOf) -> dict[str, list[Fact]]:
    """The facts by account, also those among the events; the text of a ticket has given way to its
    sentiment."""
    found: dict[str, list[Fact]] = defaultdict(list)
    reserved = " OR ".join(f"starts_with(event, {sql.text(prefix)})" for prefix in RESERVED_PREFIX)
    among_events = f"SELECT * FROM (SELECT * FROM ({log.query}) WHERE ({reserved}) AND skip IS NULL)"
    _take_facts(replace(log, query=among_events), found, billing=False)
    if facts.log is not None:
        _take_facts(facts.log, found, billing=True)
    return {account: [without_text(fact, sentiment_of) for fact in said] for account, said in found.items()}


def _take_facts(log: Log, found: dict[str, list[Fact]], *, billing: bool) -> None:
    for rows in log.rows((START, END), batch=BATCH_ROWS):
        packed = packing.pack(rows, fingerprint=log.fingerprint, properties=log.properties, facts=billing)
        instants = {f"{log.fingerprint}-{row[1]}": row[0] // 1000 for row in rows}
        for entry in (entry for request in packed.requests for entry in request):
            for call in msgspec.json.decode(entry.data)["batch"]:
                fact = _fact(call, instants[call["messageId"]])
                if fact is not None:
                    found[entry.account].append(fact)


def _fact(call: dict[str, Any], at_ms: int) -> Fact | None:
    try:
        return fact_of(call, known_ms=at_ms, at_ms=at_ms)
    except UnusableFactError:
        return None
