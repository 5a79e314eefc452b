"""What is in shadow acts on nobody, and everything else as ever."""

from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stemtide.billing.told import InvoiceSettled, SubscriptionStarted
from stemtide.config import ConfigError, parse_config
from stemtide.config_shadow import Capability, Shadow
from stemtide.contact_events import ContactStopped
from stemtide.domain_events import EVENTS, DomainEvent, RiskTierChanged, UsageDropDetected
from stemtide.scoring.assessment import Basis, Tier
from stemtide.shadow import FOLLOWED_BY, MODEL, SHADOWED_DROP, dispatch, may_act, stamp

TIER = RiskTierChanged(
    id="t1",
    account="acme",
    tier=Tier.HIGH,
    previous=Tier.LOW,
    score=66,
    previous_score=10,
    as_of="2026-03-14T23:59:59.999Z",
    basis=Basis.MODEL,
    model_version="v1",
    trigger="schedule",
)
DROP = UsageDropDetected(
    id="d1",
    account="acme",
    rule="api_calls_down",
    day="2026-03-14",
    as_of="2026-03-14T08:00:00.000Z",
    measure="api_calls",
    before=70,
    now=28,
    change=-0.6,
)
COMPANY = '[company]\nname = "A"\ntime_zone = "UTC"\ncurrency = "USD"\n'
EVERY_CHOICE = list(chain.from_iterable(combinations(Capability, n) for n in range(len(Capability) + 1)))
shadows = st.sampled_from(EVERY_CHOICE).map(lambda chosen: Shadow(capabilities=chosen))


@pytest.mark.parametrize("capability", Capability)
def test_without_shadow_everything_may_act(capability: Capability) -> None:
    assert may_act(capability, shadow=Shadow()).act


@given(shadow=shadows, capability=st.sampled_from(Capability), model=st.booleans())
def test_a_capability_may_act_unless_it_or_the_model_is_in_shadow(
    shadow: Shadow, capability: Capability, model: bool
) -> None:
    verdict = may_act(capability, shadow=shadow, stamped=stamp(shadow, model=model))

    assert verdict.act is (capability not in shadow.capabilities and not model)
    assert (verdict.reason is None) is verdict.act
    if not verdict.act:
        assert verdict.because == ("capability" if capability in shadow.capabilities else "model")


@given(then=shadows, now=shadows, capability=st.sampled_from(Capability))
def test_the_configuration_of_now_decides_and_not_that_of_the_score(
    then: Shadow, now: Shadow, capability: Capability
) -> None:
    """Whoever takes a capability out of shadow need not wait for every account's next score."""
    verdict = may_act(capability, shadow=now, stamped=stamp(then, model=False))

    assert verdict.act is (capability not in now.capabilities)


def test_a_stamp_names_what_was_in_shadow_once_and_in_order() -> None:
    twice = Shadow(capabilities=(Capability.UPSELL, Capability.CHURN_ALERTS, Capability.UPSELL))

    assert stamp(twice, model=True) == ("churn_alerts", "model", "upsell")
    assert stamp(Shadow(), model=False) == ()


def test_every_fact_of_the_bus_but_what_only_ends_acts_is_followed_by_something_that_may_be_in_shadow() -> (
    None
):
    assert set(FOLLOWED_BY) == set(EVENTS)
    only_end = [fact for fact, followers in FOLLOWED_BY.items() if not followers]
    assert only_end == [InvoiceSettled, SubscriptionStarted, ContactStopped]


def test_what_only_ends_acts_is_never_withheld() -> None:
    fact = InvoiceSettled(
        id="i1",
        account="acme",
        as_of="2026-03-14T08:00:00.000Z",
        customer="cus_1",
        invoice="in_1",
        subscription=None,
        outcome="paid",
        currency="USD",
        amount_paid=100,
        amount_refunded=0,
    )

    assert dispatch(fact, shadow=Shadow(capabilities=tuple(Capability))) == ("InvoiceSettled", None)


@pytest.mark.parametrize("fact", [TIER, DROP])
def test_without_shadow_a_fact_is_published_under_its_own_name(fact: DomainEvent) -> None:
    assert dispatch(fact, shadow=Shadow()) == (type(fact).__name__, None)


def test_in_shadow_a_change_of_tier_is_noted_with_all_it_would_have_said_and_not_published() -> None:
    sent = dispatch(TIER, shadow=Shadow(capabilities=(Capability.CHURN_ALERTS,)))

    assert sent.detail_type is None
    assert sent.withheld is not None
    assert (sent.withheld.id, sent.withheld.account, sent.withheld.as_of) == ("t1", "acme", TIER.as_of)
    assert (sent.withheld.event, sent.withheld.reason, sent.withheld.because) == (
        "RiskTierChanged",
        "shadow",
        "capability",
    )
    assert (sent.withheld.detail["tier"], sent.withheld.detail["score"]) == ("high", 66)


def test_a_drop_in_shadow_goes_only_to_the_scorer() -> None:
    sent = dispatch(DROP, shadow=Shadow(capabilities=(Capability.CHURN_ALERTS,)))

    assert sent.detail_type == SHADOWED_DROP == "UsageDropDetected.shadow"
    assert sent.withheld is not None


def test_a_model_in_shadow_withholds_its_changes_of_tier_and_no_drop_of_use() -> None:
    tier = dispatch(TIER, shadow=Shadow(), stamped=(MODEL,))
    drop = dispatch(DROP, shadow=Shadow(), stamped=(MODEL,))

    assert tier.withheld is not None
    assert (tier.detail_type, tier.withheld.because) == (None, "model")
    assert drop == ("UsageDropDetected", None)


@given(shadow=shadows, fact=st.sampled_from([TIER, DROP]), model=st.booleans())
def test_what_is_withheld_is_noted_and_what_is_published_as_it_is_is_not(
    shadow: Shadow, fact: DomainEvent, model: bool
) -> None:
    sent = dispatch(fact, shadow=shadow, stamped=stamp(shadow, model=model))

    assert (sent.detail_type == type(fact).__name__) is (sent.withheld is None)


def test_capabilities_that_nobody_knows_are_refused_with_the_line() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_config(f'{COMPANY}[shadow]\ncapabilities = ["churn_alert"]\n'.encode())

    assert refused.value.line == 6
    assert "churn_alerts" in str(refused.value)
