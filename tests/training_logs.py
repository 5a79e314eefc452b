"""Mappings of logs that tests make by hand to train on, and logs that are drawn."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np

CHURN_LOG = """
[events]
file = "events.csv"
account = "org"
user = "who"
event = "what"
timestamp = "at"
[subscriptions]
file = "terms.csv"
account = "org"
plan = "product"
start = "start"
months = "months"
{subscriptions}
[snapshots]
every_days = {every_days}
first_day = {first_day}
[population]
subscribed = true
[targets.churn]
kind = "subscription_ended"
horizon_days = 30
"""
"""Accounts with terms; `subscriptions` are more lines of that section."""

FIRST = date(2024, 1, 1)
DAYS = 210
RENEWALS_LOG = (
    CHURN_LOG.format(
        subscriptions='mrr = "mrr"\ncurrency = "USD"\naddons = ["extra"]', every_days=9, first_day=20
    ).replace('timestamp = "at"', 'timestamp = "at"\nproperties = ["ticket_id", "priority", "score"]')
    + """
[targets.renewal]
kind = "not_renewed"
horizon_days = 40
grace_days = 10
[targets.silent]
kind = "silent"
horizon_days = 21
[targets.back]
kind = "outcome"
horizon_days = 30
outcome = "reactivated"
[outcomes]
file = "outcomes.csv"
account = "org"
at = "at"
outcome = "what"
[treatments]
file = "treatments.csv"
account = "org"
start = "from"
end = "to"
"""
)
"""Of `draw_log`."""


def draw_log(folder: Path, *, accounts: int = 14, seed: int = 5) -> Path:
    """A log with events, tickets and answers, terms of which some are renewed late or never (their stored
    end is hindsight), plays and treatments; its mapping lies beside it."""
    rng = np.random.default_rng(seed)
    lines: dict[str, list[str]] = {
        "events": ["org,who,what,at,ticket_id,priority,score"],
        "terms": ["org,product,start,end,mrr,months"],
        "outcomes": ["org,at,what"],
        "treatments": ["org,from,to"],
    }
    for number in range(accounts):
        _draw_account(rng, f"org-{number:02}", lines)
    folder.mkdir(parents=True)
    (folder.parent / "m.toml").write_text(RENEWALS_LOG)
    for name, rows in lines.items():
        (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return folder


def _draw_account(rng: np.random.Generator, org: str, lines: dict[str, list[str]]) -> None:
    start, last = int(rng.integers(0, 30)), int(rng.integers(90, DAYS + 60))
    for day in range(start, min(last, DAYS)):
        at = FIRST + timedelta(days=day)
        for _ in range(rng.poisson(1.2)):
            lines["events"].append(f"{org},u{rng.integers(4)},Opened,{at}T{rng.integers(24):02}:00:00Z,,,")
        if rng.random() < 0.04:
            lines["events"].append(f"{org},u0,NPS Submitted,{at}T12:00:00Z,,,{rng.integers(11)}")
        if rng.random() < 0.04:
            ticket = f"{org}-{day}"
            lines["events"].append(f"{org},u1,Support Ticket Created,{at}T13:00:00Z,{ticket},urgent,")
    _draw_terms(rng, org, start, min(last, DAYS), lines["terms"])
    told = sorted(int(day) for day in rng.integers(30, DAYS, size=rng.integers(0, 5)))
    for day, what in zip(told, rng.choice(["offered", "declined", "reactivated"], len(told)), strict=True):
        lines["outcomes"].append(f"{org},{FIRST + timedelta(days=day)}T08:00:00Z,{what}")
    if rng.random() < 0.5:
        begun = int(rng.integers(30, DAYS))
        end = "" if rng.random() < 0.3 else str(FIRST + timedelta(days=begun + int(rng.integers(0, 20))))
        lines["treatments"].append(f"{org},{FIRST + timedelta(days=begun)},{end}")


def _draw_terms(rng: np.random.Generator, org: str, start: int, last: int, lines: list[str]) -> None:
    """One term after the other until the last day; the stored end of the last is the day it was left on."""
    while start < last:
        months = int(rng.choice([1, 1, 2, 6]))
        following = start + 30 * months + int(rng.choice([0, 0, 0, 5, 14]))
        stored = FIRST + timedelta(days=min(following, last))
        lines.append(f"{org},plan_{months},{FIRST + timedelta(days=start)},{stored},{10 * months},{months}")
        start = following
