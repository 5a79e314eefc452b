"""What event types look like, and what is suggested to be made of them."""

import tomllib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stemtide.config_schema import Events, Signal
from stemtide.event_meaning import (
    SIGNALS,
    Behaviour,
    Kind,
    guess,
    key_of,
    suggest,
    toml_of,
    toml_string,
    words_of,
)

RARE = Behaviour(events=10, account_days=10, accounts=1, all_accounts=100)
NAMES = st.text(min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Deal Won", Kind.CORE_ACTION),
        ("task_created", Kind.CORE_ACTION),
        ("taskCreated", Kind.CORE_ACTION),
        ("export_requested", Kind.CORE_ACTION),
        ("API Call", Kind.API_CALL),
        ("webhook.delivered", Kind.API_CALL),
        ("SSO Sign-In", Kind.LOGIN),
        ("user logged in", Kind.LOGIN),
        ("Login Failed", Kind.UNCLEAR),
        ("invite_sent", Kind.INVITE),
        ("Comment Added", Kind.COMMENT),
        ("Report Viewed", Kind.PAGE_VIEW),
        ("page", Kind.PAGE_VIEW),
        ("screen", Kind.PAGE_VIEW),
        ("identify", Kind.IDENTITY),
        ("group", Kind.IDENTITY),
        ("Subscription Started", Kind.SYSTEM_FACT),
        ("Support Ticket Created", Kind.SYSTEM_FACT),
        ("NPS Submitted", Kind.SYSTEM_FACT),
        ("other", Kind.OVERFLOW),
        ("blorp", Kind.UNCLEAR),
        ("Signed Out", Kind.UNCLEAR),
        ("log_out", Kind.UNCLEAR),
        ("userLogout", Kind.UNCLEAR),
        ("Login Attempted", Kind.UNCLEAR),
        ("cancel_meeting", Kind.UNCLEAR),
        ("Record Deleted", Kind.UNCLEAR),
        ("Comment Removed", Kind.UNCLEAR),
        ("lose_opportunity", Kind.UNCLEAR),
        ("unfriend", Kind.UNCLEAR),
        ("unsub_lead", Kind.UNCLEAR),
        ("Invite Accepted", Kind.UNCLEAR),
        ("Invitation Declined", Kind.UNCLEAR),
        ("Invite Received", Kind.UNCLEAR),
        ("Payment Accepted", Kind.UNCLEAR),
        ("Login Page Viewed", Kind.PAGE_VIEW),
        ("Comments Viewed", Kind.PAGE_VIEW),
        ("API Docs Viewed", Kind.PAGE_VIEW),
        ("Login Screen", Kind.LOGIN),
        ("Page Comment Added", Kind.COMMENT),
        ("homepage", Kind.PAGE_VIEW),
        ("subpage", Kind.PAGE_VIEW),
        ("adview", Kind.PAGE_VIEW),
        ("page_views", Kind.PAGE_VIEW),
        ("review", Kind.UNCLEAR),
        ("Review Submitted", Kind.CORE_ACTION),
        ("Checked Out", Kind.UNCLEAR),
    ],
)
def test_a_name_tells_what_it_is(name: str, kind: Kind) -> None:
    assert guess(name, RARE).kind is kind


@pytest.mark.parametrize(
    ("use", "kind"),
    [
        (Behaviour(events=10_000, account_days=10, accounts=1, all_accounts=100), Kind.API_CALL),
        (Behaviour(events=300, account_days=100, accounts=20, all_accounts=100, users=40), Kind.CORE_ACTION),
        (Behaviour(events=300, account_days=100, accounts=20, all_accounts=100, users=0), Kind.UNCLEAR),
        (Behaviour(events=300, account_days=100, accounts=19, all_accounts=100), Kind.UNCLEAR),
    ],
)
def test_a_name_without_meaning_is_judged_by_its_use(use: Behaviour, kind: Kind) -> None:
    assert guess("blorp", use).kind is kind


@pytest.mark.parametrize(
    "name", ["cancel_meeting", "delete_list", "unfriend", "adview", "homepage", "Signed Out"]
)
def test_what_most_accounts_do_is_no_core_action_if_its_name_says_otherwise(name: str) -> None:
    common = Behaviour(events=300, account_days=100, accounts=90, all_accounts=100, users=40)

    assert suggest(name, guess(name, common), Events()) is None


def test_spellings_have_the_same_words() -> None:
    assert {
        tuple(words_of(name)) for name in ("DealWon", "deal_won", "Deal Won", "deal.won", "deal-won")
    } == {("deal", "won")}
    assert words_of("APICallMade2") == ["api", "call", "made", "2"]


def test_what_is_counted_already_or_is_no_signal_is_not_suggested() -> None:
    events = Events()

    assert suggest("Report Created", guess("Report Created", RARE), events) is None
    assert suggest("Report Viewed", guess("Report Viewed", RARE), events) is None
    assert suggest("Subscription Started", guess("Subscription Started", RARE), events) is None


def test_the_line_and_the_reason_are_told() -> None:
    found = suggest("Deal Won", guess("Deal Won", RARE), Events())

    assert found is not None
    assert found.line == 'core_actions = [..., "Deal Won"]'
    assert found.why == "its name says 'won'"


@given(NAMES, st.sampled_from(sorted(SIGNALS)))
def test_a_pasted_suggestion_makes_the_event_count(name: str, kind: Kind) -> None:
    events = Events()
    suggested = suggest(name, guess("x", RARE)._replace(kind=kind), events)
    assume(suggested is not None)
    assert suggested is not None

    pasted = tomllib.loads(toml_of([suggested], events))

    key = key_of(SIGNALS[kind])
    assert set(pasted) == {key}
    assert set(getattr(events, key)) < set(pasted[key])
    assert SIGNALS[kind] in Events(**{key: tuple(pasted[key])}).classify(name)


@given(NAMES)
def test_a_toml_string_is_the_text(text: str) -> None:
    assert tomllib.loads(f"a = {toml_string(text)}") == {"a": text}


@pytest.mark.parametrize("signal", Signal)
def test_every_signal_has_its_list(signal: Signal) -> None:
    assert isinstance(getattr(Events(), key_of(signal)), tuple)
