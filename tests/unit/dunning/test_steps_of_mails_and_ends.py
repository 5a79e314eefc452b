"""A step: mails that are told, put off or passed over, and the end of a subscription."""

import pytest
from stemtide.dunning.decide import Ending
from stemtide.dunning.ledger import Kind
from stemtide.dunning.ports import Fate, MailFate
from stemtide.stepping import SOON_MS

from tests.dunning_bench import Died, Dunning, collect_by_hand, dies

HOUR_S = 3600


def test_mails_that_were_passed_over_are_told_before_the_one_that_went() -> None:
    dunning = Dunning(outcomes=({"decline_code": "lost_card"},)).opened()
    dunning.bench.clock.advance(days=5)

    dunning.step()

    skipped, sent = dunning.ledger[1:]
    assert (skipped.kind, skipped.step, skipped.reason) == (Kind.MAIL_SKIPPED, "first", "its time had passed")
    assert (sent.kind, sent.step, sent.template) == (Kind.MAIL, "reminder", "payment_needs_card")
    assert (skipped.seq, sent.seq, sent.key) == (2, 3, "key-0")
    assert skipped.invoice == sent.invoice == dunning.invoice


def test_a_mail_that_went_is_told_with_its_key_and_what_the_provider_calls_it() -> None:
    dunning = Dunning(fates=[MailFate(fate=Fate.SENT, key="m1", provider_id="ses-1")]).opened()

    dunning.step()

    entry = dunning.ledger[-1]
    assert (entry.kind, entry.key, entry.provider_id, entry.reason) == (Kind.MAIL, "m1", "ses-1", None)


def test_a_mail_that_is_refused_is_told_as_skipped_with_its_reason() -> None:
    refused = MailFate(fate=Fate.REFUSED, key="m1", reason="bounced")
    dunning = Dunning(fates=[refused]).opened()

    dunning.step()

    entry = dunning.ledger[-1]
    assert (entry.kind, entry.step, entry.reason, entry.key) == (Kind.MAIL_SKIPPED, "first", "bounced", "m1")


def test_a_mail_that_may_go_later_waits_for_its_time_or_for_what_comes_first() -> None:
    dunning = Dunning()
    late = MailFate(fate=Fate.DEFERRED, key="", reason="budget", until_ms=dunning.now_ms() + 40 * 86_400_000)
    soon = MailFate(fate=Fate.DEFERRED, key="", reason="quiet_hours", until_ms=dunning.now_ms() + 120_000)
    dunning.fates += [soon, late, MailFate(fate=Fate.DEFERRED, key="", reason="campaign_paused")]
    dunning.opened()

    first, second, third = dunning.step(), dunning.step(), dunning.step()

    now_ms = dunning.now_ms()
    assert (first.until_ms, first.reason) == (now_ms + 120_000, "mail_deferred:quiet_hours")
    assert second.until_ms is not None
    assert now_ms + 3_600_000 < second.until_ms <= now_ms + 86_400_000  # the retry's time, or a day
    assert (third.until_ms, third.reason) == (now_ms + SOON_MS, "mail_deferred:campaign_paused")
    assert dunning.row.next_reason == third.reason
    assert dunning.of_kind(Kind.MAIL) == []


def gives_up(**about: object) -> Dunning:
    """Nothing but the end of the subscription is left to do."""
    dunning = Dunning(outcomes=({"decline_code": "lost_card"},), **about).opened()  # type: ignore[arg-type]
    dunning.play(days=9.9)
    dunning.bench.clock.advance(days=3)
    return dunning


def test_a_subscription_is_ended_once_claimed_and_told() -> None:
    dunning = gives_up()

    dunning.step()

    claimed, canceled = dunning.ledger[-2:]
    assert (claimed.kind, canceled.kind) == (Kind.CANCEL_CLAIMED, Kind.CANCELED)
    assert claimed.key == canceled.key == f"{dunning.row.id}-cancel-{dunning.subscription}"
    assert claimed.provider_id == canceled.provider_id == dunning.subscription
    assert (claimed.invoice, canceled.reason) == (dunning.invoice, None)
    assert (dunning.step().do, dunning.ending) == ("end", Ending.EXHAUSTED)
    assert (dunning.row.ending_reason, dunning.row.next_ms, dunning.row.next_reason) == (
        "not_collected",
        None,
        None,
    )
    assert dunning.ledger[-1].reason == "exhausted: not_collected"


def test_who_pays_right_before_the_end_keeps_the_subscription() -> None:
    dunning = gives_up()
    dunning.points.append(("append", "after", lambda: collect_by_hand(dunning)))

    dunning.step()

    claimed, withdrawn = dunning.ledger[-2:]
    assert (withdrawn.kind, withdrawn.reason) == (Kind.CANCEL_WITHDRAWN, "no longer due")
    assert (withdrawn.key, withdrawn.provider_id) == (claimed.key, dunning.subscription)
    assert dunning.row.busy_ms <= dunning.now_ms()
    dunning.play()
    assert dunning.ending is Ending.RECOVERED
    assert dunning.bench.ask("GET", f"/v1/subscriptions/{dunning.subscription}")["status"] == "active"


def test_a_subscription_that_somebody_else_has_just_ended_is_told_so() -> None:
    dunning = gives_up()
    end = f"/v1/subscriptions/{dunning.subscription}"
    dunning.points.append(("cancel_subscription", "before", lambda: dunning.bench.ask("DELETE", end)))

    dunning.step()

    canceled = dunning.ledger[-1]
    assert canceled.kind is Kind.CANCELED
    assert canceled.reason == "resource_missing"


def test_an_end_whose_reply_was_lost_is_asked_for_again_and_happens_once() -> None:
    dunning = gives_up()
    dunning.points.append(("cancel_subscription", "after", dies))
    with pytest.raises(Died):
        dunning.step()
    dunning.bench.clock.advance(seconds=HOUR_S)

    dunning.play()

    assert dunning.ending is Ending.EXHAUSTED
    events = dunning.bench.provider.world.store.all("event")
    assert sum(one["type"] == "customer.subscription.deleted" for one in events) == 1
