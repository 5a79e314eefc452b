"""What of a log is left out or does not fit together, for whoever reads figures that are made of it."""

from collections.abc import Collection, Sequence
from typing import Any

from stemtide.calls import day_of_index
from stemtide_cli.errors import CliError
from stemtide_cli.log import Log


def of_events(log: Log) -> tuple[str, ...]:
    """How many rows can never be counted, by reason.

    Raises:
        CliError: that is all of them.
    """
    counts = log.by_reason()
    usable = counts.pop(None, 0)
    if not counts:
        return ()
    skipped = sum(counts.values())
    told = ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))
    if not usable:
        raise CliError(
            f"none of the {skipped:,} rows of {log.path} can be counted: {told}",
            hint="check the mapping's columns; docs/cli.md says what each reason means",
        )
    return (f"{skipped:,} of {skipped + usable:,} rows of {log.path.name} are left out: {told}",)


def of_terms(file: str, rows: Sequence[Sequence[Any]]) -> tuple[str, ...]:
    """How many terms are left out, or never run out.

    Args:
        rows: (account, plan, start, end, whether an add-on); None is what nobody knows.
    """
    left_out = sum(None in row[:3] for row in rows)
    endless = sum(None not in row[:3] and row[3] is None and not row[4] for row in rows)
    of = f"of {len(rows):,} rows of {file}"
    found = [f"{left_out:,} {of} are left out: no account, plan or start"] if left_out else []
    found += [f"{endless:,} {of} have no bill period: these terms do not run out"] if endless else []
    return tuple(found)


def of_span(last_term_start: int | None, last_event: int) -> tuple[str, ...]:
    """Whether terms begin (in days) after all events."""
    if last_term_start is None or last_term_start <= last_event:
        return ()
    return (
        f"the latest term begins on {day_of_index(last_term_start)}, events end on"
        f" {day_of_index(last_event)}: outcomes count as observed up to that term, and snapshots after the"
        " events see no usage",
    )


def of_customers(customers: Collection[str], with_events: Collection[str]) -> tuple[str, ...]:
    """How many of those with a term or an enrolment were never seen."""
    unseen = sum(account not in with_events for account in customers)
    if not unseen:
        return ()
    return (f"{unseen:,} of {len(customers):,} accounts with a term or an enrolment have no event",)


def require_seen(customers: Collection[str], with_events: Collection[str]) -> None:
    """Raise the CliError of customers of whom none has an event, though there are events: the ids differ."""
    if customers and with_events and not set(customers).intersection(with_events):
        raise CliError(
            f"none of the {len(customers):,} accounts with a term or an enrolment has an event: they are"
            f" called {min(customers)!r} …, those with events {min(with_events)!r} …",
            hint="write account ids alike in all files of the log",
        )
