"""A dry run of the detection rules over past days."""

from collections import Counter
from datetime import date
from functools import partial
from typing import Any, Final

import click
from stemtide.as_of import day_index, end_of_day_ms, last_closed_day
from stemtide.calls import day_of_index
from stemtide.config_schema import Config
from stemtide.detection import drops_over, season_window
from stemtide.drops import Drop
from stemtide.store.account_list import list_accounts
from stemtide.store.day_use import DayUses
from stemtide.store.pace import Threads

from stemtide_cli.command import Session
from stemtide_cli.instants import now_ms
from stemtide_cli.model_options import configuration

MONTH_DAYS: Final = 365.25 / 12
ACCOUNTS_AT_A_TIME: Final = 64


def look_back(session: Session, first: date, last: date | None, account: str | None) -> dict[str, Any]:
    """What the configured rules would have found, by rule and drop by drop.

    Raises:
        UsageError: days that are not over, or in the wrong order.
    """
    closed = last_closed_day(now_ms())
    start, end = day_index(first), closed if last is None else day_index(last)
    if end > closed:
        raise click.UsageError(f"--to: the last day that is over is {day_of_index(closed)} (UTC)")
    if end < start:
        raise click.UsageError("--to is before --from")
    config, stack = configuration(), session.stack
    days = DayUses(client=stack.client("dynamodb"), table_name=stack.tables["usage"])
    names = [account] if account else [name for name, _ in list_accounts(stack.table("accounts"))]
    look = partial(_look, days=days, first=start, last=end, config=config)
    drops: list[Drop] = []
    known_days = 0
    with session.out.progress() as progress:
        for at in range(0, len(names), ACCOUNTS_AT_A_TIME):
            progress(f"detect: {at:,} of {len(names):,} accounts")
            for found, known in Threads()(look, names[at : at + ACCOUNTS_AT_A_TIME]):
                drops += found
                known_days += known
    return {
        "from": day_of_index(start),
        "to": day_of_index(end),
        "accounts": len(names),
        "account_months": round(known_days / MONTH_DAYS, 2),
        "rules": _by_rule(drops, config, known_days),
        "drops": [_told(drop) for drop in sorted(drops, key=lambda drop: (drop.as_of_ms, drop.account))],
    }


def _look(account: str, *, days: DayUses, first: int, last: int, config: Config) -> tuple[list[Drop], int]:
    """The account's drops, and on how many of the days it was known."""
    rules = config.detection.rules
    begin, _ = season_window(end_of_day_ms(first), rules)
    known = days.read(account, begin, last + 1)  # who was used on the day after was looked at then
    found = drops_over(account, known, first=first, last=last, rules=rules, events=config.events)
    seen = min((day.day for day in known), default=last + 1)
    return found, max(0, last - max(first, seen) + 1)


def _by_rule(drops: list[Drop], config: Config, known_days: int) -> list[dict[str, Any]]:
    number = Counter(drop.rule for drop in drops)
    accounts = {rule: len({drop.account for drop in drops if drop.rule == rule}) for rule in number}
    months = known_days / MONTH_DAYS
    return [
        {
            "rule": rule.name,
            "drops": number[rule.name],
            "accounts": accounts.get(rule.name, 0),
            "per_account_month": round(number[rule.name] / months, 4) if months else None,
        }
        for rule in config.detection.rules
    ]


def _told(drop: Drop) -> dict[str, Any]:
    day = day_of_index(last_closed_day(drop.as_of_ms))
    return {"account": drop.account, "day": day, "rule": drop.rule, **drop.figures}
