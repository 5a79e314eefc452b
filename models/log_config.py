"""What a log tells of a product where the configuration does not: its parts, and the plans it sells.

A log of somebody else's product meets a `stemtide.toml` that does not know its event types and plans. For an
evaluation they are taken from the log and its mapping: every event type that is common enough is a part of
the product, and the mapping's tiers rank the plans. What is to serve is trained with the configuration alone,
because that is what the deployed stack computes features by.
"""

# ruff: noqa: S608 - DuckDB reads local files; names and values are quoted by `sql.identifier` and `sql.text`

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec
from stemtide.calls import GROUP, RESERVED_PREFIX
from stemtide.config_schema import Config, Events, Group, Plan
from stemtide.limits import MAX_EVENT_NAME_CHARS, MAX_FEATURE_GROUPS
from stemtide_cli import sql
from stemtide_cli.facts_log import Facts, terms_query
from stemtide_cli.log import Log, connect, readable
from stemtide_cli.mapping_training import Subscriptions

COMMON_SHARE: Final = 0.05
"""Of the accounts: what fewer of them do says something about too few."""
MAX_PARTS: Final = MAX_FEATURE_GROUPS
NAME_CHARS: Final = 40
_SPECIAL: Final = re.compile(r"[*?\[]")
_NOT_NAME: Final = re.compile(r"[^a-z0-9]+")


def config_by_log(
    config: Config, log: Log, facts: Facts, section: Subscriptions | None, *, until: int
) -> Config:
    """The configuration with the log's parts and plans, where it names none of its own that occur in the log.

    Args:
        section: the mapping's subscriptions.
        until: the day (since 1970-01-01) up to which is looked: what came later is not known yet.
    """
    if not config.events.features:
        config = _with_parts(config, _common_types(log, until))
    if section is not None and facts.terms is not None:
        plans = _plans(section, facts, log.spill, until)
        if plans and not {plan.name for plan in config.plans} & {plan.name for plan in plans}:
            currency = section.currency or config.company.currency
            company = msgspec.structs.replace(config.company, currency=currency)
            config = msgspec.structs.replace(config, plans=plans, company=company)
    return config


def _with_parts(config: Config, types: Iterable[str]) -> Config:
    """Each type as a part; those that differ by case alone are one, as patterns ignore case."""
    groups: dict[str, Group] = {}
    for name in {name.casefold(): name for name in types}.values():
        pattern = _SPECIAL.sub(lambda found: f"[{found[0]}]", name)
        if 0 < len(pattern) <= MAX_EVENT_NAME_CHARS:
            part = part_name(name, groups)
            groups[part] = Group(name=part, events=(pattern,))
    events: Events = msgspec.structs.replace(config.events, features=tuple(groups.values()))
    return msgspec.structs.replace(config, events=events)


def part_name(event: str, taken: Iterable[str]) -> str:
    """A part's name for an event type: small letters, digits and `_`, unlike those that are taken."""
    stem = _NOT_NAME.sub("_", event.casefold()).strip("_")
    stem = stem if stem[:1].isalpha() else f"event_{stem}".rstrip("_")
    name, others, number = stem[:NAME_CHARS], set(taken), 2
    while name in others:
        suffix = f"_{number}"
        name, number = stem[: NAME_CHARS - len(suffix)] + suffix, number + 1
    return name


def _common_types(log: Log, until: int) -> list[str]:
    """The event types of many accounts by name, however their letters' case is written; the most common of
    too many."""
    reserved = " OR ".join(f"starts_with(event, {sql.text(prefix)})" for prefix in RESERVED_PREFIX)
    sent = (
        f"SELECT account, event FROM ({log.query}) WHERE skip IS NULL"
        f" AND NOT ({reserved} OR event = {sql.text(GROUP)}) AND instant < {(until + 1) * sql.DAY_US}"
    )
    query = (
        f"SELECT min(event) AS event, count(DISTINCT account) AS accounts FROM ({sent}) GROUP BY lower(event)"
        f" HAVING accounts >= {COMMON_SHARE} * (SELECT count(DISTINCT account) FROM ({sent}))"
        f" ORDER BY accounts DESC, event LIMIT {MAX_PARTS}"
    )
    with readable(log.path), connect(log.spill) as connection:
        return sorted(event for event, _ in connection.execute(query).fetchall())


def _plans(section: Subscriptions, facts: Facts, spill: Path, until: int) -> tuple[Plan, ...]:
    """The plans sold up to a day by tier and name; their list price is that of most terms (of several, the
    lowest), 0 if unknown."""
    file = facts.terms
    assert file is not None
    terms = f"SELECT * FROM ({terms_query(section, file)}) WHERE plan IS NOT NULL AND NOT addon"
    terms += f" AND start < {(until + 1) * sql.DAY_US}"
    query = f"SELECT plan, mode(listed ORDER BY listed) FROM ({terms}) GROUP BY plan ORDER BY plan"
    with readable(file.path), connect(spill) as connection:
        rows = connection.execute(query).fetchall()
    ranked = [(tier, plan, listed) for plan, listed in rows if (tier := section.tier_of(plan)) is not None]
    return tuple(Plan(name=plan, rank=tier + 1, mrr=listed or 0) for tier, plan, listed in sorted(ranked))
