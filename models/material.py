"""A log folder as training material: histories, facts and outcomes of all accounts."""

# ruff: noqa: S608 - DuckDB reads local files; names and values are quoted by `sql.identifier` and `sql.text`

import tempfile
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from stemtide.calls import day_of_index
from stemtide.config_schema import Config
from stemtide.facts import Fact, standing_at
from stemtide.features.history import AccountHistory, Counter
from stemtide.profile import Standing
from stemtide.sentiment import sentiment_by
from stemtide_cli import sql
from stemtide_cli.errors import CliError
from stemtide_cli.facts_log import Facts, open_facts, terms_query
from stemtide_cli.log import Log, connect, open_log, readable
from stemtide_cli.log_file import ROW
from stemtide_cli.mapping import Mapping, find_mapping, load_mapping
from stemtide_cli.section_file import find_section

from models import log_notes
from models.histories import read_histories
from models.log_config import config_by_log
from models.log_facts import facts_in
from models.plays import NO_PLAYS, Plays, read_plays
from models.targets import BaseTerm, Enrolment, Outcomes, Window, split_day

NOTHING = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The base terms of an account as they were known from the end of a day on."""

    day: int
    terms: tuple[BaseTerm, ...]


@dataclass(frozen=True, kw_only=True)
class Material:
    """What a log tells. Days are UTC days since 1970-01-01.

    `courses` is empty where days are counted from the log's first instead of a course's day zero.
    """

    config: Config
    """What the events mean; see `read_material`."""
    fingerprint: str
    histories: Dict[str, AccountHistory]
    facts: Dict[str, list[Fact]]
    terms: Dict[str, tuple[BaseTerm, ...]]
    enrolments: Dict[str, Enrolment]
    courses: Dict[str, str]
    """By account."""
    clocks: Dict[str, Window]
    """By course: day zero, and the last day with events."""
    first_day: int
    last_day: int
    """Of the events."""
    last_term_start: int | None
    told: Dict[str, tuple[Told, ...]] = field(default_factory=dict)
    """By day, where terms became known at other times than they began: `terms` are those known in the end."""
    plays: Plays = NO_PLAYS
    notes: tuple[str, ...] = ()

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        """Everybody the log knows, in the order of their names."""
        return tuple(sorted({*self.histories, *self.terms, *self.enrolments}))

    @property
    def span(self) -> str:
        """From when to when something is known, in words."""
        last = self.last_term_start
        terms = "" if last is None else f", terms begin up to {day_of_index(last)}"
        return f"events lie from {day_of_index(self.first_day)} to {day_of_index(self.last_day)}{terms}"

    def outcomes(self, account: str) -> Outcomes:
        """What happened to an account."""
        history = self.histories.get(account)
        active = NOTHING if history is None else history.days[history.counters[:, Counter.ACTIVE] > 0]
        return Outcomes(
            active=active,
            terms=self.terms.get(account, ()),
            enrolment=self.enrolments.get(account),
            plays=self.plays.outcomes.get(account, ()),
        )

    def outcomes_at(self, account: str, day: int) -> Outcomes:
        """The same by what was known of its terms at the end of a day; days to come are still among it."""
        outcomes, told = self.outcomes(account), self.told.get(account)
        if told is None:
            return outcomes
        place = bisect_right([one.day for one in told], day)
        return replace(outcomes, terms=told[place - 1].terms if place else ())

    def standing_at(self, account: str, as_of_ms: int) -> Standing:
        """What facts say as of an instant, of what was known by then."""
        return standing_at(self.facts.get(account, ()), as_of_ms)


def read_material(
    mapping_name: str,
    folder: Path,
    config: Config,
    *,
    as_configured: bool = False,
    until: int | None = None,
    as_of_day: int | None = None,
) -> tuple[Mapping, Material]:
    """Read all of a log folder by a mapping.

    Args:
        config: what it does not say of the product's parts and plans is told from the log.
        as_configured: nothing is: what is to serve is computed by the deployed configuration alone.
        until: the last day of the events that parts are told from, by default that which divides the log.
        as_of_day: what became known after the end of this day is deleted before anything is read.

    Raises:
        CliError: a file is missing or unreadable, or does not have a mapped column.
    """
    path = find_mapping(mapping_name)
    mapping = load_mapping(path)
    as_of_us = None if as_of_day is None else (as_of_day + 1) * sql.DAY_US - 1
    with tempfile.TemporaryDirectory(prefix="stemtide-") as spill:
        log = open_log(mapping.events, folder=folder, mapping_path=path, spill=Path(spill))
        log = log if as_of_us is None else log.as_of(as_of_us)
        facts = open_facts(mapping, folder=folder, mapping_path=path, spill=Path(spill), as_of_us=as_of_us)
        if not as_configured:
            until = split_day(*_span(log)) if until is None else until
            config = config_by_log(config, log, facts, mapping.subscriptions, until=until)
        material = _read(mapping, folder, path, log, facts, config, nothing_by=as_of_day)
    return mapping, material if as_of_day is None else _as_of(material, as_of_day)


def _as_of(material: Material, day: int) -> Material:
    """The material without what files without a history of their own say of later days."""
    enrolments = {
        account: replace(one, left=one.left if one.left is not None and one.left <= day else None)
        for account, one in material.enrolments.items()
    }
    return replace(material, enrolments=enrolments, plays=material.plays.as_of(day))


def _read(
    mapping: Mapping,
    folder: Path,
    path: Path,
    log: Log,
    facts: Facts,
    config: Config,
    *,
    nothing_by: int | None,
) -> Material:
    spill = log.spill
    terms, last_start, of_terms = _terms(mapping, facts, spill)
    if mapping.subscriptions is not None and facts.terms is None and _needs_terms(mapping):
        raise CliError(
            f"{folder} has no {mapping.subscriptions.file}: without terms there is nobody to look at",
            hint="give a folder that has it, or a mapping whose target is `silent`",
        )
    first, last = _span(log, nothing_by=nothing_by)
    enrolments, enrolled_in = _enrolments(mapping, folder, path, spill)
    active_in, clocks = _courses(mapping, log)
    plays = read_plays(mapping, folder=folder, mapping_path=path, spill=spill)
    histories = read_histories(log, config)
    notes = (*facts.notes, *_of_untimed(facts), *plays.notes)
    if nothing_by is None:
        notes += (*log_notes.of_events(log), *of_terms, *log_notes.of_span(last_start, last))
        notes += log_notes.of_customers({*terms, *enrolments}, histories)
    return Material(
        config=config,
        fingerprint=f"{log.fingerprint}-{facts.log.fingerprint if facts.log else 'none'}",
        histories=histories,
        facts=facts_in(log, facts, sentiment_by(config.support.sentiment)),
        terms=terms,
        enrolments=enrolments,
        courses={**enrolled_in, **active_in},
        clocks=clocks,
        first_day=first,
        last_day=last,
        last_term_start=last_start,
        plays=plays,
        notes=notes,
    )


def _of_untimed(facts: Facts) -> tuple[str, ...]:
    names = ", ".join(facts.untimed)
    return (f"traits without a time are taken as always known: {names}",) if names else ()


def _needs_terms(mapping: Mapping) -> bool:
    return mapping.population.subscribed or mapping.population.min_tenure_days > 0


def _span(log: Log, *, nothing_by: int | None = None) -> tuple[int, int]:
    """The first and the last day of the events; `nothing_by` is the day by which there may be none yet."""
    with readable(log.path), connect(log.spill) as connection:
        query = f"SELECT min(instant), max(instant) FROM ({log.query})"
        [(first, last)] = connection.execute(query).fetchall()
    if first is None and nothing_by is not None:
        return nothing_by, nothing_by
    if first is None:
        raise CliError(
            f"{log.path} has no event with a timestamp",
            hint="check the mapping: its column must hold timestamps, dates or ISO 8601 text",
        )
    return int(first // sql.DAY_US), int(last // sql.DAY_US)


def _courses(mapping: Mapping, log: Log) -> tuple[dict[str, str], dict[str, Window]]:
    """The course of each account with events, and the clock of each course."""
    day = mapping.events.day
    if day is None:
        return {}, {}
    zero = f"{sql.day_zero(day)} - DATE '1970-01-01'"
    course = sql.identifier(day.course)
    clock = f"SELECT {course}, min({zero}), max({zero} + {sql.day_of_course(day)})"
    events = mapping.events
    account = f"SELECT {sql.account(events.account_columns, events.account_separator)}, min({course})"
    with readable(log.path), connect(log.spill) as connection:
        clocks = connection.execute(f"{clock} FROM {log.source} GROUP BY 1").fetchall()
        courses = connection.execute(f"{account} FROM {log.source} GROUP BY 1").fetchall()
    return (
        {name: course for name, course in courses if name is not None},
        {c: Window(origin=first, observed=last) for c, first, last in clocks if None not in (c, first, last)},
    )


def _terms(
    mapping: Mapping, facts: Facts, spill: Path
) -> tuple[dict[str, tuple[BaseTerm, ...]], int | None, tuple[str, ...]]:
    """The base terms of each account by start, the latest start of any term, and notes on the file."""
    section = mapping.subscriptions
    if section is None or facts.terms is None:
        return {}, None, ()
    query = (
        "SELECT account, plan, day - DATE '1970-01-01', ends - DATE '1970-01-01', addon"
        f" FROM ({terms_query(section, facts.terms)}) ORDER BY account, start, _row"
    )
    with readable(facts.terms.path), connect(spill) as connection:
        rows = connection.execute(query).fetchall()
    found: dict[str, list[BaseTerm]] = defaultdict(list)
    known = [row for row in rows if None not in row[:3]]
    for account, plan, start, ends, addon in known:
        if not addon:
            found[account].append(BaseTerm(start=start, ends=ends, tier=section.tier_of(plan)))
    latest = max((row[2] for row in known), default=None)
    terms = {account: tuple(terms) for account, terms in found.items()}
    return terms, latest, log_notes.of_terms(section.file, rows)


def _enrolments(
    mapping: Mapping, folder: Path, path: Path, spill: Path
) -> tuple[dict[str, Enrolment], dict[str, str]]:
    """Enrolments and courses by account."""
    section, day = mapping.enrolments, mapping.events.day
    if section is None:
        return {}, {}
    named = {"registered": section.registered, "left": section.left, "course": day.course if day else None}
    with readable(folder), connect(spill) as connection:
        file = find_section(
            connection, section, name="enrolments", named=named, folder=folder, mapping_path=path
        )
        if file is None:
            raise CliError(
                f"{folder} has no {section.file}: nobody is known to be enrolled",
                hint="give a folder that has it, or a mapping without [enrolments]",
            )
        if day is None:
            course = "NULL"
            days = [sql.day_of(file.instant(c)) for c in (section.registered, section.left)]
        else:
            course, zero = file.text(day.course), f"({sql.day_zero(day)} - DATE '1970-01-01')"
            days = [f"{zero} + {file.number(c, 'BIGINT')}" for c in (section.registered, section.left)]
        wanted = ", ".join([file.account(section), course, *days])
        rows = connection.execute(f"SELECT {wanted} FROM {file.source} ORDER BY {ROW}").fetchall()
    known = [row for row in rows if row[0] is not None]
    enrolments = {account: Enrolment(registered=start, left=left) for account, _, start, left in known}
    return enrolments, {account: course for account, course, *_ in known if course is not None}
