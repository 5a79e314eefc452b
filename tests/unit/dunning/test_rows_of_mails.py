"""What breaks, and what must come of it: mails (rows 45 and 46 of the failure modes)."""

import pytest
from stemtide.dunning.ledger import Kind
from stemtide.dunning.ports import Fate, MailFate

from tests.dunning_bench import Died, Dunning, dies
from tests.payment_benches import DAY_S


def test_row_45_a_mail_of_unknown_outcome_is_told_and_never_sent_again() -> None:
    unknown = MailFate(fate=Fate.UNKNOWN, key="m1", reason="reply_lost")
    dunning = Dunning(then="do_not_honor", fates=[unknown]).opened()

    dunning.play()

    first = dunning.of_kind(Kind.MAIL)[0]
    assert (first.key, first.reason) == ("m1", "reply_lost")
    assert dunning.steps_mailed().count(f"{dunning.invoice}:first") == 1


def test_row_45_who_dies_between_mail_and_ledger_asks_for_the_same_mail_again() -> None:
    dunning = Dunning().opened()
    dunning.points.append(("append", "before", dies))
    with pytest.raises(Died):
        dunning.step()

    dunning.step()

    assert [(one.episode, one.step) for one in dunning.mails] == [
        (dunning.row.id, f"{dunning.invoice}:first")
    ] * 2  # one and the same to the mail service, which sends it once


@pytest.mark.parametrize("reason", ["throttled", "sending_stopped", "campaign_paused"])
def test_row_46_a_mail_that_is_put_off_is_asked_for_again_and_delays_no_retry(reason: str) -> None:
    dunning = Dunning()
    until = None if reason != "throttled" else dunning.now_ms() + 60_000
    put_off = MailFate(fate=Fate.DEFERRED, key="m1", reason=reason, until_ms=until)
    dunning.fates += [put_off] * (1 if reason == "throttled" else 60)
    dunning.opened()

    dunning.step()
    waits_for = dunning.row.next_reason
    dunning.play(until=lambda: bool(dunning.ours()))

    assert waits_for == f"mail_deferred:{reason}"
    assert dunning.ours()[0]["created"] * 1000 <= dunning.row.started_ms + 2 * DAY_S * 1000
    assert len(dunning.mails) == (1 if reason == "throttled" else 0)


@pytest.mark.parametrize(("until_ms", "pause_ms"), [(1, 60_000), (None, 3_600_000)])
def test_row_46_a_mail_that_is_put_off_without_an_end_is_not_asked_for_at_once(
    until_ms: int | None, pause_ms: int
) -> None:
    dunning = Dunning(fates=[MailFate(fate=Fate.DEFERRED, key="", reason="busy", until_ms=until_ms)]).opened()

    found = dunning.step()

    assert found.until_ms == dunning.now_ms() + pause_ms
