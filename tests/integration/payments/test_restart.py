"""A provider that is started again goes on where it was."""

from pathlib import Path

import pytest
from stemtide.billing.provider import CardDeclinedError
from stemtide.ports import UnavailableError

from tests.payment_benches import Clock, control, running


def test_objects_keys_scripts_and_what_falls_due_outlive_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, clock=clock) as bench:
        customer, subscription, invoice = bench.past_due()
        bench.script(customer, "lost_reply", "lost_card", then="insufficient_funds")
        with pytest.raises(UnavailableError):
            bench.port.pay_invoice(invoice, key="k")
        before = bench.port.invoice(invoice)

    with running(tmp_path, clock=clock) as bench:
        assert bench.port.invoice(invoice) == before
        assert bench.port.pay_invoice(invoice, key="k")["status"] == "paid"
        assert len(list(bench.port.charges(customer=customer))) == 3
        clock.advance(days=31)
        latest = (bench.port.subscription(subscription) or {})["latest_invoice"]
        with pytest.raises(CardDeclinedError) as declined:
            bench.port.pay_invoice(latest, key="next")

        assert latest != invoice
        assert declined.value.decline_code in ("lost_card", "insufficient_funds")
        assert control(bench.url, "GET", "/_control/script?customer=" + customer)[1]["outcomes"] == []
        ids = [event["id"] for event in bench.port.events(since_s=0)]
    assert len(ids) == len(set(ids))


def test_what_was_answered_is_on_disk(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        control(first.url, "POST", "/_control/seed", {"customers": [{"id": "cus_answered"}]})
        # a second process opens the file while the first is still there, as after a kill
        with running(tmp_path) as second:
            found = second.port.customer("cus_answered")

    assert found is not None
