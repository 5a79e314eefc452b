"""Which logins are followed by a score, and which messages come again."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from stemtide.as_of import as_of_text
from stemtide.login_messages import LoginPorts, on_logins
from stemtide.ports import UnavailableError
from stemtide.queue_messages import Message
from stemtide.scoring_service import Fate, Moment

from tests.stream_memory import one_by_one

HOUR = 3_600_000
NOW = 1_700_000_000_000


def message(account: str, at_ms: int, *, named: str | None = None, body: str | None = None) -> Message:
    text = json.dumps({"account": account, "as_of": as_of_text(at_ms)})
    return Message(id=named or account, receipt="r", receives=1, body=text if body is None else body)


class Outside:
    """Records with the instants of their newest score and of the newest login that asked for one."""

    def __init__(self, debounce_ms: int = HOUR, *, whole: bool = True, **scored: int) -> None:
        self.debounce_ms = debounce_ms
        self.whole = whole
        self.scored: dict[str, int] = dict(scored)
        self.claimed: dict[str, int] = {}
        self.fates: dict[str, Fate] = {}
        self.asked: list[Moment] = []
        self.aside: list[str] = []
        self.later: list[tuple[str, int]] = []
        self.broken = False

    def ports(self) -> LoginPorts:
        return LoginPorts(
            is_whole=lambda as_of_ms: self.whole,
            claim=self.claim,
            score=self._score,
            set_aside=lambda body, error: self._aside(body),
            later=lambda pauses: self.later.extend((one.id, seconds) for one, seconds in pauses),
            side_by_side=one_by_one,
        )

    def claim(self, moment: Moment, own: Collection[int]) -> bool:
        """As the table's one conditional write."""
        account, at_ms = moment
        if account == "unreachable":
            raise UnavailableError("500")
        before = at_ms - max(self.debounce_ms, 1)
        claimed = self.claimed.get(account, before)
        if self.scored.get(account, before) > before or not (claimed <= before or claimed in own):
            return False
        self.claimed[account] = at_ms
        return True

    def _score(self, moments: Sequence[Moment]) -> dict[Moment, Fate]:
        if self.broken:
            raise RuntimeError("no model")
        self.asked += moments
        for moment in moments:
            if self.fates.get(moment.account, Fate.SCORED) is not Fate.SCORED:
                continue
            self.scored[moment.account] = max(moment.as_of_ms, self.scored.get(moment.account, 0))
        return {moment: self.fates.get(moment.account, Fate.SCORED) for moment in moments}

    def _aside(self, body: str) -> None:
        if body == "unreachable":
            raise UnavailableError("500")
        self.aside.append(body)


@pytest.mark.parametrize(
    ("scored_ago", "debounce", "due"),
    [
        (None, HOUR, True),
        (HOUR, HOUR, True),
        (HOUR - 1, HOUR, False),
        (0, HOUR, False),
        (-1, HOUR, False),
        (1, 0, True),
        (0, 0, False),
        (-5, 0, False),
    ],
)
def test_a_login_shortly_after_a_score_is_followed_by_none(
    scored_ago: int | None, debounce: int, due: bool
) -> None:
    outside = Outside(debounce, **({} if scored_ago is None else {"acme": NOW - scored_ago}))

    found = on_logins([message("acme", NOW)], ports=outside.ports())

    assert outside.asked == ([Moment("acme", NOW)] if due else [])
    assert (found.debounced, found.failed) == (int(not due), ())


def test_the_logins_of_an_account_in_a_delivery_are_one_score_as_of_the_newest() -> None:
    outside = Outside()
    messages = [message("acme", NOW + at, named=str(at)) for at in (5, 9, 0, 9)]

    found = on_logins([*messages, message("other", NOW)], ports=outside.ports())

    assert outside.asked == [Moment("acme", NOW + 9), Moment("other", NOW)]
    assert (found.failed, outside.later) == ((), [])


@pytest.mark.parametrize("fate", [Fate.FAILED, Fate.BROKEN])
def test_all_messages_of_an_account_that_could_not_be_scored_come_again_and_no_others(fate: Fate) -> None:
    outside = Outside()
    outside.fates["acme"] = fate
    messages = [message("acme", NOW + at, named=f"a{at}") for at in (0, 1)]

    found = on_logins([*messages, message("gone", NOW), message("unreachable", NOW)], ports=outside.ports())

    assert sorted(found.failed) == ["a0", "a1", "unreachable"]
    assert sorted(outside.later) == [("a0", 5), ("a1", 5), ("unreachable", 5)]
    assert found.answer() == {"batchItemFailures": [{"itemIdentifier": one} for one in found.failed]}


@pytest.mark.parametrize("body", ["no json", "{}", '{"account": "a", "as_of": "soon"}', '{"account": 7}'])
def test_what_cannot_be_read_is_set_aside(body: str) -> None:
    outside = Outside()

    found = on_logins([message("x", NOW, body=body), message("acme", NOW)], ports=outside.ports())

    assert (outside.aside, found.unreadable, found.failed) == ([body], 1, ())
    assert outside.asked == [Moment("acme", NOW)]


def test_what_cannot_even_be_set_aside_comes_again() -> None:
    found = on_logins([message("x", NOW, body="unreachable")], ports=Outside().ports())

    assert found.failed == ("x",)


def test_without_a_model_every_message_comes_again_soon() -> None:
    outside = Outside()
    outside.broken = True

    with pytest.raises(RuntimeError):
        on_logins([message("acme", NOW), message("other", NOW)], ports=outside.ports())

    assert outside.later == [("acme", 5), ("other", 5)]


def test_logins_of_an_account_that_is_no_customer_are_asked_about_once_an_hour() -> None:
    outside = Outside()
    outside.fates["acme"] = Fate.NOT_CUSTOMER

    for minute in (0, 10, 20, 59, 60):
        on_logins([message("acme", NOW + minute * 60_000)], ports=outside.ports())

    assert outside.asked == [Moment("acme", NOW), Moment("acme", NOW + HOUR)]


def test_of_two_logins_that_are_worked_off_side_by_side_one_is_scored() -> None:
    outside = Outside()
    other: list[int] = []

    def score(moments: Sequence[Moment]) -> dict[Moment, Fate]:
        """While the first is being scored the second comes."""
        found = on_logins([message("acme", NOW + 60_000)], ports=outside.ports())
        other.append(found.debounced)
        return outside.ports().score(moments)

    on_logins([message("acme", NOW)], ports=replace(outside.ports(), score=score))

    assert (outside.asked, other) == ([Moment("acme", NOW)], [1])


def test_a_login_whose_scoring_died_comes_again_and_is_scored() -> None:
    outside = Outside()
    outside.broken = True
    with pytest.raises(RuntimeError):
        on_logins([message("acme", NOW)], ports=outside.ports())
    outside.broken = False

    between = on_logins([message("acme", NOW + 60_000)], ports=outside.ports())
    again = on_logins([message("acme", NOW)], ports=outside.ports())

    assert (between.debounced, again.debounced) == (1, 0)
    assert outside.asked == [Moment("acme", NOW)]


def test_while_the_last_day_lacks_events_a_login_is_held_back_and_the_next_one_scored() -> None:
    outside = Outside(whole=False)

    held = on_logins([message("acme", NOW)], ports=outside.ports())
    outside.whole = True
    on_logins([message("acme", NOW + 60_000)], ports=outside.ports())

    assert (held.failed, held.fates) == ((), {Moment("acme", NOW): Fate.HELD_BACK})
    assert outside.asked == [Moment("acme", NOW + 60_000)]


def test_in_any_order_and_however_often_no_two_scores_are_closer_than_configured_and_none_is_missing() -> (
    None
):
    for seed in range(300):
        source = Random(seed)
        logins = [NOW + source.randrange(8 * HOUR) for _ in range(source.randint(1, 12))]
        arriving = logins + source.choices(logins, k=4)
        source.shuffle(arriving)
        outside = Outside()
        while arriving:
            taken, arriving = arriving[: (size := source.randint(1, 4))], arriving[size:]
            messages = [message("acme", at, named=str(n)) for n, at in enumerate(taken)]
            outside.broken = source.random() < 0.3
            try:
                on_logins(messages, ports=outside.ports())
            except RuntimeError:  # nothing of the delivery is done: it comes again, in another order
                arriving = source.sample([*arriving, *taken], k=len(arriving) + len(taken))

        instants = [moment.as_of_ms for moment in outside.asked]
        assert all(later - earlier >= HOUR for earlier, later in pairwise(instants))
        assert outside.scored["acme"] > max(logins) - HOUR
