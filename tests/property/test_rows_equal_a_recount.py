"""Whatever the terms, plays and treatments: rows, labels and counts equal a recount day by day."""

from dataclasses import dataclass
from operator import itemgetter

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from stemtide.config import bundled_config
from stemtide_cli.mapping import Events, Mapping
from stemtide_cli.mapping_training import (
    Kind,
    PlayOutcomes,
    Population,
    Snapshots,
    Subscriptions,
    Target,
    Treatments,
)

from models.dataset import build
from models.evaluate import Split
from models.gather import left_out
from models.material import Material
from models.plays import Plays, Treatment
from models.targets import BaseTerm, PlayOutcome

FIRST, LAST = 1000, 1060
FILE = {"file": "f", "account": "a"}
MAPPING = Mapping(
    events=Events(file="e", account="a", event="e", timestamp="t"),
    subscriptions=Subscriptions(**FILE, plan="p", start="s", months="m"),  # type: ignore[arg-type]
    outcomes=PlayOutcomes(**FILE, at="t", outcome="o"),  # type: ignore[arg-type]
    treatments=Treatments(**FILE, start="s", end="e"),  # type: ignore[arg-type]
)
NAMES = ("offered", "won")
Days = st.integers(FIRST - 5, LAST)


@dataclass(frozen=True)
class Account:
    """Terms (start, length), plays (day, outcome), treatments (start, length), by start."""

    terms: list[tuple[int, int | None]]
    plays: list[tuple[int, str]]
    treatments: list[tuple[int, int | None]]


lengths = st.none() | st.integers(1, 40)
accounts = st.builds(
    Account,
    st.lists(st.tuples(Days, lengths), max_size=4).map(lambda terms: sorted(terms, key=itemgetter(0))),
    st.lists(st.tuples(Days, st.sampled_from(NAMES)), max_size=4).map(
        lambda plays: sorted(plays, key=itemgetter(0))
    ),
    st.lists(st.tuples(Days, lengths), max_size=2),
)


def material_of(known: list[Account]) -> Material:
    numbered = {f"org-{number}": one for number, one in enumerate(known)}
    return Material(
        config=bundled_config(),
        fingerprint="made",
        histories={},
        facts={},
        terms={
            name: tuple(
                BaseTerm(start=start, ends=None if length is None else start + length, tier=None)
                for start, length in one.terms
            )
            for name, one in numbered.items()
        },
        enrolments={},
        courses={},
        clocks={},
        first_day=FIRST,
        last_day=LAST,
        last_term_start=max((start for one in known for start, _ in one.terms), default=None),
        plays=Plays(
            outcomes={
                name: tuple(PlayOutcome(day=day, outcome=outcome) for day, outcome in one.plays)
                for name, one in numbered.items()
                if one.plays
            },
            treatments={
                name: tuple(
                    Treatment(start=start, end=None if length is None else start + length)
                    for start, length in one.treatments
                )
                for name, one in numbered.items()
            },
        ),
    )


Row = tuple[int, str, bool, bool]
"""Snapshot, account, label, treated."""


def running(account: Account, day: int) -> tuple[int, int | None] | None:
    """Walks up to the day: each start replaces what ran."""
    term = None
    for today in range(FIRST - 5, day + 1):
        for start, length in account.terms:
            if start == today:
                term = (start, length)
    if term is None or (term[1] is not None and term[0] + term[1] <= day):
        return None
    return term


def is_treated(account: Account, day: int, until: int) -> bool:
    return any(
        start <= today and (length is None or today <= start + length)
        for start, length in account.treatments
        for today in range(day + 1, until + 1)
    )


def recounted_renewals(
    known: list[Account], *, every: int, horizon: int, grace: int
) -> tuple[list[Row], int]:
    observed = max((start for one in known for start, _ in one.terms), default=FIRST - 100)
    rows, censored = [], 0
    for day in range(FIRST, observed + 1):
        for number, account in enumerate(known):
            term = running(account, day)
            if (day - FIRST) % every or term is None or term[1] is None:
                continue
            end = term[0] + term[1]
            if end > day + horizon:
                continue
            if end + grace > observed:
                censored += 1
                continue
            begun = {start for start, _ in account.terms}
            renewed = any(today in begun for today in range(day + 1, end + grace + 1))
            rows.append((day, f"org-{number}", not renewed, is_treated(account, day, end + grace)))
    return rows, censored


def recounted_outcomes(known: list[Account], *, every: int, horizon: int) -> tuple[list[Row], int]:
    observed = max((day for one in known for day, _ in one.plays), default=FIRST - 100)
    rows, censored = [], 0
    for day in range(FIRST, observed + 1):
        for number, account in enumerate(known):
            said = [outcome for at, outcome in account.plays if at <= day]
            if (day - FIRST) % every or not said or said[-1] == "won":
                continue
            if day + horizon > observed:
                censored += 1
                continue
            won = any((at, "won") in account.plays for at in range(day + 1, day + horizon + 1))
            rows.append((day, f"org-{number}", won, is_treated(account, day, day + horizon)))
    return rows, censored


def check(known: list[Account], target: Target, every: int, expected: tuple[list[Row], int]) -> None:
    rows, censored = expected
    mapping = msgspec.structs.replace(MAPPING, snapshots=Snapshots(every_days=every))
    made = build(mapping, material_of(known), target)
    assert made.treated is not None
    columns = (made.day.tolist(), made.accounts.tolist(), made.y.tolist(), made.treated.tolist())
    assert list(zip(*columns, strict=True)) == rows
    assert made.censored == censored


@given(st.lists(accounts, max_size=3), st.integers(1, 7), st.integers(1, 30), st.integers(0, 12))
def test_renewals_equal_a_recount(known: list[Account], every: int, horizon: int, grace: int) -> None:
    target = Target(kind=Kind.NOT_RENEWED, horizon_days=horizon, grace_days=grace)

    check(known, target, every, recounted_renewals(known, every=every, horizon=horizon, grace=grace))


@given(st.lists(accounts, max_size=3), st.integers(1, 7), st.integers(1, 30))
def test_outcomes_of_plays_equal_a_recount(known: list[Account], every: int, horizon: int) -> None:
    if not any(one.plays for one in known):
        return
    target = Target(kind=Kind.OUTCOME, horizon_days=horizon, outcome="won")

    check(known, target, every, recounted_outcomes(known, every=every, horizon=horizon))


@given(st.lists(accounts, min_size=1, max_size=3), st.integers(1, 30), st.integers(0, 70), st.integers(0, 20))
def test_of_subscribers_every_row_is_censored_fitted_tested_treated_or_purged(
    known: list[Account], horizon: int, until: int, gap: int
) -> None:
    target = Target(kind=Kind.SUBSCRIPTION_ENDED, horizon_days=horizon)
    mapping = msgspec.structs.replace(
        MAPPING, snapshots=Snapshots(every_days=2), population=Population(subscribed=True)
    )
    rows = build(mapping, material_of(known), target)
    split = Split(fit_until=FIRST + until, test_from=FIRST + until + gap + 1)

    found = left_out(rows, split)

    observed = max((start for one in known for start, _ in one.terms), default=FIRST - 100)
    looked_at = [
        (day, account)
        for day in range(FIRST, observed + 1, 2)
        for account in known
        if running(account, day) is not None
    ]
    assert found.censored == sum(day + horizon > observed for day, _ in looked_at)
    of_log = [(day, account) for day, account in looked_at if day + horizon <= observed]
    early = [(day, account) for day, account in of_log if day + horizon <= FIRST + until]
    assert found.treated == sum(is_treated(account, day, day + horizon) for day, account in early)
    assert found.purged == sum(day <= FIRST + until + gap for day, _ in of_log) - len(early)
    assert len(split.fit_rows(rows)) == len(early) - found.treated
    assert len(split.test_rows(rows)) == sum(day > FIRST + until + gap for day, _ in of_log)
