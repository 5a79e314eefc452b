"""What a log folder tells of plays beside events and terms: their outcomes, and who was treated when."""

# ruff: noqa: S608 - DuckDB reads local files; names and values are quoted by `sql.identifier` and `sql.text`

from collections import Counter, defaultdict
from collections.abc import Iterable
from collections.abc import Mapping as Dict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from stemtide_cli import sql
from stemtide_cli.log import connect, readable
from stemtide_cli.log_file import ROW
from stemtide_cli.mapping import Mapping
from stemtide_cli.section_file import Section, check_instant, find_section

from models.targets import PlayOutcome

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """The days, both included, on which somebody meant to change what an account does; `end` None: since.

    `answers_loss` says that it was begun because the account had left: it cannot have caused that, only what
    turned out well after all can be its doing.
    """

    start: int
    end: int | None
    answers_loss: bool = False

    def overlaps(self, first: int, last: int) -> bool:
        """Whether any of the days from `first` to `last`, both included, is one of them."""
        return self.start <= last and (self.end is None or self.end >= first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plays:
    """By account: outcomes in the order in which they became known, and treatments by start.

    Both are empty where the mapping has no such section or the folder no such file; `notes` says so.
    """

    outcomes: Dict[str, tuple[PlayOutcome, ...]]
    treatments: Dict[str, tuple[Treatment, ...]]
    are_own: bool = False
    """Whether a deployed stack made them; else a log tells of them."""
    notes: tuple[str, ...] = ()

    @property
    def last_day(self) -> int | None:
        """The latest day on which an outcome became known: until then they were observed."""
        return max((told[-1].day for told in self.outcomes.values()), default=None)

    def counted(self, accounts: Iterable[str], *, until: int | None = None) -> dict[str, int]:
        """How many outcomes of each sort are known of some accounts, at the end of a day (None: of all)."""
        told = (play for account in accounts for play in self.outcomes.get(account, ()))
        found = Counter(play.outcome for play in told if until is None or play.day <= until)
        return dict(sorted(found.items()))

    def as_of(self, day: int) -> "Plays":
        """What was known at the end of a day."""
        known = {
            account: tuple(play for play in told if play.day <= day)
            for account, told in self.outcomes.items()
        }
        return replace(self, outcomes=known)


NO_PLAYS: Final = Plays(outcomes={}, treatments={})


def read_plays(mapping: Mapping, *, folder: Path, mapping_path: Path, spill: Path) -> Plays:
    """The outcomes and treatments of a log folder.

    Raises:
        CliError: a file is unreadable, or a mapped column does not exist or holds no instants.
    """
    outcomes, treatments = mapping.outcomes, mapping.treatments
    notes = []
    told: dict[str, tuple[PlayOutcome, ...]] = {}
    treated: dict[str, tuple[Treatment, ...]] = {}
    if outcomes is not None:
        texts = {"outcome": outcomes.outcome}
        rows = _rows(outcomes, "outcomes", {"at": outcomes.at}, texts, folder, mapping_path, spill)
        told = _by_account((row[0], PlayOutcome(day=row[1], outcome=row[2])) for row in rows or () if row[2])
        if rows is None:
            notes.append(f"{folder} has no {outcomes.file}: no outcome of a play is known")
    if treatments is not None:
        days = {"start": treatments.start} | ({} if treatments.end is None else {"end": treatments.end})
        rows = _rows(treatments, "treatments", days, {}, folder, mapping_path, spill)
        treated = _by_account((row[0], Treatment(start=row[1], end=row[-1])) for row in rows or ())
        if rows is None:
            notes.append(f"{folder} has no {treatments.file}: nobody counts as treated")
    return Plays(outcomes=told, treatments=treated, notes=tuple(notes))


def _rows(
    section: Section,
    name: str,
    days: dict[str, str],
    texts: dict[str, str],
    folder: Path,
    mapping_path: Path,
    spill: Path,
) -> list[tuple[Any, ...]] | None:
    """(account, *days, *texts) of the rows with an account and a first day, by that instant; None without
    the file. `days` and `texts` are columns by key."""
    with readable(folder), connect(spill) as connection:
        file = find_section(
            connection, section, name=name, named={**days, **texts}, folder=folder, mapping_path=mapping_path
        )
        if file is None:
            return None
        for key, column in days.items():
            check_instant(file, column, key, mapping_path)
        instants = [file.instant(column) for column in days.values()]
        wanted = [file.account(section), *map(sql.day_of, instants), *map(file.text, texts.values())]
        rows = connection.execute(
            f"SELECT {', '.join(wanted)} FROM {file.source} ORDER BY {instants[0]}, {ROW}"
        ).fetchall()
    return [row for row in rows if row[0] is not None and row[1] is not None]


def _by_account(rows: Iterable[tuple[str, Found]]) -> dict[str, tuple[Found, ...]]:
    found: dict[str, list[Found]] = defaultdict(list)
    for account, one in rows:
        found[account].append(one)
    return {account: tuple(of_account) for account, of_account in found.items()}
