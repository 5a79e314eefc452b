"""A ticket's number does not depend on how often it is looked at; freshness not on what comes later."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from stemtide.config_schema import Source, Sources
from stemtide.facts import Fact, problems_of, standing_at, without_text
from stemtide.sentiment import of_text
from stemtide.sources import freshness, limits_of, newest

WORDS = (
    *("the", "is", "not", "but", "very", "good", "bad", "crash", "thanks", "die", "und", "x", "!"),
    *("kind", "of", "least", "\U0001f600", "\U0001f621"),
)
TEXTS = st.one_of(
    st.none(),
    st.text(max_size=60),
    st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join),
)
SAID = st.fixed_dictionaries(
    {"ticket_id": st.sampled_from(["a", "b"])},
    optional={
        "text": TEXTS,
        "sentiment": st.one_of(st.none(), st.floats(-1, 1)),
        "priority": st.just("high"),
    },
)
FACTS = st.lists(
    st.builds(
        lambda number, at, delay, said: Fact(
            id=f"{number:012x}", known_ms=at + delay, at_ms=at, kind="ticket", data=said
        ),
        st.integers(0, 9),
        st.integers(0, 50),
        st.integers(0, 20),
        SAID,
    ),
    max_size=8,
    unique_by=lambda fact: (fact.id, fact.known_ms),
)
SEEN = st.dictionaries(st.sampled_from(Source), st.one_of(st.none(), st.integers(0, 10**9)))
LIMITS = limits_of(Sources())


@settings(max_examples=300, deadline=None)
@given(text=st.one_of(TEXTS.filter(lambda text: text is not None), st.text(max_size=2500)))
def test_a_sentiment_is_unknown_or_within_bounds_and_always_the_same(text: str) -> None:
    found = of_text(text)

    assert found is None or -1 <= found <= 1
    assert str(of_text(text)) == str(found)


@settings(max_examples=300, deadline=None)
@given(facts=FACTS, looked_at=st.sets(st.integers(0, 7)), as_of=st.integers(0, 80), more=st.data())
def test_it_does_not_matter_which_texts_were_looked_at_before(
    facts: list[Fact], looked_at: set[int], as_of: int, more: Any
) -> None:
    some = [without_text(fact, of_text) if at in looked_at else fact for at, fact in enumerate(facts)]
    order = more.draw(st.permutations(some))

    again = [without_text(fact, of_text) for fact in order]
    once = [without_text(fact, of_text) for fact in facts]

    assert standing_at(again, as_of) == standing_at(once, as_of)
    assert problems_of(again, as_of) == problems_of(facts, as_of)
    assert all(fact.data.get("text") is None for fact in again)
    assert [without_text(fact, of_text) is fact for fact in again] == [True] * len(again)


@settings(max_examples=300, deadline=None)
@given(seen=SEEN, as_of=st.integers(0, 10**9), connected=st.sets(st.sampled_from(Source)))
def test_a_source_is_judged_by_what_was_heard_by_then(
    seen: dict[Source, int | None], as_of: int, connected: set[Source]
) -> None:
    found = freshness(seen, as_of, LIMITS, connected=connected)

    assert [one.source for one in found] == list(Source)
    for one in found:
        assert one.last_seen_ms is None or one.last_seen_ms <= as_of
        assert one.connected == (one.source in connected or one.source in seen)
        if one.last_seen_ms is not None:
            assert one.fresh == (as_of - one.last_seen_ms <= one.limit_s * 1000)
        elif not one.connected:
            assert one.fresh is None


@given(heard=st.lists(st.dictionaries(st.sampled_from(Source), st.integers(0, 99)), max_size=6))
def test_the_newest_is_the_newest_in_any_order(heard: list[dict[Source, int]]) -> None:
    assert newest(heard) == newest(reversed(heard))
    for source, at_ms in newest(heard).items():
        assert at_ms == max(one[source] for one in heard if source in one)
