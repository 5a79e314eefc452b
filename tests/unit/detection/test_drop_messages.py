"""Which messages of a delivery of drops come again, and when."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from stemtide.as_of import as_of_text, parse_as_of
from stemtide.domain_events import UsageDropDetected
from stemtide.drop_messages import DropPorts, on_drops
from stemtide.ports import UnavailableError
from stemtide.queue_messages import Message, pause_s
from stemtide.scoring_service import Fate, Moment

AS_OF = "2026-03-15T08:12:45.000Z"


def message(name: str, *, named: str | None = None, receives: int = 1, **changes: Any) -> Message:
    detail = {
        "id": name,
        "account": name,
        "rule": "events_down",
        "day": AS_OF[:10],
        "as_of": AS_OF,
        "measure": "events",
        "before": 70,
        "now": 7,
        "change": -0.9,
        **changes,
    }
    return Message(
        id=named or name, receipt=f"r-{name}", receives=receives, body=json.dumps({"detail": detail})
    )


class Outside:
    """Ports that note what is asked of them."""

    def __init__(
        self, *, fates: dict[str, Fate] | None = None, broken: bool = False, lacking: str = ""
    ) -> None:
        self.fates, self.broken, self.lacking = fates or {}, broken, lacking
        self.asked: list[list[Moment]] = []
        self.skipped: list[str] = []
        self.aside: list[str] = []
        self.later: list[tuple[str, int]] = []

    def ports(self) -> DropPorts:
        return DropPorts(
            is_whole=lambda as_of_ms: as_of_text(as_of_ms)[:10] != self.lacking,
            score=self._score,
            note_skipped=self._note,
            set_aside=self._aside,
            later=lambda pauses: self.later.extend((one.id, seconds) for one, seconds in pauses),
        )

    def _score(self, moments: Sequence[Moment]) -> dict[Moment, Fate]:
        self.asked.append(list(moments))
        if self.broken:
            raise RuntimeError("no model")
        return {moment: self.fates.get(moment.account, Fate.SCORED) for moment in moments}

    def _note(self, drop: UsageDropDetected) -> None:
        if drop.account == "unreachable":
            raise UnavailableError("500")
        self.skipped.append(drop.account)

    def _aside(self, body: str, error: Exception) -> None:
        if "unreachable" in body:
            raise UnavailableError("500")
        self.aside.append(body)


def test_an_instant_of_an_account_is_scored_once_a_delivery_whatever_rules_found_it() -> None:
    outside = Outside()
    found = [
        message("acme"),
        message("acme", named="again", rule="calls_down"),
        message("acme", named="earlier", as_of="2026-03-14"),
    ]

    outcome = on_drops(found, ports=outside.ports())

    first, second = Moment("acme", parse_as_of(AS_OF)), Moment("acme", parse_as_of("2026-03-14"))
    assert outside.asked == [[first, second]]
    assert outcome.answer() == {"batchItemFailures": []}


def test_what_failed_comes_again_after_a_pause_that_doubles() -> None:
    outside = Outside(fates={"one": Fate.FAILED, "two": Fate.FAILED, "same": Fate.UNCHANGED})

    outcome = on_drops(
        [message("one"), message("two", receives=4), message("same"), message("good")], ports=outside.ports()
    )

    assert outcome.failed == ("one", "two")
    assert outside.later == [("one", 5), ("two", 40)]


def test_an_account_that_is_no_customer_is_noted_or_comes_again() -> None:
    outside = Outside(fates={"gone": Fate.NOT_CUSTOMER, "unreachable": Fate.NOT_CUSTOMER})

    outcome = on_drops([message("gone"), message("unreachable")], ports=outside.ports())

    assert (outside.skipped, outcome.failed) == (["gone"], ("unreachable",))


def test_what_cannot_be_read_is_set_aside_or_comes_again_and_holds_up_nobody() -> None:
    outside = Outside()
    bad = Message(id="bad", receipt="r", receives=1, body="{")
    worse = Message(id="worse", receipt="r", receives=1, body="unreachable")

    outcome = on_drops([bad, worse, message("acme")], ports=outside.ports())

    assert (outside.aside, outcome.failed, outcome.unreadable) == (["{"], ("worse",), 2)
    assert [moment.account for moment in outside.asked[0]] == ["acme"]


def test_a_delivery_of_unreadable_messages_asks_for_no_score() -> None:
    outside = Outside(broken=True)

    on_drops([Message(id="bad", receipt="r", receives=1, body="{")], ports=outside.ports())

    assert outside.asked == []


def test_where_nothing_can_be_scored_all_come_again_soon_and_the_error_is_heard_of() -> None:
    outside = Outside(broken=True)

    with pytest.raises(RuntimeError, match="no model"):
        on_drops([message("one"), message("two", receives=2)], ports=outside.ports())

    assert outside.later == [("one", 5), ("two", 10)]


def test_a_drop_whose_last_closed_day_lacks_events_is_not_scored_and_comes_again() -> None:
    outside = Outside(lacking=AS_OF[:10])

    outcome = on_drops(
        [message("acme", receives=3), message("other", as_of="2026-03-12T08:00:00Z")], ports=outside.ports()
    )

    assert [moment.account for moment in outside.asked[0]] == ["other"]
    assert (outcome.failed, outside.later) == (("acme",), [("acme", 20)])
    assert list(outcome.fates.values()).count(Fate.HELD_BACK) == 1


def test_ten_tries_take_half_an_hour_and_no_pause_is_longer_than_a_quarter() -> None:
    assert sum(pause_s(receives) for receives in range(1, 10)) == 2175
    assert pause_s(1000) == 900
