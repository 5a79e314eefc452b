"""However facts come in, the profile of an instant is that of what was known by then."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.facts import Fact, at_instant, fold_facts, fold_to_store, problems_of
from stemtide.subscriptions import add_months

DAY = 86_400_000
DATA = st.fixed_dictionaries(
    {"plan": st.sampled_from(["basic", "pro", "sms"])},
    optional={
        "mrr": st.integers(0, 500),
        "quantity": st.integers(1, 9).map(float),
        "units": st.sampled_from(["seats", "mails"]),
        "term_months": st.integers(1, 3),
        "term_start": st.sampled_from(["1970-01-05T00:00:00.000Z", "1970-02-28T00:00:00.000Z"]),
        "addon": st.booleans(),
    },
)
TRAITS = st.fixed_dictionaries(
    {}, optional={"name": st.sampled_from(["A", "B", None]), "plan": st.sampled_from(["basic", None])}
)
FACTS = st.builds(
    lambda number, at, delay, kind, data, traits: Fact(
        id=f"{number:012x}",
        known_ms=(at + delay) * DAY,
        at_ms=at * DAY,
        kind=kind,
        data=traits if kind == "traits" else data,
        dropped={"seats": "seats is 'x'"} if number % 4 == 0 else {},
    ),
    st.integers(0, 12),
    st.integers(0, 90),
    st.integers(0, 30),
    st.sampled_from(["traits", "started", "changed", "ended"]),
    DATA,
    TRAITS,
)
LOGS = st.lists(FACTS, max_size=12)


@settings(max_examples=300, deadline=None)
@given(log=LOGS, shuffled=st.data(), as_of=st.integers(0, 150))
def test_order_and_repetition_change_nothing(log: list[Fact], shuffled: st.DataObject, as_of: int) -> None:
    other = shuffled.draw(st.permutations(log + log[:4]))

    assert fold_facts(other, as_of * DAY) == fold_facts(log, as_of * DAY)
    assert problems_of(other, as_of * DAY) == problems_of(log, as_of * DAY)


@settings(max_examples=300, deadline=None)
@given(log=LOGS, as_of=st.integers(0, 150))
def test_what_became_known_later_changes_no_earlier_profile(log: list[Fact], as_of: int) -> None:
    known = [fact for fact in log if fact.known_ms <= as_of * DAY]

    assert fold_facts(log, as_of * DAY) == fold_facts(known, as_of * DAY)


@settings(max_examples=300, deadline=None)
@given(log=LOGS, as_of=st.integers(0, 150))
def test_a_profile_agrees_with_its_terms(log: list[Fact], as_of: int) -> None:
    profile = fold_facts(log, as_of * DAY)

    assert len({term.plan for term in profile.terms}) == len(profile.terms)
    for term in profile.terms:
        assert term.start_ms <= as_of * DAY
        assert term.months is None or add_months(term.start_ms, term.months) > as_of * DAY
    prices = [term.mrr for term in profile.terms if term.mrr is not None]
    assert not prices or profile.mrr == sum(prices)
    if profile.base_term is not None:
        assert profile.subscribed is True
        assert profile.plan == profile.base_term.plan


@settings(max_examples=300, deadline=None)
@given(log=LOGS, stored_at=st.integers(0, 120), later=st.integers(0, 60))
def test_a_stored_profile_becomes_what_is_folded_at_a_later_instant(
    log: list[Fact], stored_at: int, later: int
) -> None:
    known = [fact for fact in log if fact.known_ms <= stored_at * DAY]
    stored = fold_to_store(known, stored_at * DAY)

    shown = at_instant(stored, (stored_at + later) * DAY)

    assert msgspec.structs.replace(shown, ahead=()) == fold_facts(known, (stored_at + later) * DAY)
