"""What `stemtide mrr` is told from: facts of subscriptions and traits, of a log or of the deployed stack."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stemtide.as_of import end_of_day_ms
from stemtide.calls import DAY_MS
from stemtide.facts import OF_SUBSCRIPTIONS, TRAITS_KIND, Fact
from stemtide.sentiment import sentiment_by

from stemtide_cli.errors import CliError
from stemtide_cli.facts_log import open_facts
from stemtide_cli.instants import now_ms
from stemtide_cli.log import open_log
from stemtide_cli.mapping import find_mapping, load_mapping
from stemtide_cli.stack import Stack
from stemtide_cli.training_rows import LogFolder, Source

if TYPE_CHECKING:
    from stemtide.config_schema import Config

OF_REVENUE: Final = OF_SUBSCRIPTIONS | {TRAITS_KIND}
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    """Facts by account, the currency of those who said none, and until when anything is known (epoch ms): a
    term that runs out later may have been renewed without anybody having said so."""

    facts: Mapping[str, list[Fact]]
    currency: str
    until_ms: int
    notes: tuple[str, ...] = ()


def read_knowledge(source: Source, config: Config, say: Say) -> Knowledge:
    """All that is known of subscriptions.

    Raises:
        CliError: nothing is, or a log cannot be read.
        UnavailableError: no answer of the stack.
    """
    if isinstance(source, LogFolder):
        return _of_log(source, config, say)
    return _of_stack(source, config, say)


def _of_log(source: LogFolder, config: Config, say: Say) -> Knowledge:
    """A log is known to the end of the day of its latest subscription fact."""
    from models.log_facts import facts_in

    say(f"reading {source.folder}")
    path = find_mapping(source.mapping_name)
    mapping = load_mapping(path)
    with tempfile.TemporaryDirectory(prefix="stemtide-") as spill:
        log = open_log(mapping.events, folder=source.folder, mapping_path=path, spill=Path(spill))
        told = open_facts(mapping, folder=source.folder, mapping_path=path, spill=Path(spill))
        facts = facts_in(log, told, sentiment_by(config.support.sentiment))
    latest = _latest_ms(facts, OF_SUBSCRIPTIONS) or _latest_ms(facts, OF_REVENUE)
    if latest is None:
        raise CliError(
            f"{source.folder} tells of no subscription",
            hint="give a folder and a mapping with [subscriptions] (docs/cli.md)",
        )
    own = mapping.subscriptions.currency if mapping.subscriptions else None
    return Knowledge(
        facts=facts,
        currency=own or config.company.currency,
        until_ms=end_of_day_ms(latest // DAY_MS),
        notes=told.notes,
    )


def _of_stack(stack: Stack, config: Config, say: Say) -> Knowledge:
    """A stack is known until now; with a hurried clock facts may be later than that."""
    from stemtide.store.fact_scan import scan_facts
    from stemtide.store.pace import Threads
    from stemtide.store.table_scan import SEGMENTS

    say("reading the facts of the accounts table")
    facts: dict[str, list[Fact]] = defaultdict(list)
    segments = 1 if stack.is_local else SEGMENTS  # the local cloud knows none
    pages = scan_facts(
        stack.client("dynamodb"), stack.tables["accounts"], side_by_side=Threads(), segments=segments
    )
    for account, fact in (one for page in pages for one in page):
        if fact.kind in OF_REVENUE:
            facts[account].append(fact)
    latest = _latest_ms(facts, OF_REVENUE)
    if latest is None:
        raise CliError(
            "the stack was never told of a subscription",
            hint="send `Subscription …` events or traits (docs/events.md), or read a log with --mapping",
        )
    return Knowledge(facts=facts, currency=config.company.currency, until_ms=max(latest, now_ms()))


def _latest_ms(facts: Mapping[str, Iterable[Fact]], kinds: frozenset[str]) -> int | None:
    """When the latest fact of some kinds became known."""
    return max(
        (fact.known_ms for said in facts.values() for fact in said if fact.kind in kinds), default=None
    )
