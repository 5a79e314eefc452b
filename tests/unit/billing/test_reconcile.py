"""What a reconcile asks for, and when it compares all subscriptions."""

from stemtide.billing.objects import Kind
from stemtide.billing.reconcile import LISTED_S, OVERLAP_S, WALK_EVERY_MS, Progress

from tests.billing_memory import Memory
from tests.billing_provider import invoice, item, price, subscription

DAY_S = 86_400
STARTER = price("starter", 1000, lookup_key="starter")
NOW_S = 40_000 * 1000


def memory() -> Memory:
    """One customer with a subscription, all of which was read once."""
    found = Memory()
    found.provider.now_s = NOW_S
    found.provider.change(
        {"id": "cus_1", "object": "customer", "metadata": {"account": "acme"}}, "customer.created"
    )
    found.provider.change(subscription("1", "cus_1", item(STARTER)), "customer.subscription.created")
    found.reconcile()
    return found


def test_the_first_one_reads_everything_and_the_next_one_only_what_is_new() -> None:
    one = Memory()
    one.provider.now_s = NOW_S
    one.provider.objects["cus_1"] = {"id": "cus_1", "object": "customer", "metadata": {"account": "acme"}}
    one.provider.objects["sub_1"] = subscription("1", "cus_1", item(STARTER))

    first, second = one.reconcile(), one.reconcile()

    assert (first.walked, first.differed, second.walked) == (1, 1, None)
    assert [fact.kind for fact in one.told() if fact.kind == "started"] == ["started"]


def test_an_event_that_is_listed_a_little_late_is_not_missed() -> None:
    one = memory()
    one.provider.now_s += 100
    late = one.provider.change(
        subscription("2", "cus_1", item(STARTER)),
        "customer.subscription.created",
        created=NOW_S - OVERLAP_S // 2,
    )

    found = one.reconcile()

    assert (found.claimed, late["id"] in one.events) == (1, True)


def test_where_events_are_listed_no_more_every_customer_is_read_whatever_it_looks_like() -> None:
    one = memory()
    one.provider.now_s += LISTED_S + 60
    one.provider.objects["sub_1"]["discounts"] = [
        {"id": "di", "source": {"coupon": {"duration": "forever", "percent_off": 50}}}
    ]

    found = one.reconcile()

    assert (found.walked, found.differed) == (1, 1)
    assert one.books["acme"].book.told["starter"].mrr == 500


def test_where_events_are_listed_no_more_open_invoices_are_found_without_a_subscription() -> None:
    one = Memory()
    one.provider.now_s = NOW_S
    one.provider.objects["cus_1"] = {"id": "cus_1", "object": "customer", "metadata": {"account": "acme"}}
    one.provider.objects["in_1"] = invoice("1", "cus_1", 500, attempt_count=1)

    assert one.reconcile().differed == 1
    assert ("cus_1", Kind.INVOICE, "in_1") in one.objects


def test_a_week_after_the_last_time_all_are_compared_and_those_that_differ_are_read() -> None:
    one = memory()
    one.provider.now_s += WALK_EVERY_MS // 1000
    assert (one.reconcile().walked, one.reconcile().walked) == (1, None)
    one.provider.objects["sub_1"]["items"]["data"][0]["quantity"] = 7

    found = one.reconcile(walk=True)

    assert (found.walked, found.differed) == (1, 1)
    assert one.books["acme"].book.told["starter"].quantity == 7


def test_a_long_list_is_gone_on_with_from_where_it_stopped() -> None:
    one = memory()
    one.progress = Progress(events_until_s=NOW_S, walked_ms=NOW_S * 1000)
    for number in range(600):
        one.provider.now_s += 60
        one.provider.change({"id": f"cus_{number}", "object": "customer", "metadata": {}}, "customer.created")
    seen: list[Progress] = []
    kept = one._save
    one._save = lambda progress: (seen.append(progress), kept(progress))[1]  # type: ignore[method-assign]

    one.reconcile()

    assert seen[0].events_until_s < seen[-1].events_until_s
    assert seen[0].events_until_s > NOW_S
