"""The contact budget against a count by hand."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from stemtide.calls import DAY_MS
from stemtide.config_mail import Cap, Contacts
from stemtide.mail.budget import HOUR_MS, Allowed, Contact, Spent, decide, with_contact, without
from stemtide.mail.message import MailClass

LIFECYCLE, TRANSACTIONAL = MailClass.LIFECYCLE, MailClass.TRANSACTIONAL
DEFAULT = Contacts()
NOW = 20_000 * DAY_MS


def contact(
    days_ago: float = 0.0, key: str = "k", kind: MailClass = LIFECYCLE, journey: str = "upsell"
) -> Contact:
    return Contact(NOW - round(days_ago * DAY_MS), key, kind, journey)


@dataclass(frozen=True)
class Case:
    held: tuple[Contact, ...]
    asked: Contact
    policy: Contacts


@st.composite
def cases(draw: st.DrawFn) -> Case:
    names = ("any", "lifecycle", "transactional", "upsell", "dunning")
    caps = st.builds(
        Cap, of=st.sampled_from(names), most=st.integers(0, 4), days=st.sampled_from([1, 2, 7, 30])
    )
    policy = Contacts(
        min_gap_hours=draw(st.sampled_from([0, 1, 20, 48])), caps=tuple(draw(st.lists(caps, max_size=4)))
    )
    hours = st.integers(-3, 32 * 24)
    one = st.builds(
        lambda ago, n, kind, journey: Contact(NOW - ago * HOUR_MS, f"k{n}", kind, journey),
        *(hours, st.integers(0, 40), st.sampled_from(MailClass), st.sampled_from(["upsell", "dunning"])),
    )
    held = draw(st.lists(one, max_size=12, unique_by=lambda c: c.key))
    return Case(tuple(held), draw(one)._replace(at_ms=NOW), policy)


def allowed_by_hand(case: Case, at_ms: int) -> bool:
    """Every cap counted plainly; what lies in the future is of now."""
    others = [
        one._replace(at_ms=min(one.at_ms, case.asked.at_ms)) for one in case.held if one.key != case.asked.key
    ]
    asked = case.asked
    for cap in case.policy.caps:
        applies = {
            "any": asked.mail_class is LIFECYCLE,
            "lifecycle": asked.mail_class is LIFECYCLE,
            "transactional": asked.mail_class is TRANSACTIONAL,
        }.get(cap.of, asked.journey == cap.of)
        counted = [
            one
            for one in others
            if one.at_ms > at_ms - cap.days * DAY_MS
            and (cap.of == "any" or cap.of in (one.mail_class, one.journey))
        ]
        if applies and len(counted) >= cap.most:
            return False
    gap = case.policy.min_gap_hours * HOUR_MS
    return asked.mail_class is TRANSACTIONAL or all(one.at_ms + gap <= at_ms for one in others)


@settings(max_examples=250, deadline=None)
@given(cases())
def test_a_contact_is_allowed_exactly_when_every_cap_has_room(case: Case) -> None:
    found = decide(case.held, case.asked, case.policy)

    assert isinstance(found, Allowed) is allowed_by_hand(case, NOW)


@settings(max_examples=250, deadline=None)
@given(cases())
def test_the_instant_told_is_the_first_at_which_it_is_allowed(case: Case) -> None:
    found = decide(case.held, case.asked, case.policy)

    if isinstance(found, Spent) and found.until_ms is not None:
        assert found.until_ms > NOW
        assert allowed_by_hand(case, found.until_ms)
        assert not allowed_by_hand(case, found.until_ms - 1)
    if isinstance(found, Spent) and found.until_ms is None:
        assert not allowed_by_hand(case, NOW + 10_000 * DAY_MS)


@settings(max_examples=150, deadline=None)
@given(cases(), st.integers(0, 40 * 24))
def test_what_is_forgotten_changes_no_later_decision(case: Case, later_hours: int) -> None:
    kept = with_contact(case.held, case.asked, case.policy)
    everything = (*without(case.held, case.asked.key), case.asked)
    later = Contact(NOW + later_hours * HOUR_MS, "later", LIFECYCLE, "upsell")

    for kind in MailClass:
        asked = later._replace(mail_class=kind)
        assert decide(kept, asked, case.policy) == decide(everything, asked, case.policy)


def test_many_contacts_stay_few() -> None:
    held: tuple[Contact, ...] = ()
    for n in range(500):
        held = with_contact(held, contact(days_ago=(500 - n) / 100, key=f"k{n}"), DEFAULT)

    assert 64 <= len(held) <= 64 + sum(cap.most for cap in DEFAULT.caps)


def test_transactional_contacts_count_for_others_and_are_held_back_by_their_own_cap_only() -> None:
    held = tuple(contact(0.01 * n, f"k{n}", TRANSACTIONAL, "dunning") for n in range(1, 4))

    assert decide(held, contact(kind=TRANSACTIONAL, journey="dunning"), DEFAULT) == Allowed()
    assert isinstance(decide(held, contact(), DEFAULT), Spent)
    fourth = (*held, contact(0.05, "k4", TRANSACTIONAL, "dunning"))
    assert decide(fourth, contact(kind=TRANSACTIONAL), DEFAULT) == Spent(
        "at most 4 transactional in 1 days", NOW - round(0.05 * DAY_MS) + DAY_MS
    )


def test_a_contact_does_not_stand_in_its_own_way() -> None:
    policy = replace(DEFAULT, caps=(Cap(of="lifecycle", most=1, days=7),))

    assert decide((contact(),), contact(), policy) == Allowed()
    assert without((contact(), contact(key="other")), "k") == (contact(key="other"),)


def test_a_cap_of_none_is_never_free() -> None:
    policy = Contacts(caps=(Cap(of="upsell", most=0, days=1),))

    assert decide((), contact(), policy) == Spent("at most 0 upsell in 1 days", None)


def test_a_cap_of_something_else_stands_in_no_other_caps_way() -> None:
    policy = Contacts(
        min_gap_hours=0, caps=(Cap(of="win_back", most=1, days=7), Cap(of="upsell", most=1, days=7))
    )
    made = Contact(0, "a", MailClass.LIFECYCLE, "upsell")

    found = decide([made], Contact(1, "b", MailClass.LIFECYCLE, "upsell"), policy)

    assert found == Spent("at most 1 upsell in 7 days", 7 * DAY_MS)


def test_a_cap_and_a_gap_end_to_the_millisecond() -> None:
    policy = Contacts(min_gap_hours=1, caps=(Cap(of="upsell", most=1, days=1),))
    made = Contact(0, "a", MailClass.LIFECYCLE, "upsell")

    def at(at_ms: int, journey: str = "upsell") -> object:
        return decide([made], Contact(at_ms, "b", MailClass.LIFECYCLE, journey), policy)

    assert isinstance(at(DAY_MS - 1), Spent)
    assert at(DAY_MS) == Allowed()
    assert at(HOUR_MS - 1, "win_back") == Spent("at least 1 hours between contacts", HOUR_MS)
    assert at(HOUR_MS, "win_back") == Allowed()


def test_a_rare_contact_is_remembered_behind_many_of_another_kind() -> None:
    policy = Contacts(min_gap_hours=0, caps=(Cap(of="win_back", most=1, days=30),))
    held: tuple[Contact, ...] = ()
    for n, journey in enumerate(["win_back", *["dunning"] * 100]):
        held = with_contact(held, Contact(n, f"k{n}", MailClass.TRANSACTIONAL, journey), policy)

    again = decide(held, Contact(DAY_MS, "again", MailClass.LIFECYCLE, "win_back"), policy)

    assert again == Spent("at most 1 win_back in 30 days", 30 * DAY_MS)
    assert held[0].at_ms == 100, "the newest first"
