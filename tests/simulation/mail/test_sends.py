"""Mails under crashes, lost replies, throttles and races: none twice, none against anybody's will, each
accounted for."""

from collections import Counter

import pytest

from tests.simulation.mail.broken import DESIGNS, falls_at
from tests.simulation.mail.judge import outcome, told
from tests.simulation.mail.story import Act, Ses, story
from tests.simulation.mail.table import Fault

SEEDS = 20_000
LONG = 100_000
PARTS = 10
"""So that workers share them."""
SOON = 500
"""Seeds within which each broken design must fall."""
LOOKED_AT = 2_000


def test_the_stories_hold_all_that_may_go_wrong() -> None:
    stories = [story(seed) for seed in range(LOOKED_AT)]

    faults = Counter(fault for one in stories for fault in one.faults.values())
    answers = Counter(answer for one in stories for answer in one.answers.values())
    acts = Counter(event.act for one in stories for event in one.events if event.act is not None)
    assert (set(faults), set(answers), set(acts)) == (set(Fault), set(Ses), set(Act))
    assert min(*faults.values(), *answers.values(), *acts.values()) > LOOKED_AT / 20
    again = sum(max(Counter(e.request for e in one.events if e.act is None).values()) > 1 for one in stories)
    assert again > LOOKED_AT / 2


def test_the_stories_end_in_every_way() -> None:
    worlds = [told(seed) for seed in range(300)]

    ends = Counter(type(last[-1]).__name__ for one in worlds for last in one.outcomes.values())
    assert set(ends) == {
        "Deferred",
        "Refused",
        "Unknown",
        "Duplicate",
    }  # what was sent is a duplicate at last
    lasts = [last[-1] for one in worlds for last in one.outcomes.values()]
    reasons = {getattr(last, "reason", None) for last in lasts}
    assert {
        *("quiet_hours", "budget", "campaign_paused", "held", "erased", "do_not_contact", "opted_out"),
        *("complained", "bounced", "refused_by_ses", "reply_lost", "abandoned", "not_rendered"),
    } <= reasons
    assert sum(len(one.accepted) for one in worlds) > len(worlds)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_mail_is_sent_twice_or_against_anybodys_will_and_each_is_accounted_for(part: int) -> None:
    mine = range(part * SEEDS // PARTS, (part + 1) * SEEDS // PARTS)

    wrong = next((found for seed in mine if (found := outcome(seed))), [])

    assert not wrong, "\n".join(wrong)


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(PARTS))
def test_the_same_of_a_hundred_thousand_more(part: int) -> None:
    mine = range(SEEDS + part * LONG // PARTS, SEEDS + (part + 1) * LONG // PARTS)

    wrong = next((found for seed in mine if (found := outcome(seed))), [])

    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", DESIGNS)
def test_a_broken_design_falls_soon(name: str) -> None:
    seed = falls_at(name, within=SOON)

    assert seed is not None
