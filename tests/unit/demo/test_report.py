"""The demo's report: on a screen of 100 columns and as data."""

import io
import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from demo.__main__ import where_to_look
from demo.picture import draw
from demo.report import Collected, Drops, Ending, Kept, Model, Report, Risk, Told, risk_of, tiers_of
from demo.settings import Settings
from demo.show import WIDTH, show
from demo.stages import StageError
from demo.story import by_risk, check

RISK = Risk(
    account="acct-0042",
    name="Granite Logistics",
    score=83,
    tier="critical",
    probability=0.312,
    horizon_days=30,
    low=0.24,
    high=0.41,
    confidence="high",
    trigger="usage_drop",
    drivers=(
        "The plan renews in 12 days",
        "API calls fell from 41,220 to 6,100 within two weeks, far below what is usual for this account",
        "3 of 17 people were active in the last week",
    ),
)
REPORT = Report(
    seed=7,
    accounts=120,
    days=61,
    rows=112_345,
    events=8_123_456,
    counters={
        "in": 112_465,
        "applied": 112_465,
        "duplicate": 0,
        "quarantined": 0,
        "forwarded": 0,
        "dead": 0,
    },
    tiers={"critical": 9, "high": 14, "medium": 30, "low": 55},
    unscored=12,
    model=Model(
        version="churn-20260320-1a2b3c4d", auc=0.871, auc_low=0.83, auc_high=0.91, positives=61, rows=9_012
    ),
    riskiest=[RISK] * 5,
    drops=Drops(fallen=8, rescored=8, p50_s=2.4, p95_s=4.8),
    silent=[f"Amber {name}" for name in ("Foods", "Labs", "Legal", "Media", "Press", "Tools", "Water")],
    collected=Collected(
        customers=7,
        recovered=4,
        due=69_300,
        collected=39_600,
        currency="USD",
        retries=9,
        mails=14,
        win_back_mails=6,
        labels={"lost": 2, "reactivated": 1},
    ),
    endings=[
        Ending(
            name="North Loom",
            story="a retry finds it",
            dunning="recovered",
            tries=1,
            mails=1,
            win_back=None,
            stopped=None,
            percent=None,
            months=None,
            cost=None,
        ),
        Ending(
            name="Amber Mill",
            story="never pays, comes back",
            dunning="exhausted",
            tries=2,
            mails=5,
            win_back="reactivated",
            stopped=None,
            percent=20,
            months=3,
            cost=5_940,
        ),
        Ending(
            name="Blue Anvil",
            story="wants no more mail",
            dunning="exhausted",
            tries=2,
            mails=4,
            win_back="lost",
            stopped="opted_out",
            percent=None,
            months=None,
            cost=0,
        ),
    ],
    kept=Kept(
        by_tier={"critical": 9, "high": 14}, held_out=2, mails=11, tasks=9, withheld={"no_guide_fits": 2}
    ),
    story=[
        Told(at="2026-03-20T10:00:00.000Z", kind="episode_started", about="", reason="payment_failed"),
        Told(at="2026-03-22T10:00:00.000Z", kind="offer_made", about="20 % for 3 months", reason=""),
    ],
)


def settings(*, keep: bool) -> Settings:
    return Settings(seed=7, keep=keep, today=date(2026, 3, 20), port=4600)


def shown(report: Report, *, keep: bool = False) -> str:
    out = io.StringIO()
    show(Console(file=out, width=WIDTH), report, where_to_look(settings(keep=keep), report))
    return out.getvalue()


@pytest.mark.parametrize("keep", [False, True])
def test_it_fits_a_screen_of_100_columns(keep: bool) -> None:
    assert max(map(len, shown(REPORT, keep=keep).splitlines())) <= 100


def test_it_says_what_happened() -> None:
    text = " ".join(shown(REPORT).replace("│", " ").split())

    assert "8,123,456 in 112,345 calls" in text
    assert "balanced" in text
    assert "AUC 0.871 (95 % 0.830-0.910)" in text
    assert "9 critical, 14 high, 30 medium, 55 low; 12 not scored" in text
    assert "8 of 8 accounts whose API volume fell by more than half" in text
    assert "2.4 s after the record (median), 4.8 s (p95)" in text
    assert "31 %" in text
    assert "alike: 24 % to 41 %" in text
    assert "leaves in 30 days" in text
    assert "Amber Tools and 1 more" in text
    assert "9 critical, 14 high got the play of their tier, 2 of them held out by lot" in text
    assert "11 mails and 9 tasks so far; passed over: 2 no guide fits" in text
    assert "4 of 7 failed renewals collected, USD 396.00 of USD 693.00" in text
    assert "reactivated 20 % for 3 months" in text
    assert "labels for the next training: 2 lost, 1 reactivated" in text
    assert "lost (opted out)" in text
    assert "2026-03-22 10:00 offer made 20 % for 3 months" in text


def test_counters_that_do_not_balance_are_said_so() -> None:
    broken = replace(REPORT, counters={**REPORT.counters, "in": 112_466})

    assert "they do not balance" in shown(broken)
    with pytest.raises(StageError, match="do not balance"):
        check(broken)


def test_names_of_any_origin_are_shown_as_they_are() -> None:
    odd = replace(RISK, name="[bold]Ember[/] & Co [link", drivers=("[red]fell[/]", "b", "c"))

    text = shown(replace(REPORT, riskiest=[odd]))

    assert "[bold]Ember[/]" in text
    assert "[red]fell[/]" in text


def test_where_to_look_depends_on_what_is_left_running() -> None:
    assert "make demo KEEP=1" in shown(REPORT)
    assert "stemtide usage acct-0042 --stack build/demo/cloud/stack.json" in shown(REPORT, keep=True)
    assert "make down" in shown(REPORT, keep=True)


def test_it_is_json() -> None:
    data = json.loads(json.dumps(REPORT.as_json()))

    assert data["balanced"] is True
    assert data["riskiest"][0]["account"] == "acct-0042"
    assert data["drops"] == {"fallen": 8, "rescored": 8, "p50_s": 2.4, "p95_s": 4.8}


def test_a_run_without_scores_has_failed() -> None:
    with pytest.raises(StageError, match="no account has a score"):
        check(replace(REPORT, tiers={"critical": 0, "high": 0, "medium": 0, "low": 0}, riskiest=[]))


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"collected": replace(REPORT.collected, recovered=0)}, "no failed renewal was collected"),
        ({"endings": REPORT.endings[:1]}, "no customer came back"),
        ({"kept": replace(REPORT.kept, mails=0, tasks=0)}, "nothing was done about the accounts at risk"),
    ],
)
def test_a_run_in_which_a_journey_came_to_nothing_has_failed(changes: dict[str, Any], wrong: str) -> None:
    with pytest.raises(StageError, match=wrong):
        check(replace(REPORT, **changes))


def test_a_risk_without_drivers_is_a_failure() -> None:
    with pytest.raises(StageError, match="fewer than 3 drivers"):
        check(replace(REPORT, riskiest=[replace(RISK, drivers=("one",))]))


def test_customer_records_become_risks_and_tiers() -> None:
    record: dict[str, Any] = {
        "account": "acct-0042",
        "profile": {"name": "Granite Logistics"},
        "churn_risk_score": 83,
        "churn_risk_tier": "critical",
        "churn_probability": 0.312,
        "horizon_days": 30,
        "interval": {"low": 0.24, "high": 0.41, "accounts": 80},
        "confidence": "high",
        "trigger": "usage_drop",
        "drivers": [{"text": text} for text in RISK.drivers],
    }

    assert risk_of(record) == RISK
    assert tiers_of([record, record, {"churn_risk_tier": None}]) == (
        {"critical": 2, "high": 0, "medium": 0, "low": 0},
        1,
    )


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "99999999999"])
def test_a_bad_seed_is_refused_in_words(text: str) -> None:
    with pytest.raises(SystemExit, match="SEED"):
        Settings.from_env({"SEED": text}, today=date(2026, 3, 20))


def test_a_run_has_a_local_cloud_of_its_own_and_bases_that_do_not_overlap() -> None:
    found = Settings.from_env({"SEED": "3", "KEEP": "1"}, today=date(2026, 3, 20))

    assert found.keep
    assert found.environment()["STEMTIDE_LOCAL_DIR"].endswith("build/demo/cloud")
    assert Path(found.environment()["STEMTIDE_STACK"]).parent == found.cloud
    assert (found.today - found.training_end).days == found.live.days
    assert found.seed_of("training") != found.seed_of("live")


def test_the_picture_is_drawn_from_the_last_report_and_fetches_nothing(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(REPORT.as_json()))

    draw(tmp_path / "report.json", tmp_path / "demo.svg")

    picture = (tmp_path / "demo.svg").read_text()
    assert "Granite" in picture
    assert "url(http" not in picture


def test_of_one_score_the_likelier_to_leave_comes_first() -> None:
    rows = [
        {"account": "a", "churn_risk_score": 80, "churn_probability": 0.3},
        {"account": "b", "churn_risk_score": 80, "churn_probability": 0.4},
        {"account": "c", "churn_risk_score": 90, "churn_probability": None},
    ]

    assert [row["account"] for row in sorted(rows, key=by_risk)] == ["c", "b", "a"]
