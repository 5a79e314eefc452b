"""From new facts to the profiles of their accounts: always folded anew from all facts, never added to.

A delivery only tells which accounts to look at. Whatever was repeated, merged or came late, the last look
at an account reads all its facts. Of a ticket's text it leaves the sentiment.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from stemtide.config_sources import Source
from stemtide.facts import Fact, Problem, fold_to_store, problems_of, without_text
from stemtide.ports import UNREADABLE, SideBySide, UnavailableError
from stemtide.profile import Profile
from stemtide.sources import newest, newest_heard
from stemtide.table_stream import Change


class WriteProfile(Protocol):
    """Writes a profile unless one of more facts is in; whether it wrote."""

    def __call__(
        self, account: str, profile: Profile, *, facts: int, as_of_ms: int, problems: Sequence[Problem]
    ) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilePorts:
    """What profiling touches: an account's facts, its record, what can never be read, and threads.

    `replace` puts the second fact in the place of the first if that is still there.
    """

    facts: Callable[[str], list[Fact]]
    sentiment_of: Callable[[str], float | None]
    replace: Callable[[str, Fact, Fact], bool]
    write: WriteProfile
    set_aside: Callable[[dict[str, Any], Exception], None]
    side_by_side: SideBySide


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Accounts looked at, profiles and sentiments written; `failed` are the changes that must come again.

    `heard` is when the newest of the delivery's facts became known, by source (epoch ms).
    """

    looked_at: int
    written: int
    sentiments: int
    failed: list[str]
    heard: Mapping[Source, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    written: bool = False
    sentiments: int = 0
    again: str | None = None
    heard: Mapping[Source, int] = field(default_factory=dict)


def profile_accounts(found: Iterable[Change], *, ports: ProfilePorts) -> Outcome:
    """Fold the profiles of all accounts of a delivery of the accounts table's stream."""
    news: dict[str, list[Change]] = {}
    for change in found:
        news.setdefault(str(change.keys["account"]), []).append(change)
    looks = list(ports.side_by_side(lambda entry: _profile(*entry, ports), news.items()))
    return Outcome(
        looked_at=len(news),
        written=sum(look.written for look in looks),
        sentiments=sum(look.sentiments for look in looks),
        failed=[look.again for look in looks if look.again is not None],
        heard=newest(look.heard for look in looks),
    )


def _profile(account: str, news: Sequence[Change], ports: ProfilePorts) -> _Look:
    """Look at an account; an account that cannot be read now comes again from its first change on."""
    sequence = news[0].sequence
    try:
        raw = ports.facts(account)
        if not raw:
            return _Look()
        facts = [without_text(fact, ports.sentiment_of) for fact in raw]
        replaced = [(old, new) for old, new in zip(raw, facts, strict=True) if new is not old]
        for old, new in replaced:
            ports.replace(account, old, new)
        as_of_ms = max(fact.known_ms for fact in facts)
        profile, problems = fold_to_store(facts, as_of_ms), problems_of(facts, as_of_ms)
        written = ports.write(account, profile, facts=len(facts), as_of_ms=as_of_ms, problems=problems)
        return _Look(written=written, sentiments=len(replaced), heard=_heard(news, facts))
    except UnavailableError:
        return _Look(again=sequence)
    except UNREADABLE as error:
        try:
            ports.set_aside({"account": account, "sequence": sequence}, error)
        except UnavailableError:
            return _Look(again=sequence)
        return _Look()


def _heard(news: Sequence[Change], facts: Iterable[Fact]) -> dict[Source, int]:
    """When the newest of the facts that are new became known, by source."""
    ids = {str(change.keys["item"]).rpartition("#")[2] for change in news}
    return newest_heard(fact for fact in facts if fact.id in ids)
