"""A mapping: which file and columns of a log are which part of a Segment call (TOML)."""

from datetime import date
from pathlib import Path
from typing import ClassVar, Literal

import msgspec
from stemtide.currencies import CODES

from stemtide_cli.errors import CliError
from stemtide_cli.mapping_training import (
    Accounts,
    Enrolments,
    PlayOutcomes,
    Population,
    Snapshots,
    Subscriptions,
    Target,
    Treatments,
    problems,
)
from stemtide_cli.stack import project_root

COMMON_YEAR = 2023
"""Not a leap year: 29 February is no day of every year."""
DOCS = "docs/cli.md describes every key"


class DayZero(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A day that is counted from the start of a course: the start follows from the course's name.

    The name ends in a year of four digits and a suffix, e.g. `AAA-2013J`.
    """

    column: str
    """Days since day zero; may be negative."""
    course: str
    """The column with the name."""
    starts: dict[str, str]
    """Suffix to `MM-DD`, the day zero in the year of the name."""


class Events(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the events of a log are; one row becomes one `track` call."""

    file: str
    """Relative to the log's folder; where it is absent, the same name with another known ending is taken."""
    account: str | list[str]
    account_separator: str = ":"
    """Between the values where `account` names several columns."""
    event: str
    timestamp: str | None = None
    """A column of instants (without a zone: UTC). Either this or `day`."""
    day: DayZero | None = None
    user: str | None = None
    """Rows without a user count as an anonymous one, named like the account."""
    weight: str | None = None
    """How many events a row stands for (sent as `properties.count`)."""
    properties: Literal["*"] | list[str] = "*"
    """Columns sent as properties; `*` is every column that is nothing else."""

    @property
    def account_columns(self) -> tuple[str, ...]:
        return (self.account,) if isinstance(self.account, str) else tuple(self.account)


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One mapping file; each section describes one kind of file of a log."""

    called: ClassVar[str] = "the mapping"

    events: Events
    subscriptions: Subscriptions | None = None
    accounts: Accounts | None = None
    enrolments: Enrolments | None = None
    outcomes: PlayOutcomes | None = None
    treatments: Treatments | None = None
    snapshots: Snapshots | None = None
    population: Population = Population()
    targets: dict[str, Target] = {}
    """The first is the default."""


SECTIONS: dict[str, type[msgspec.Struct]] = {
    "events": Events,
    "events.day": DayZero,
    "subscriptions": Subscriptions,
    "accounts": Accounts,
    "enrolments": Enrolments,
    "outcomes": PlayOutcomes,
    "treatments": Treatments,
    "snapshots": Snapshots,
    "population": Population,
    "targets.NAME": Target,
}
"""Every section of a mapping file."""


def find_mapping(name: str) -> Path:
    """The file of that path, or the shipped example of that name (`crm`, `social`, …).

    Raises:
        CliError: neither exists; the message lists the examples.
    """
    if Path(name).is_file():
        return Path(name)
    examples = project_root() / "examples" / "mappings"
    shipped = examples / f"{name}.toml"
    if shipped.is_file():
        return shipped
    names = ", ".join(sorted(path.stem for path in examples.glob("*.toml")))
    raise CliError(f"there is no mapping {name!r}", hint=f"give a TOML file, or one of the examples: {names}")


def load_mapping(path: Path) -> Mapping:
    """The mapping that a file holds, checked for shape (columns are checked against the log).

    Raises:
        CliError: not TOML, or a key is unknown, missing or of a wrong type; the message names it.
    """
    try:
        mapping = msgspec.toml.decode(path.read_bytes(), type=Mapping)
    except msgspec.ValidationError as error:
        raise CliError(f"{path}: {error}", hint=f"the known keys: {_known_keys()}; {DOCS}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CliError(f"{path} is not valid TOML: {error}", hint=DOCS) from error
    if (mapping.events.timestamp is None) == (mapping.events.day is None):
        raise CliError(
            f"{path}: [events] needs `timestamp` or [events.day], and not both",
            hint=f"name the column that says when; {DOCS}",
        )
    if not mapping.events.account_columns:
        raise CliError(f"{path}: [events] account names no column", hint=DOCS)
    for suffix, start in (mapping.events.day.starts if mapping.events.day else {}).items():
        _check_start(path, suffix, start)
    _check_training(path, mapping)
    return mapping


def _check_training(path: Path, mapping: Mapping) -> None:
    for name in ("subscriptions", "accounts", "enrolments", "outcomes", "treatments"):
        section = getattr(mapping, name)
        if section is not None and not section.account_columns:
            raise CliError(f"{path}: [{name}] account names no column", hint=DOCS)
    currency = mapping.subscriptions.currency if mapping.subscriptions else None
    if currency is not None and currency not in CODES:
        raise CliError(
            f"{path}: [subscriptions] currency = {currency!r} is no currency",
            hint='write an ISO 4217 code, like "USD"',
        )
    found = problems(
        subscriptions=mapping.subscriptions,
        enrolments=mapping.enrolments,
        outcomes=mapping.outcomes,
        population=mapping.population,
        snapshots=mapping.snapshots,
        targets=mapping.targets,
    )
    for fact, remedy in found[:1]:
        raise CliError(f"{path}: {fact}", hint=remedy)


def _check_start(path: Path, suffix: str, start: str) -> None:
    try:
        date.fromisoformat(f"{COMMON_YEAR}-{start}")
    except ValueError as error:
        raise CliError(
            f"{path}: [events.day.starts] {suffix} = {start!r} is no day of every year",
            hint='write month and day, like "02-01"',
        ) from error


def _known_keys() -> str:
    return "; ".join(f"[{name}] {', '.join(kind.__struct_fields__)}" for name, kind in SECTIONS.items())
