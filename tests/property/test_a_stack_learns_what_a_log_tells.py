"""Whatever the events and terms: rows from a stack's history and facts are those of the equivalent log."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stemtide.config import bundled_config
from stemtide.config_schema import Config, Plan

from models.dataset import build
from models.material import read_material
from models.stack_material import material_of
from tests.stack_knowledge import events_of, known_of, rows_of
from tests.training_logs import CHURN_LOG

FIRST, LAST = date(2024, 1, 1), 100
LATER = 30_000
PLANS = ("basic", "pro", "max")
CONFIG: Config = msgspec.structs.replace(
    bundled_config(), plans=tuple(Plan(name=name, rank=rank) for rank, name in enumerate(PLANS, 1))
)
MAPPING = (
    CHURN_LOG.format(subscriptions='tiers = ["basic", "pro", "max"]', every_days=5, first_day=3).replace(
        "subscribed = true", "subscribed = false"
    )
    + """
[targets.renewal]
kind = "not_renewed"
horizon_days = 25
grace_days = 6
[targets.upsell]
kind = "upgraded"
horizon_days = 20
[targets.silent]
kind = "silent"
horizon_days = 9
active_within_days = 20
"""
)
TARGETS = ("churn", "renewal", "upsell", "silent")
SLOW = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Term(NamedTuple):
    """A term's first day (after `FIRST`), plan and bill period in months (None: open-ended)."""

    start: int
    plan: str
    months: int | None


class Account(NamedTuple):
    """Events (day, type, user) and terms, no two of which begin on one day."""

    events: list[tuple[int, str, str]]
    terms: list[Term]


EVENTS = st.tuples(
    st.integers(0, LAST),
    st.sampled_from(["Opened", "Report Created", "login", "comment_added", "NPS Submitted"]),
    st.sampled_from(["ann", "bob", "cat"]),
)
TERMS = st.builds(Term, st.integers(0, LAST), st.sampled_from(PLANS), st.sampled_from([1, 1, 2, 6, None]))
ACCOUNTS = st.builds(
    Account,
    st.lists(EVENTS, min_size=1, max_size=25),
    st.lists(TERMS, max_size=5, unique_by=lambda term: term.start),
)


def write(folder: Path, accounts: Sequence[Account]) -> Path:
    """The log of the accounts; its mapping lies in it, too."""
    events, terms = ["org,who,what,at"], ["org,product,start,months"]
    for number, account in enumerate(accounts):
        for day, what, who in account.events:
            events.append(f"org-{number},{who},{what},{FIRST + timedelta(days=day)}T09:00:00Z")
        for term in account.terms:
            months = "" if term.months is None else term.months
            terms.append(f"org-{number},{term.plan},{FIRST + timedelta(days=term.start)},{months}")
    for name, rows in (("events.csv", events), ("terms.csv", terms)):
        (folder / name).write_text("\n".join(rows) + "\n")
    mapping = folder / "m.toml"
    mapping.write_text(MAPPING)
    return mapping


@SLOW
@given(st.lists(ACCOUNTS, min_size=1, max_size=4))
def test_rows_labels_and_features_are_the_same_bits(accounts: list[Account]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        mapping, of_log = read_material(str(write(folder, accounts)), folder, CONFIG, as_configured=True)
        rows = rows_of(events_of(folder / "events.csv"), CONFIG)
        with known_of(rows, of_log.facts, CONFIG) as known:
            of_stack = material_of(known, as_of_day=LATER)

    for target in TARGETS:
        theirs = build(mapping, of_log, mapping.targets[target])
        ours = build(mapping, of_stack, mapping.targets[target])
        assert ours.accounts.tolist() == theirs.accounts.tolist(), target
        assert ours.day.tolist() == theirs.day.tolist(), target
        assert ours.y.tolist() == theirs.y.tolist(), target
        assert ours.outcome_days().tolist() == theirs.outcome_days().tolist(), target
        assert ours.censored == theirs.censored, target
        assert ours.x.tobytes() == theirs.x.tobytes(), target
