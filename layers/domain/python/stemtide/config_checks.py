"""What the schema of `stemtide.toml` cannot say: relations between keys, zones, currencies, patterns."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import pairwise
from zoneinfo import ZoneInfo

from stemtide import config_checks_journeys as journeys
from stemtide import currencies
from stemtide.config_problem import Problem
from stemtide.config_schema import Config, Ingest
from stemtide.config_sweep import ACCOUNT
from stemtide.feature_names import feature_names
from stemtide.mail.message import AddressError, Sender

STREAM_RETENTION_DAYS = 7
"""Days the stream keeps a record: it may be applied that long after its arrival."""


PATTERN = (
    "A pattern is an event name in which * stands for any text, ? for one character and [ab] for one of the "
    "letters; write [[] for a bracket itself."
)


def problems(config: Config) -> Iterator[Problem]:
    """Everything that is wrong, in the order of the file's sections."""
    yield from _company(config)
    yield from _retention(config.ingest)
    yield from _patterns(config)
    yield from _groups(config)
    yield from _rules(config)
    yield from _multiples(config)
    yield from _key_columns(config)
    yield from _senders(config)
    yield from _caps(config)
    yield from _plans(config)
    yield from _billing(config)
    yield from journeys.problems(config)


def _company(config: Config) -> Iterator[Problem]:
    zone, currency = config.company.time_zone, config.company.currency
    if not _zone_exists(zone):
        yield Problem(
            paths=(("company", "time_zone"),),
            reason=f'"{zone}" is no IANA time zone',
            remedy='Write one such as "Europe/Berlin", "America/New_York" or "UTC".',
        )
    if currency not in currencies.CODES:
        yield Problem(
            paths=(("company", "currency"),),
            reason=f'"{currency}" is no ISO 4217 currency code',
            remedy='Write three capital letters such as "USD", "EUR" or "JPY".',
        )


def _zone_exists(name: str) -> bool:
    if not re.fullmatch(r"UTC|[A-Za-z]+(/[A-Za-z0-9_+-]+){1,2}", name):
        return False
    try:
        ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return False
    return True


def _retention(ingest: Ingest) -> Iterator[Problem]:
    needed = ingest.max_lateness_days + STREAM_RETENTION_DAYS
    if ingest.usage_retention_days <= needed:
        yield Problem(
            paths=(("ingest", "usage_retention_days"), ("ingest", "max_lateness_days")),
            reason=f"usage kept for {ingest.usage_retention_days} days could expire while late events still "
            "change it",
            remedy=f"usage_retention_days must exceed max_lateness_days ({ingest.max_lateness_days}) + "
            f"{STREAM_RETENTION_DAYS}: write {needed + 1} or more, or lower max_lateness_days.",
        )


def _patterns(config: Config) -> Iterator[Problem]:
    for key in ("core_actions", "api_calls", "logins", "invites", "comments"):
        seen: set[str] = set()
        for i, pattern in enumerate(getattr(config.events, key)):
            if reason := _pattern_flaw(pattern, seen):
                yield Problem(
                    paths=(("events", key, i),),
                    reason=f'pattern "{pattern}" {reason}',
                    remedy=PATTERN,
                )
            seen.add(pattern.casefold())


def _groups(config: Config) -> Iterator[Problem]:
    for key, reserved in (("features", set()), ("meters", {"seats", "api_calls"})):
        seen: set[str] = set()
        for i, group in enumerate(getattr(config.events, key)):
            if group.name in seen | reserved:
                why = "is counted without being named" if group.name in reserved else "is there twice"
                yield Problem(
                    paths=(("events", key, i, "name"),),
                    reason=f'"{group.name}" {why}',
                    remedy="Give each a name of its own; `seats` and `api_calls` are counted anyway.",
                )
            seen.add(group.name)
            listed: set[str] = set()
            for j, pattern in enumerate(group.events):
                if reason := _pattern_flaw(pattern, listed):
                    yield Problem(
                        paths=(("events", key, i, "events", j),),
                        reason=f'pattern "{pattern}" {reason}',
                        remedy=PATTERN,
                    )
                listed.add(pattern.casefold())


def _pattern_flaw(pattern: str, seen: set[str]) -> str | None:
    if pattern != pattern.strip():
        return "begins or ends with a blank"
    if "[" in re.sub(r"\[!?\]?[^\]]*\]", "", pattern):
        return "opens a bracket that is never closed"
    if pattern.casefold() in seen:
        return "is listed twice (case does not matter)"
    return None


def _rules(config: Config) -> Iterator[Problem]:
    seen: set[str] = set()
    for i, rule in enumerate(config.detection.rules):
        if rule.name in seen:
            yield Problem(
                paths=(("detection", "rules", i, "name"),),
                reason=f'two detection rules are called "{rule.name}"',
                remedy="Give every rule a name of its own: drops are told apart by it.",
            )
        seen.add(rule.name)


def _multiples(config: Config) -> Iterator[Problem]:
    multiples = config.scoring.tier_multiples
    for i, (before, after) in enumerate(pairwise(multiples), start=1):
        if not before < after:  # also refuses `nan`
            yield Problem(
                paths=(("scoring", "tier_multiples", i), ("scoring", "tier_multiples")),
                reason=f"the multiples must rise, but {after} follows {before}",
                remedy="Write three rising numbers, e.g. tier_multiples = [1.5, 3.0, 6.0].",
            )


def _key_columns(config: Config) -> Iterator[Problem]:
    events, columns = config.events, config.sweep.feature_completeness.columns
    known = {ACCOUNT, *feature_names((o.name for o in events.features), (o.name for o in events.meters))}
    for i, column in enumerate(columns):
        if column not in known or column in columns[:i]:
            close = get_close_matches(column, known, n=1)
            yield Problem(
                paths=(
                    ("sweep", "feature_completeness", "columns", i),
                    ("sweep", "feature_completeness", "columns"),
                ),
                reason=f'"{column}" is listed twice'
                if column in known
                else f'there is no feature "{column}"',
                remedy=f"Did you mean {close[0]}?"
                if close and column not in known
                else "Write each column once: `account`, or a feature of docs/features.md.",
            )


def _senders(config: Config) -> Iterator[Problem]:
    for key, text in (("from", config.mail.sender), ("reply_to", config.mail.reply_to)):
        if (text or key == "from") and not _is_sender(text):
            yield Problem(
                paths=(("mail", key),),
                reason=f'"{text}" is no address that a mail could be from',
                remedy='Write an address such as "hello@acme.com", or "Acme <hello@acme.com>".',
            )


def _is_sender(text: str) -> bool:
    try:
        Sender.parse(text)
    except AddressError:
        return False
    return True


def _caps(config: Config) -> Iterator[Problem]:
    seen: set[tuple[str, int]] = set()
    for i, cap in enumerate(config.contacts.caps):
        if (cap.of, cap.days) in seen:
            yield Problem(
                paths=(("contacts", "caps", i, "of"),),
                reason=f'there are two caps of "{cap.of}" for {cap.days} days',
                remedy="Keep one of them: the lower would hold.",
            )
        seen.add((cap.of, cap.days))


def _plans(config: Config) -> Iterator[Problem]:
    names: dict[str, int] = {}
    ranks: dict[int, str] = {}
    for i, plan in enumerate(config.plans):
        if plan.name.casefold() in names:
            yield Problem(
                paths=(("plans", i, "name"),),
                reason=f'two plans are called "{plan.name}"',
                remedy="Give every plan a name of its own (case does not matter).",
            )
        if plan.rank in ranks:
            yield Problem(
                paths=(("plans", i, "rank"),),
                reason=f'rank {plan.rank} is already that of plan "{ranks[plan.rank]}"',
                remedy="Give every plan a rank of its own: the rank tells an upgrade from a downgrade.",
            )
        names[plan.name.casefold()] = i
        ranks[plan.rank] = plan.name


def _billing(config: Config) -> Iterator[Problem]:
    names = {plan.name for plan in config.plans}
    for sold, plan in config.billing.plans.items():
        if plan not in names:
            close = get_close_matches(plan, names, n=1)
            yield Problem(
                paths=(("billing", "plans", sold), ("billing", "plans")),
                reason=f'"{sold}" stands for "{plan}", which is no plan',
                remedy=f"Did you mean {close[0]}?" if close else "Write the name of one of your [[plans]].",
            )
    hours = config.billing.reconcile_hours
    if 24 % hours:
        yield Problem(
            paths=(("billing", "reconcile_hours"),),
            reason=f"a day is no multiple of {hours} hours",
            remedy="Write 1, 2, 3, 4, 6, 8, 12 or 24.",
        )
