"""Calls in memory go wrong as calls over a network do, where a simulation says so."""

from collections.abc import Callable

import pytest
from stemtide.billing.provider import ProviderRefusedError
from stemtide.ports import ThrottledError, UnavailableError

from payments.in_memory import Fault, InMemoryPayments
from payments.provider import Provider
from tests.payment_benches import Bench, Clock, memory_bench


def faulty(bench: Bench, *faults: Fault | None) -> InMemoryPayments:
    """The bench's provider, whose next calls meet these faults."""
    waiting = list(faults)
    return InMemoryPayments(bench.provider, faults=lambda _: waiting.pop(0) if waiting else None)


def pays(port: InMemoryPayments, invoice: str, key: str = "k") -> Callable[[], object]:
    return lambda: port.pay_invoice(invoice, key=key)


@pytest.mark.parametrize(
    ("fault", "error", "status_then", "status_of_a_repeat"),
    [
        (Fault.THROTTLED, ThrottledError, "open", "paid"),
        (Fault.UNREACHED, UnavailableError, "open", "paid"),
        (Fault.LOST_REPLY, UnavailableError, "paid", "paid"),
        (Fault.ERROR_BEFORE, UnavailableError, "open", UnavailableError),
        (Fault.ERROR_AFTER, UnavailableError, "paid", UnavailableError),
    ],
)
def test_a_charge_that_meets_a_fault(
    fault: Fault, error: type[Exception], status_then: str, status_of_a_repeat: str | type[Exception]
) -> None:
    bench = memory_bench()
    customer, _, invoice = bench.past_due()
    port = faulty(bench, fault)

    with pytest.raises(error) as met:
        port.pay_invoice(invoice, key="k")

    assert isinstance(met.value, ThrottledError) == (fault is Fault.THROTTLED)
    assert (bench.port.invoice(invoice) or {})["status"] == status_then
    if isinstance(status_of_a_repeat, str):
        assert port.pay_invoice(invoice, key="k")["status"] == status_of_a_repeat
    else:
        with pytest.raises(status_of_a_repeat):
            port.pay_invoice(invoice, key="k")
    paid = [charge for charge in bench.port.charges(customer=customer) if charge["paid"]]
    assert len(paid) == 1 + ((bench.port.invoice(invoice) or {})["status"] == "paid")


def test_a_read_whose_reply_is_lost_is_no_missing_object() -> None:
    bench = memory_bench()
    _, _, invoice = bench.past_due()

    with pytest.raises(UnavailableError):
        faulty(bench, Fault.LOST_REPLY).invoice(invoice)


def test_a_race_can_be_put_before_and_after_a_call() -> None:
    bench = memory_bench()
    _, _, invoice = bench.past_due()
    seen: list[tuple[str, str]] = []

    def step(name: str, when: str) -> None:
        seen.append((name, when))
        if (name, when) == ("pay_invoice", "before"):
            bench.ask("POST", f"/v1/invoices/{invoice}/pay")

    port = InMemoryPayments(bench.provider, step=step)

    with pytest.raises(ProviderRefusedError) as refused:
        port.pay_invoice(invoice, key="k")

    assert refused.value.code == "invoice_already_paid"
    assert seen == [("pay_invoice", "before"), ("pay_invoice", "after")]


def test_a_crash_after_a_call_leaves_what_it_did() -> None:
    bench = memory_bench()
    _, _, invoice = bench.past_due()

    def step(_: str, when: str) -> None:
        if when == "after":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        InMemoryPayments(bench.provider, step=step).pay_invoice(invoice, key="k")

    assert (bench.port.invoice(invoice) or {})["status"] == "paid"


def test_what_was_read_stays_as_it_was_read() -> None:
    bench = memory_bench()
    _, _, invoice = bench.past_due()

    before = bench.port.invoice(invoice)
    bench.port.pay_invoice(invoice, key="k")

    assert before is not None
    assert (before["status"], before["amount_remaining"]) == ("open", 5000)
    assert before["status_transitions"]["paid_at"] is None


def test_the_same_steps_make_the_same_ids_and_another_seed_others() -> None:
    def lived(seed: str) -> list[str]:
        clock = Clock()
        provider = Provider(clock=clock, seed=seed)
        Bench(port=InMemoryPayments(provider), provider=provider, clock=clock).past_due()
        return [event["id"] for event in provider.world.store.all("event")]

    assert lived("a") == lived("a")
    assert not set(lived("a")) & set(lived("b"))


def test_only_the_chosen_events_are_made() -> None:
    clock = Clock()
    provider = Provider(clock=clock, event_types={"invoice.payment_failed"})

    Bench(port=InMemoryPayments(provider), provider=provider, clock=clock).past_due()

    assert [event["type"] for event in provider.world.store.all("event")] == ["invoice.payment_failed"]


def test_years_that_have_passed_are_caught_up_with_bit_by_bit() -> None:
    clock = Clock()
    provider = Provider(clock=clock, most_due=4)
    bench = Bench(port=InMemoryPayments(provider), provider=provider, clock=clock)
    subscription = bench.subscribe(bench.customer(), bench.price())["id"]
    clock.advance(days=366)

    first = provider.world.now
    provider.tick()
    behind = provider.world.now
    while provider.world.now < clock.now_s:
        provider.tick()

    assert first < behind < clock.now_s
    assert len(list(bench.port.invoices())) == 13
    assert {invoice["status"] for invoice in bench.port.invoices()} == {"paid"}
    assert (bench.port.subscription(subscription) or {})["status"] == "active"
