"""What a step writes, and when it cannot."""

from typing import Any

import msgspec
import pytest
from stemtide.calls import DAY_MS
from stemtide.config_plays import WinBack
from stemtide.config_retention import Guide, Retention
from stemtide.mail.filling import checked
from stemtide.mail.templates import find
from stemtide.plays.decide import Do
from stemtide.plays.facts import Facts, Given, OfferState
from stemtide.plays.guidance import guide_for
from stemtide.plays.letters import (
    Letter,
    NoLetter,
    person,
    retention_letter,
    task_letter,
    win_back_letter,
)
from stemtide.profile import Profile
from stemtide.scoring.assessment import Tier

from tests.plays import RETENTION, START, WIN_BACK, driver

REPORTS = Guide(
    drivers=("*reports*",),
    feature="Reports",
    tip="Send one every Monday.",
    url="https://help.example/reports",
)
LOGINS = Guide(
    drivers=("days_since_last_login",), feature="Logins", tip="t", url="https://help.example/logins"
)
FULL = Retention(
    guides=(LOGINS, REPORTS),
    training_url="https://cal.example/training",
    executive="Ada Okoye",
    offer_url="https://app.example/billing",
)
BACK = WinBack(return_url="https://app.example/back")
MADE = Given(
    state=OfferState.MADE,
    percent=20,
    months=3,
    code="BACK-7F3KQ",
    cost=2_940,
    expires_ms=START + 14 * DAY_MS,
)
PROFILE = Profile(plan="business", csm="carla.diaz@acme.example", name="Initech", renewal_date="2026-04-01")


def won_back(act: str, facts: Facts, *, day: float = 1) -> Letter | NoLetter:
    return win_back_letter(WIN_BACK, Do(step="s", act=act), facts, BACK, now_ms=START + round(day * DAY_MS))


def kept(act: str, facts: Facts, config: Retention = FULL, profile: Profile = PROFILE) -> Letter | NoLetter:
    return retention_letter(RETENTION, Do(step="s", act=act), facts, profile, config, now_ms=START)


def test_the_last_letter_tells_of_the_offer_while_it_runs() -> None:
    runs, over = (
        won_back("win_back_last", Facts(offer=MADE)),
        won_back("win_back_last", Facts(offer=MADE), day=15),
    )

    assert isinstance(runs, Letter)
    assert isinstance(over, Letter)
    assert runs.values["code"] == "BACK-7F3KQ"
    assert "code" not in over.values


def test_the_offer_letter_has_the_price_and_is_never_written_without_an_offer() -> None:
    found = won_back("win_back_offer", Facts(offer=MADE))

    assert isinstance(found, Letter)
    assert found.values["offer"] == {"percent": 20, "months": 3}
    assert found.values["price"] == {"amount": 3_920, "currency": "EUR"}
    withheld = Given(state=OfferState.WITHHELD)
    assert won_back("win_back_offer", Facts(offer=withheld)) == NoLetter("no_offer")
    assert won_back("win_back_offer", Facts(offer=MADE), day=14) == NoLetter("no_offer")


def test_a_guide_is_chosen_by_what_speaks_most_for_leaving() -> None:
    drivers = (
        driver("days_since_last_login", 0.2),
        driver("feature_reports_30d", 0.4),
        driver("avg_dau_7d", 0.9),
        driver("reports_total", -2.0),
    )

    found = guide_for(drivers, FULL.guides)

    assert found is not None
    assert (found[0].feature, found[1]) == ("feature_reports_30d", REPORTS)
    assert guide_for((driver("reports_total", -2.0),), FULL.guides) is None
    assert guide_for((), FULL.guides) is None


@pytest.mark.parametrize(
    ("act", "config", "profile", "reason"),
    [
        ("guide", Retention(), PROFILE, "no_guide_fits"),
        ("training", Retention(), PROFILE, "no_training"),
        ("check_in", FULL, Profile(), "no_csm"),
        ("executive", Retention(), PROFILE, "no_executive"),
        ("offer", FULL, PROFILE, "no_offer"),
    ],
)
def test_what_cannot_be_done_says_why(act: str, config: Retention, profile: Profile, reason: str) -> None:
    assert kept(act, Facts(), config, profile) == NoLetter(reason)


def test_an_offer_to_stay_needs_a_place_to_take_it() -> None:
    nowhere = msgspec.structs.replace(FULL, offer_url="")

    assert kept("offer", Facts(offer=MADE), nowhere) == NoLetter("no_offer_url")


@pytest.mark.parametrize("act", ["guide", "training", "check_in", "executive"])
def test_every_letter_to_an_account_at_risk_can_be_filled(act: str) -> None:
    found = kept(act, Facts(drivers=(driver("feature_reports_30d"),)))

    _can_be_filled(found)


@pytest.mark.parametrize("act", ["win_back_hello", "win_back_offer", "win_back_last"])
@pytest.mark.parametrize("offer", [MADE, None])
def test_every_letter_to_who_left_can_be_filled(act: str, offer: Given | None) -> None:
    found = won_back(act, Facts(offer=offer))

    if act == "win_back_offer" and offer is None:
        assert found == NoLetter("no_offer")
        return
    _can_be_filled(found)


def test_a_briefing_says_who_how_risky_and_why() -> None:
    facts = Facts(
        score=82, tier=Tier.CRITICAL, drivers=(driver(text="API calls down 62 %"), driver(text="b"))
    )

    found = task_letter(RETENTION, Do(step="task", act="csm_task"), facts, PROFILE)

    assert found.values["customer"] == "Initech"
    assert (found.values["score"], found.values["tier"]) == (82, "high")
    assert (found.values["driver_1"], found.values["driver_2"]) == ("API calls down 62 %", "b")
    assert "driver_3" not in found.values


@pytest.mark.parametrize(
    ("csm", "name"),
    [("carla.diaz@acme.example", "Carla Diaz"), ("jo_lee@x.example", "Jo Lee"), ("@x", "@x"), ("Kim", "Kim")],
)
def test_a_csm_signs_with_a_name_made_of_the_address(csm: str, name: str) -> None:
    assert person(csm) == name


def _can_be_filled(found: Any) -> None:
    assert isinstance(found, Letter)
    assert checked(find(found.template), found.values)
