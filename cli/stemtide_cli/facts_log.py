"""What a log knows of accounts beside their events: terms and traits, each at the time it became known.

They read like a log of events (`log.Log`), so a replay sends them by the same rules: rows in the order of
(instant, row), a message id per row, each once.
"""

# ruff: noqa: S608 - DuckDB reads a local file; names and values are quoted by `sql.identifier` and `sql.text`

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
from stemtide.currencies import minor_digits

from stemtide_cli import sql
from stemtide_cli.errors import CliError
from stemtide_cli.log import FINGERPRINT_CHARS, Log, connect, fingerprint_of, open_log, readable
from stemtide_cli.log_file import ROW
from stemtide_cli.mapping import Mapping
from stemtide_cli.mapping_training import Accounts, Subscriptions
from stemtide_cli.section_file import SectionFile, check_instant, find_section

OF_TERMS: Final = ("plan", "mrr", "quantity", "units", "term_start", "term_months", "reason", "addon")
"""Properties of the subscription calls."""
CURRENCY: Final = "currency"
NOT_RENEWED: Final = "not_renewed"
MAX_MONTHS: Final = 1200
"""A longer bill period is a typing error: the term counts as open-ended."""
KINDS: Final = 3
"""A row of a file may become two rows here (a term's start and its end); accounts take the third number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts of a log; `log` is None where it has none, `notes` says what is missing, `untimed` are the
    traits that are told from the first instant of an account on: no column says since when they are true."""

    log: Log | None
    notes: tuple[str, ...]
    terms: SectionFile | None = None
    untimed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """When each account was first seen: a query (account, instant), and the fingerprints of the events."""

    query: str
    fingerprints: tuple[str, ...]


def open_facts(
    mapping: Mapping,
    *,
    folder: Path,
    mapping_path: Path,
    spill: Path,
    seen: Seen | None = None,
    as_of_us: int | None = None,
) -> Facts:
    """The subscriptions and accounts of a log, where the mapping has the sections and the folder the files.

    Args:
        seen: where the events are not in the folder.
        as_of_us: what became known after this instant is gone.

    Raises:
        CliError: a file is unreadable, or a mapped column does not exist.
    """
    notes: list[str] = []
    with readable(folder), connect(spill) as connection:
        terms = _terms_file(connection, mapping, folder, mapping_path, as_of_us)
        traits = _traits_file(connection, mapping, folder, mapping_path)
    for section, found in (("subscriptions", terms), ("accounts", traits)):
        wanted = getattr(mapping, section)
        if wanted is not None and found is None:
            notes.append(f"{folder} has no {wanted.file}: nothing to send for [{section}]")
    parts: list[str] = []
    names = list(OF_TERMS)
    fingerprints = [fingerprint_of(file.path) for file in (terms, traits) if file is not None]
    trait_names = _trait_names(mapping) if traits else ()
    if terms is not None and mapping.subscriptions is not None:
        parts.append(_of_terms(mapping.subscriptions, terms, len(trait_names)))
    if traits is not None and mapping.accounts is not None and trait_names:
        if seen is None:
            events = open_log(mapping.events, folder=folder, mapping_path=mapping_path, spill=spill)
            seen = _seen_in(events)
        fingerprints += seen.fingerprints
        parts.append(_of_traits(mapping, traits, terms, seen))
    if not parts:
        return Facts(log=None, notes=tuple(notes), terms=terms)
    names += trait_names
    log = Log(
        path=next(file.path for file in (terms, traits) if file is not None),
        fingerprint=_fingerprint(fingerprints),
        properties=tuple(names),
        query=f"SELECT * FROM ({' UNION ALL '.join(parts)})",
        spill=spill,
    )
    return Facts(
        log=log if as_of_us is None else log.as_of(as_of_us),
        notes=tuple(notes),
        terms=terms,
        untimed=tuple(mapping.accounts.traits) if traits is not None and mapping.accounts is not None else (),
    )


def terms_query(section: Subscriptions, file: SectionFile) -> str:
    """Every term: _row, account, plan, start (us), day, ends (date, null: open), months, mrr (minor units),
    quantity, units, addon, listed (mrr without the discount)."""
    mrr = "CAST(NULL AS BIGINT)"
    if section.mrr is not None and section.currency is not None:
        factor = 10 ** minor_digits(section.currency)
        mrr = f"TRY_CAST(round(TRY_CAST({file.number(section.mrr)} AS DECIMAL(28, 6)) * {factor}) AS BIGINT)"
    addon = " OR ".join(f"plan GLOB {sql.text(glob)}" for glob in section.addons) or "false"
    months = f"CASE WHEN months BETWEEN 1 AND {MAX_MONTHS} THEN CAST(months AS INTEGER) END"
    raw = (
        f"SELECT {ROW} AS _row, {file.account(section)} AS account, {file.text(section.plan)} AS plan,"
        f" {file.instant(section.start)} AS start, {file.number(section.months)} AS months, {mrr} AS mrr,"
        f" {file.number(section.quantity)} AS quantity, {file.text(section.units)} AS units,"
        f" {file.number(section.discount)} AS discount FROM {file.source}"
    )
    day = "CAST(make_timestamp(start) AS DATE)"
    return (
        f"SELECT _row, account, plan, start, {day} AS day, {months} AS months,"
        f" CAST({day} + to_months({months}) AS DATE) AS ends, mrr, quantity, units,"
        f" coalesce({addon}, false) AS addon,"
        " CASE WHEN discount >= 0 AND discount < 1"
        " THEN CAST(round(mrr / (1 - discount)) AS BIGINT) END AS listed"
        f" FROM ({raw})"
    )


def _of_terms(section: Subscriptions, file: SectionFile, traits: int) -> str:
    """A row for each term's start, and one for the end of the last term when that was observed."""
    series = "PARTITION BY account, addon, CASE WHEN addon THEN plan END ORDER BY start, _row"
    placed = (
        f"SELECT *, row_number() OVER ({series}) AS place, lead(_row) OVER ({series}) AS later,"
        f" max(start) OVER () AS observed FROM ({terms_query(section, file)})"
    )
    skip = f"CASE {' '.join(sql.ACCOUNT_CASES)} WHEN plan IS NULL THEN 'no_plan' END"
    addon = "CASE WHEN addon THEN true END"
    padding = ", NULL" * traits
    begun = (
        f"SELECT start AS instant, {KINDS} * _row AS _row, {skip} AS skip, account, NULL AS person,"
        " CASE WHEN place = 1 THEN 'Subscription Started' ELSE 'Subscription Changed' END AS event,"
        f" {_at('start')} AS at, NULL AS weight, plan, mrr, quantity, units,"
        f" strftime(day, '%Y-%m-%d'), months, NULL, {addon}{padding} FROM placed"
    )
    ended = (
        f"SELECT epoch_us(ends) AS instant, {KINDS} * _row + 1, NULL, account, NULL, 'Subscription Ended',"
        f" {_at('epoch_us(ends)')}, NULL, plan, NULL, NULL, NULL, NULL, NULL, {sql.text(NOT_RENEWED)},"
        f" {addon}{padding} FROM placed"
        f" WHERE later IS NULL AND epoch_us(ends) <= observed AND ({skip}) IS NULL"
    )
    return f"SELECT * FROM (WITH placed AS ({placed}) {begun} UNION ALL {ended})"


def _of_traits(mapping: Mapping, file: SectionFile, terms: SectionFile | None, seen: Seen) -> str:
    """A row for each account with traits, at the first instant anything is known of it."""
    section = mapping.accounts
    assert section is not None
    known = seen.query
    if terms is not None and mapping.subscriptions is not None:
        known += f" UNION ALL SELECT account, start FROM ({terms_query(mapping.subscriptions, terms)})"
    first = f"SELECT account, min(instant) AS instant FROM ({known}) GROUP BY account"
    values = [sql.prop(column, file.columns[column]) for column in section.traits.values()]
    if len(_trait_names(mapping)) > len(values) and mapping.subscriptions is not None:
        values.append(sql.text(str(mapping.subscriptions.currency)))
    own = f"SELECT {ROW} AS _row, {file.account(section)} AS account{_named(values)} FROM {file.source}"
    skip = f"CASE {' '.join(sql.ACCOUNT_CASES)} END"
    traits = "".join(f", t{i}" for i in range(len(values)))
    any_known = " OR ".join(f"t{i} IS NOT NULL" for i in range(len(values)))
    return (
        f"SELECT instant, {KINDS} * _row + 2 AS _row, {skip} AS skip, account, NULL, NULL,"
        f" {_at('instant')}, NULL"
        f"{', NULL' * len(OF_TERMS)}{traits} FROM ({own}) LEFT JOIN ({first}) USING (account)"
        f" WHERE {any_known}"
    )


def _trait_names(mapping: Mapping) -> tuple[str, ...]:
    """The traits that are sent: the mapped ones, and the currency of the terms where no column tells it."""
    names = tuple(mapping.accounts.traits) if mapping.accounts else ()
    of_terms = mapping.subscriptions is not None and mapping.subscriptions.currency is not None
    return (*names, CURRENCY) if of_terms and CURRENCY not in names else names


def _named(values: list[str]) -> str:
    return "".join(f", {value} AS t{i}" for i, value in enumerate(values))


def _at(instant: str) -> str:
    return f"strftime(make_timestamp({instant}), '%Y-%m-%dT%H:%M:%S.%gZ')"


def _terms_file(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    folder: Path,
    mapping_path: Path,
    as_of_us: int | None,
) -> SectionFile | None:
    section = mapping.subscriptions
    if section is None:
        return None
    keys = ("plan", "start", "months", "mrr", "quantity", "units", "discount")
    named = {key: getattr(section, key) for key in keys}
    file = find_section(
        connection,
        section,
        name="subscriptions",
        named=named,
        folder=folder,
        mapping_path=mapping_path,
    )
    if file is not None:
        check_instant(file, section.start, "start", mapping_path)
        if as_of_us is not None:
            return file.as_of(
                as_of_us, start=section.start, named=(*section.account_columns, *named.values())
            )
    return file


def _traits_file(
    connection: duckdb.DuckDBPyConnection, mapping: Mapping, folder: Path, mapping_path: Path
) -> SectionFile | None:
    section: Accounts | None = mapping.accounts
    if section is None:
        return None
    if len(section.traits) != len(set(section.traits)) or any(not name for name in section.traits):
        raise CliError(f"{mapping_path}: [accounts] a trait has no name", hint="write trait = column")
    return find_section(
        connection,
        section,
        name="accounts",
        named={f"traits.{trait}": column for trait, column in section.traits.items()},
        folder=folder,
        mapping_path=mapping_path,
    )


def _seen_in(events: Log) -> Seen:
    query = f"SELECT account, instant FROM ({events.query}) WHERE skip IS NULL"
    return Seen(query=query, fingerprints=(events.fingerprint,))


def _fingerprint(known: list[str]) -> str:
    """Of all files that decide what is sent when."""
    return hashlib.sha256(",".join(known).encode()).hexdigest()[:FINGERPRINT_CHARS]
