"""From new facts to the profiles of their accounts: always folded anew from all facts, never added to.

A delivery only tells which accounts to look at. Whatever was repeated, merged or came late, the last look
at an account reads all its facts.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from stemtide.facts import Fact, Problem, fold_to_store, problems_of
from stemtide.ports import SideBySide, UnavailableError
from stemtide.profile import Profile
from stemtide.table_stream import Change

UNREADABLE: Final = (KeyError, TypeError, ValueError, msgspec.MsgspecError)
"""What a fact that this version cannot read raises."""


class WriteProfile(Protocol):
    """Writes a profile unless one of more facts is in; whether it wrote."""

    def __call__(
        self, account: str, profile: Profile, *, facts: int, as_of_ms: int, problems: Sequence[Problem]
    ) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePorts:
    """What profiling touches: an account's facts, its record, what can never be read, and threads."""

    facts: Callable[[str], list[Fact]]
    write: WriteProfile
    set_aside: Callable[[dict[str, Any], Exception], None]
    side_by_side: SideBySide


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Accounts looked at and profiles written; `failed` are the changes that must come again."""

    looked_at: int
    written: int
    failed: list[str]


def profile_accounts(found: Iterable[Change], *, ports: ProfilePorts) -> Outcome:
    """Fold the profiles of all accounts of a delivery of the accounts table's stream."""
    first: dict[str, str] = {}
    for change in found:
        first.setdefault(str(change.keys["account"]), change.sequence)
    outcomes = ports.side_by_side(lambda entry: _profile(*entry, ports), first.items())
    return Outcome(
        looked_at=len(first),
        written=sum(outcome is True for outcome in outcomes),
        failed=[outcome for outcome in outcomes if isinstance(outcome, str)],
    )


def _profile(account: str, sequence: str, ports: ProfilePorts) -> bool | str:
    """Whether a profile was written, or the change that must come again."""
    try:
        facts = ports.facts(account)
        if not facts:
            return False
        as_of_ms = max(fact.known_ms for fact in facts)
        profile, problems = fold_to_store(facts, as_of_ms), problems_of(facts, as_of_ms)
        return ports.write(account, profile, facts=len(facts), as_of_ms=as_of_ms, problems=problems)
    except UnavailableError:
        return sequence
    except UNREADABLE as error:
        try:
            ports.set_aside({"account": account, "sequence": sequence}, error)
        except UnavailableError:
            return sequence
        return False
