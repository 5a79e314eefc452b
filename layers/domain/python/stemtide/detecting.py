"""Finding drops: on the first use of a day, and by schedule for those who are silent."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

import msgspec

from stemtide.as_of import as_of_text, last_closed_day
from stemtide.calls import DAY_MS, day_number
from stemtide.config_detection import Against
from stemtide.config_schema import Config
from stemtide.detection import (
    SILENT_WITHIN_DAYS,
    DayUse,
    find_drops,
    gone_silent,
    season_window,
    window,
    without_cooling,
)
from stemtide.drops import Drop
from stemtide.ports import BACKFILLED, SideBySide, UnavailableError, is_day
from stemtide.state import decode
from stemtide.table_stream import Change

UNREADABLE: Final = (ValueError, KeyError, TypeError, msgspec.MsgspecError)
"""What an item that this version cannot read raises, now and at every further try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectPorts:
    """What detecting touches.

    `days(account, first, last)` reads the days with usage, `drops(account)` what was found before,
    `touch(account, day)` notes that there was some, `put` keeps a drop (False: it was there),
    `set_aside(what, error)` keeps what can never be worked off, `aside_once(account, what, error)` does so of
    what is met again every hour; `why_not(as_of_ms)` tells why nobody's use can be judged then.
    """

    days: Callable[[str, int, int], list[DayUse]]
    drops: Callable[[str], Sequence[Drop]]
    touch: Callable[[str, str], Any]
    put: Callable[[Drop], bool]
    set_aside: Callable[[Mapping[str, Any], Exception], None]
    aside_once: Callable[[str, Mapping[str, Any], Exception], None]
    why_not: Callable[[int], str | None]
    side_by_side: SideBySide


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`failed` are the sequence numbers to come again, `drops` the newly found; of `withheld` accounts it was
    not asked whether their use fell, because `why`."""

    drops: tuple[Drop, ...] = ()
    failed: tuple[str, ...] = ()
    looked_at: int = 0
    unreadable: int = 0
    withheld: int = 0
    why: str | None = None


class _Answer(NamedTuple):
    drops: list[Drop]
    failed: str | None = None
    unreadable: bool = False
    withheld: str | None = None


def on_first_use(changes: Sequence[Change], *, config: Config, ports: DetectPorts) -> Outcome:
    """Look at every account that used the product on a new day, as of its first event there.

    Of the days of one account only the newest: during a replay the days in between are passed over. While a
    day lacks events everybody's use seems to have fallen: the rules are withheld, and `on_silence` with
    `everyone` catches up.
    """
    newest: dict[str, Change] = {}
    for change in changes:
        account, day = str(change.keys["account"]), str(change.keys["day"])
        if change.event != "INSERT" or not is_day(day) or BACKFILLED in (change.new or {}):
            continue
        if account not in newest or day > str(newest[account].keys["day"]):
            newest[account] = change
    answers = ports.side_by_side(lambda change: _first_use(change, config, ports), newest.values())
    return _outcome(answers)


def _first_use(change: Change, config: Config, ports: DetectPorts) -> _Answer:
    account, day = str(change.keys["account"]), str(change.keys["day"])
    try:
        first_ms = decode(bytes((change.new or {})["s"])).first_ms
        if first_ms is None:  # only calls that a backfill has counted
            return _Answer([])
        ports.touch(account, day)
        if (why := ports.why_not(first_ms)) is not None:
            return _Answer([], withheld=why)
        found = _look(account, first_ms, config, ports)
        return _Answer([drop for drop in found if ports.put(drop)])
    except UnavailableError:
        return _Answer([], failed=change.sequence)
    except UNREADABLE as error:
        ports.set_aside({"account": account, "day": day, "sequence": change.sequence}, error)
        return _Answer([], unreadable=True)


def on_silence(
    accounts: Iterable[tuple[str, str | None]],
    *,
    as_of_ms: int,
    config: Config,
    ports: DetectPorts,
    everyone: bool = False,
) -> Outcome:
    """Look at every account that has become silent: no first use of a day will tell of it.

    Args:
        accounts: with their latest day of usage (`YYYY-MM-DD`).
        everyone: at the others, too, at whom nobody looked on their first use.

    Raises:
        UnavailableError: after all others were looked at; a repetition changes nothing that is done.
    """
    wanted = [account for account, last_day in accounts if _is_wanted(last_day, as_of_ms, everyone)]

    def step(account: str) -> _Answer:
        return _silent(account, as_of_ms, config, ports, everyone)

    outcome = _outcome(ports.side_by_side(step, wanted))
    if outcome.failed:
        raise UnavailableError(f"{len(outcome.failed)} accounts could not be looked at")
    return outcome


def _is_wanted(last_day: str | None, as_of_ms: int, everyone: bool) -> bool:
    """Whether its days must be read: silent by its latest day, or used on a day after that of the instant.

    Whoever was used on the instant's own day was looked at on that day's first use, over the same weeks.
    """
    if last_day is None:
        return False
    day = day_number(last_day)
    if everyone:
        return last_closed_day(as_of_ms) - day <= SILENT_WITHIN_DAYS
    return gone_silent(day, as_of_ms) or day > as_of_ms // DAY_MS


def _silent(account: str, as_of_ms: int, config: Config, ports: DetectPorts, everyone: bool) -> _Answer:
    try:
        days = ports.days(account, *window(as_of_ms, config.detection.rules))
        if not everyone and any(day.day == last_closed_day(as_of_ms) for day in days):
            return _Answer([])
        found = _found(account, days, as_of_ms, config, ports)
        return _Answer([drop for drop in found if ports.put(drop)])
    except UnavailableError:
        return _Answer([], failed=account)
    except UNREADABLE as error:
        ports.aside_once(account, {"account": account, "as_of": as_of_text(as_of_ms)}, error)
        return _Answer([], unreadable=True)


def _look(account: str, as_of_ms: int, config: Config, ports: DetectPorts) -> list[Drop]:
    days = ports.days(account, *window(as_of_ms, config.detection.rules))
    return _found(account, days, as_of_ms, config, ports)


def _found(
    account: str, days: Sequence[DayUse], as_of_ms: int, config: Config, ports: DetectPorts
) -> list[Drop]:
    """The drops, without those that come every year, those of rules that are cooling down and known ones.

    The year before and earlier drops are read only when there is something to be said against.
    """
    rules = config.detection.rules
    find = partial(find_drops, account, as_of_ms=as_of_ms, rules=rules, events=config.events)
    found = find(days)
    named = {rule.name: rule for rule in rules}
    if any(named[drop.rule].against is Against.USUAL for drop in found):
        found = find([*ports.days(account, *season_window(as_of_ms, rules)), *days])
    if found:
        found = without_cooling(found, ports.drops(account), rules)
    return found


def _outcome(answers: Sequence[_Answer]) -> Outcome:
    return Outcome(
        drops=tuple(drop for answer in answers for drop in answer.drops),
        failed=tuple(answer.failed for answer in answers if answer.failed is not None),
        looked_at=len(answers),
        unreadable=sum(answer.unreadable for answer in answers),
        withheld=sum(answer.withheld is not None for answer in answers),
        why=next((answer.withheld for answer in answers if answer.withheld is not None), None),
    )
