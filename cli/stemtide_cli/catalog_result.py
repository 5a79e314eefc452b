"""What `stemtide catalog` answers, as scripts read it."""

from collections.abc import Iterable
from typing import Any

from stemtide.calls import day_of_index
from stemtide.catalog import TypeCount, UsageTally
from stemtide.config_schema import Events
from stemtide.event_meaning import Behaviour, Kind, Suggestion, guess, key_of, suggest, toml_of
from stemtide.event_users import EventUsers, UserCount
from stemtide.segments import Segment, segment_of
from stemtide.users import STANDARD_ERROR

from stemtide_cli.catalog_reading import Range


def event_types(
    tally: UsageTally, users: EventUsers | None, events: Events
) -> tuple[list[dict[str, Any]], list[Suggestion]]:
    """Every event type of the range, most events first, and what to add to the configuration."""
    rows, suggestions = [], []
    for name, count in tally.types().items():
        found = None if users is None else users.count(name)
        use = Behaviour(
            events=count.events,
            account_days=count.account_days,
            accounts=count.accounts,
            all_accounts=tally.accounts,
            users=None if found is None else found.users,
        )
        guessed = guess(name, use)
        suggested = suggest(name, guessed, events)
        if suggested is not None:
            suggestions.append(suggested)
        rows.append(
            {
                "event": name,
                "events": count.events,
                "calls": count.calls,
                "accounts": count.accounts,
                **_users(found, count, guessed.kind),
                "backfilled": count.backfilled,
                "first_seen": day_of_index(count.first_day),
                "last_seen": day_of_index(count.last_day),
                "looks_like": guessed.kind.value,
                "because": guessed.why,
                "counts_as": sorted(key_of(signal) for signal in events.classify(name)),
                "suggestion": None if suggested is None else _suggestion(suggested),
            }
        )
    return rows, suggestions


def catalog_of(tally: UsageTally, users: EventUsers | None, within: Range, events: Events) -> dict[str, Any]:
    """The whole catalogue."""
    rows, suggestions = event_types(tally, users, events)
    seen = users.names() if users is not None else set()
    return {
        "from": _day(within.first) or min((row["first_seen"] for row in rows), default=None),
        "to": _day(within.last) or max((row["last_seen"] for row in rows), default=None),
        "events": sum(row["events"] for row in rows),
        "accounts": tally.accounts,
        "items_read": tally.items,
        "users_read": users is not None,
        "event_types": rows,
        "not_counted_by_name": sorted(seen - {row["event"] for row in rows}),
        "users_standard_error": STANDARD_ERROR,
        "suggested_configuration": toml_of(suggestions, events) or None,
        "segments": segments_of(tally, within.closed),
    }


def segments_of(tally: UsageTally, closed: int) -> dict[str, Any]:
    """The accounts by segment at the end of a closed day."""
    accounts: dict[Segment, list[str]] = {segment: [] for segment in Segment}
    for name, activity in tally.activities():
        accounts[segment_of(activity)].append(name)
    total = sum(map(len, accounts.values()))
    return {
        "as_of": day_of_index(closed),
        "accounts": total,
        "segments": [
            {
                "segment": segment.value,
                "accounts": len(found),
                "share": round(len(found) / total, 4) if total else None,
                "account_ids": found,
            }
            for segment, found in accounts.items()
        ],
    }


def _users(found: UserCount | None, count: TypeCount, kind: Kind) -> dict[str, Any]:
    """`users` and what the number is: `exact`, an `estimate`, `at_least` (a backfill brought others, whose
    users are not known by event type), or `unknown`."""
    if found is None or kind is Kind.OVERFLOW:
        return {"users": None, "users_are": "unknown"}
    if count.backfilled:
        return {"users": found.users, "users_are": "at_least"}
    return {"users": found.users, "users_are": "exact" if found.exact else "estimate"}


def _suggestion(suggested: Suggestion) -> dict[str, str]:
    return {
        "list": suggested.key,
        "pattern": suggested.pattern,
        "line": suggested.line,
        "because": suggested.why,
    }


def _day(day: int | None) -> str | None:
    return None if day is None else day_of_index(day)


def counts_of(names: Iterable[str], types: dict[str, TypeCount]) -> list[dict[str, Any]]:
    """Event types with their events, in the catalogue's order."""
    wanted = set(names)
    return [{"event": name, "events": found.events} for name, found in types.items() if name in wanted]
