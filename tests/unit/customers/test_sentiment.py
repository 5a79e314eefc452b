"""How a ticket's text becomes a number, and what is left of the text."""

from typing import Any

import pytest
from stemtide.calls import timestamp_ms
from stemtide.config_schema import Sentiment
from stemtide.facts import Fact, fact_of, is_raw, problems_of, standing_at, without_text
from stemtide.sentiment import MAX_EMOJI, of_text, sentiment_by

from tests.customer_facts import FOREVER

ANGRY = "The export is broken again and nobody answers, this is terrible."
HAPPY = "Great support, thanks a lot!"


def ticket(message_id: str, at: str = "2026-03-01T10:00:00Z", **said: Any) -> Fact:
    properties = {"ticket_id": "t-1", **said}
    call = {
        "type": "track",
        "event": "Support Ticket Updated",
        "messageId": message_id,
        "properties": properties,
    }
    fact = fact_of(call, known_ms=timestamp_ms(at), at_ms=timestamp_ms(at))
    assert fact is not None
    return fact


def sentiment_at(*facts: Fact) -> float | None:
    [found] = standing_at([without_text(fact, of_text) for fact in facts], FOREVER).tickets
    return found.sentiment


@pytest.mark.parametrize(
    "text",
    [
        ANGRY,
        "This is unacceptable, we want a refund",
        "I am very disappointed, export is broken again",
        "Login fails with error 500, urgent!!!",
        "Not working at all. Useless.",
        "Worst experience ever",
    ],
)
def test_a_complaint_is_negative(text: str) -> None:
    found = of_text(text)

    assert found is not None
    assert -1 <= found < -0.2


@pytest.mark.parametrize("text", [HAPPY, "Problem solved, perfect.", "Love the new export", "👍 😀"])
def test_praise_is_positive(text: str) -> None:
    found = of_text(text)

    assert found is not None
    assert 0.2 < found <= 1


def test_a_question_is_neutral() -> None:
    assert of_text("Where can I change the billing address?") == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "Die Rechnung",
        "Die App stürzt ab, das war falsch",
        "Vielen Dank, super Hilfe!",
        "Le produit est super, merci",
        "No funciona nada",
        "Non funziona, per favore",
        "Det fungerar inte",
        "助けてください",
        "4711",
        "",
        "  \n",
    ],
)
def test_what_does_not_read_as_english_is_unknown_and_not_neutral(text: str) -> None:
    assert of_text(text) is None


def test_a_text_of_nothing_but_emoji_counts_as_its_first_ones() -> None:
    assert of_text("😡" * 2000) == of_text("😡" * MAX_EMOJI)


def test_only_the_beginning_counts() -> None:
    opening = "The meeting is on Monday. ".ljust(2000)

    assert of_text(opening + ANGRY) == of_text(opening) == 0.0


def test_the_sentiment_takes_the_place_of_the_text() -> None:
    fact = without_text(ticket("m-1", text=ANGRY, csat=2), of_text)

    assert fact.data == {"ticket_id": "t-1", "csat": 2.0, "text": None, "sentiment": of_text(ANGRY)}
    assert without_text(fact, of_text) is fact
    assert not is_raw(fact)


def test_the_producers_own_number_wins() -> None:
    assert sentiment_at(ticket("m-1", text=ANGRY, sentiment=0.75)) == 0.75
    assert sentiment_at(ticket("m-1", sentiment=-1)) == -1.0
    assert sentiment_at(ticket("m-1", text=ANGRY, sentiment=None)) == of_text(ANGRY)
    assert sentiment_at(ticket("m-1", sentiment=0.5), ticket("m-2", sentiment=None)) is None


@pytest.mark.parametrize("wrong", [1.01, -2, "good", True, float("nan")])
def test_a_number_that_is_no_sentiment_is_named_and_the_text_counts(wrong: Any) -> None:
    fact = ticket("m-1", text=ANGRY, sentiment=wrong)

    assert fact.dropped["sentiment"].endswith("send a number from -1 to 1")
    assert sentiment_at(fact) == of_text(ANGRY)


def test_the_last_text_counts() -> None:
    first = ticket("m-1", "2026-03-01T10:00:00Z", text=ANGRY)
    second = ticket("m-2", "2026-03-02T10:00:00Z", text=HAPPY)
    solved = ticket("m-3", "2026-03-03T10:00:00Z", priority="low")

    assert sentiment_at(solved, second, first) == of_text(HAPPY)
    assert sentiment_at(first, solved) == of_text(ANGRY)


@pytest.mark.parametrize("text", [None, "Vielen Dank", ""])
def test_a_text_that_is_taken_back_or_not_understood_leaves_no_sentiment(text: str | None) -> None:
    first = ticket("m-1", "2026-03-01T10:00:00Z", text=ANGRY)
    second = ticket("m-2", "2026-03-02T10:00:00Z", text=text)

    assert sentiment_at(first, second) is None


def test_a_text_that_nobody_has_looked_at_yet_has_none() -> None:
    [found] = standing_at([ticket("m-1", text=ANGRY)], FOREVER).tickets

    assert found.sentiment is None


def test_switched_off_the_text_goes_as_well() -> None:
    off = sentiment_by(Sentiment.OFF)

    assert without_text(ticket("m-1", text=ANGRY), off).data["text"] is None
    assert without_text(ticket("m-1", text=ANGRY), off).data["sentiment"] is None
    assert without_text(ticket("m-1", text=ANGRY, sentiment=0.5), off).data["sentiment"] == 0.5
    assert sentiment_by(Sentiment.LEXICON) is of_text


def test_what_people_wrote_is_in_no_problem() -> None:
    wrong = ticket("m-1", text=["my number is 4111"])
    right = without_text(ticket("m-2", "2026-03-02T10:00:00Z", text=ANGRY), of_text)

    assert wrong.dropped == {"text": "text is list: send a text"}
    assert [problem.name for problem in problems_of([wrong], FOREVER)] == ["text"]
    assert problems_of([wrong, right], FOREVER) == []
