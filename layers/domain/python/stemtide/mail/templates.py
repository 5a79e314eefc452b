"""Every letter that may be sent: its class, the values it needs with an example of each, and what it is for.

The words are files, `letters/<language>/<name>.txt` (with the subject) and `.html`; mailing, previews, the
table in docs/mail.md and the tests read this catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from stemtide.mail.message import MailClass
from stemtide.mail.values import Kind


class UnknownTemplateError(ValueError):
    """There is no letter of that name; the message names those there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of a letter: its kind, an example as JSON holds it, and whether the letter needs it."""

    kind: Kind
    example: Any
    about: str
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A letter: what it is for, and what it is filled with.

    `together` are optional values of which a letter has all or none.
    """

    name: str
    mail_class: MailClass
    about: str
    values: Mapping[str, Value]
    together: tuple[str, ...] = ()

    def example(self) -> dict[str, Any]:
        """Values for a preview and for tests: each with its example."""
        return {name: value.example for name, value in self.values.items()}


def _value(kind: Kind, example: object, about: str) -> Value:
    return Value(kind=kind, example=example, about=about)


def _maybe(kind: Kind, example: object, about: str) -> Value:
    return Value(kind=kind, example=example, about=about, required=False)


_NAME: Final = _maybe(Kind.PERSON, "Ada", "who is greeted")
_SENDER: Final = _maybe(Kind.PERSON, "Carla Diaz", "who signs; else the company's team")
_PLAN: Final = _value(Kind.LABEL, "Business", "the plan's name")
_AMOUNT: Final = _value(Kind.MONEY, {"amount": 4900, "currency": "EUR"}, "what is to be paid")
_CARD: Final = _maybe(Kind.CARD, {"brand": "Visa", "last4": "4242"}, "the payment method that was tried")
_UPDATE: Final = _value(Kind.LINK, "https://billing.acme.example/p/card", "where the card is changed")
_RETURN: Final = _value(Kind.LINK, "https://app.acme.example/welcome-back", "where the account is reopened")
_KEPT: Final = _maybe(Kind.DAY, "2027-03-01", "the day until which data is kept")
_ENDS: Final = _value(Kind.INSTANT, 1_797_422_400_000, "when the subscription ends unless it is paid")
_OFFER: Final = {"percent": 20, "months": 3}
_CODE: Final = "BACK-7F3KQ"
_EXPIRES: Final = 1_798_218_000_000
_DRIVERS: Final = (
    "API calls down 62 %: 1,140 last week",
    "3 active users, usually 11",
    "no login for 9 days",
)


def _transactional(name: str, about: str, **values: Value) -> Template:
    shared = {"name": _NAME, "sender": _SENDER, **values}
    return Template(
        name=name, mail_class=MailClass.TRANSACTIONAL, about=about, values=MappingProxyType(shared)
    )


def _lifecycle(name: str, about: str, together: tuple[str, ...] = (), **values: Value) -> Template:
    return Template(
        name=name,
        mail_class=MailClass.LIFECYCLE,
        about=about,
        values=MappingProxyType({"name": _NAME, "sender": _SENDER, **values}),
        together=together,
    )


_ALL: Final = (
    _transactional(
        "payment_failed",
        "a payment failed for a passing reason and will be tried again",
        amount=_AMOUNT,
        plan=_PLAN,
        card=_CARD,
        retry_at=_value(Kind.INSTANT, 1_796_122_800_000, "when it is tried again"),
        update_url=_UPDATE,
    ),
    _transactional(
        "payment_needs_card",
        "the card will not work again: another one is needed",
        amount=_AMOUNT,
        plan=_PLAN,
        card=_CARD,
        reason=_value(Kind.REASON, "declined", "`expired`, or `declined` for every other reason"),
        ends_at=_ENDS,
        update_url=_UPDATE,
    ),
    _transactional(
        "payment_needs_authentication",
        "the bank wants its customer to confirm the payment",
        amount=_AMOUNT,
        plan=_PLAN,
        card=_CARD,
        ends_at=_ENDS,
        confirm_url=_value(Kind.LINK, "https://billing.acme.example/p/confirm", "where it is confirmed"),
    ),
    _transactional(
        "payment_final_notice",
        "the last word before the subscription ends",
        amount=_AMOUNT,
        plan=_PLAN,
        card=_CARD,
        ends_at=_ENDS,
        update_url=_UPDATE,
    ),
    _transactional(
        "subscription_canceled_unpaid",
        "the subscription has ended because it was not paid",
        plan=_PLAN,
        canceled_at=_value(Kind.INSTANT, 1_797_422_400_000, "when it ended"),
        data_kept_until=_KEPT,
        return_url=_RETURN,
    ),
    _transactional(
        "payment_recovered",
        "a payment that had failed has gone through",
        amount=_AMOUNT,
        plan=_PLAN,
        card=_CARD,
        paid_at=_value(Kind.INSTANT, 1_796_122_800_000, "when it was paid"),
        receipt_url=_maybe(Kind.LINK, "https://billing.acme.example/p/receipt", "the receipt"),
    ),
    _lifecycle(
        "win_back_hello",
        "to a customer who left: what would have had to be different?",
        plan=_PLAN,
        data_kept_until=_KEPT,
        return_url=_RETURN,
    ),
    _lifecycle(
        "win_back_offer",
        "to a customer who left: an offer of their own, with its end",
        plan=_PLAN,
        offer=_value(Kind.OFFER, _OFFER, "the discount"),
        price=_maybe(Kind.MONEY, {"amount": 3920, "currency": "EUR"}, "the price a month with it"),
        code=_value(Kind.CODE, _CODE, "the code that the offer is taken with"),
        expires_at=_value(Kind.DEADLINE, _EXPIRES, "when the offer ends"),
        return_url=_RETURN,
    ),
    _lifecycle(
        "win_back_last",
        "the last one to a customer who left; with the offer while it runs",
        together=("offer", "code", "expires_at"),
        plan=_PLAN,
        offer=_maybe(Kind.OFFER, _OFFER, "the discount that still runs"),
        code=_maybe(Kind.CODE, _CODE, "its code"),
        expires_at=_maybe(Kind.DEADLINE, _EXPIRES, "when it ends"),
        data_kept_until=_KEPT,
        return_url=_RETURN,
    ),
    _lifecycle(
        "limit_reached",
        "what a plan includes is almost or wholly used",
        plan=_PLAN,
        meter=_value(Kind.LABEL, "API calls", "what is counted, in your customers' words"),
        used=_value(Kind.COUNT, 241_500, "how much of it was used"),
        included=_value(Kind.COUNT, 250_000, "how much the plan includes"),
        resets_on=_maybe(Kind.DAY, "2026-12-01", "the day on which counting begins anew"),
        next_plan=_value(Kind.LABEL, "Enterprise", "the plan that includes more"),
        next_included=_maybe(Kind.COUNT, 2_000_000, "how much that one includes; absent: no limit"),
        price=_maybe(Kind.MONEY, {"amount": 19_900, "currency": "EUR"}, "its price a month"),
        upgrade_url=_value(Kind.LINK, "https://app.acme.example/plans", "where the plan is changed"),
    ),
    _lifecycle(
        "feature_tip",
        "a part of the product that is used less than before, and what it is good for",
        feature=_value(Kind.LABEL, "Reports", "the part of the product"),
        tip=_value(
            Kind.SENTENCE,
            "A report can be sent to your whole team every Monday: open it and choose “Schedule”.",
            "what to do with it, in one or two sentences of yours",
        ),
        guide_url=_value(Kind.LINK, "https://help.acme.example/reports", "where to read on"),
    ),
    _lifecycle(
        "training_offer",
        "half an hour with a person who knows the product",
        topic=_value(Kind.LABEL, "Reports", "what it is about"),
        minutes=_value(Kind.COUNT, 30, "how long it takes"),
        booking_url=_value(Kind.LINK, "https://cal.acme.example/training", "where a time is chosen"),
    ),
    _lifecycle(
        "check_in",
        "a person asks how things are going",
        sender=_value(Kind.PERSON, "Carla Diaz", "who asks, and signs"),
        plan=_PLAN,
        booking_url=_maybe(Kind.LINK, "https://cal.acme.example/carla", "where a time is chosen"),
    ),
    _lifecycle(
        "executive_note",
        "the executive asks what should be better",
        sender=_value(Kind.PERSON, "Ada Okoye", "who asks, and signs"),
        plan=_PLAN,
    ),
    _lifecycle(
        "stay_offer",
        "to a customer who may leave: an offer of their own, with its end",
        plan=_PLAN,
        offer=_value(Kind.OFFER, _OFFER, "the discount"),
        price=_maybe(Kind.MONEY, {"amount": 3920, "currency": "EUR"}, "the price a month with it"),
        code=_value(Kind.CODE, "STAY-7F3KQ", "the code that the offer is taken with"),
        expires_at=_value(Kind.DEADLINE, _EXPIRES, "when the offer ends"),
        offer_url=_value(Kind.LINK, "https://app.acme.example/billing", "where the offer is taken"),
    ),
    _transactional(
        "csm_briefing",
        "to the company's own CSM: a customer is at risk, and why",
        customer=_value(Kind.LABEL, "Initech", "the customer's name"),
        account=_value(Kind.LABEL, "acct_initech", "the account's id"),
        tier=_value(Kind.LABEL, "critical", "the risk tier, `high` or `critical`"),
        score=_value(Kind.COUNT, 82, "the score, 0 to 100"),
        plan=_maybe(Kind.LABEL, "Business", "the plan's name"),
        renews_on=_maybe(Kind.DAY, "2026-12-31", "the day on which the subscription renews"),
        **{
            f"driver_{number}": _maybe(Kind.SENTENCE, text, "what moved the score")
            for number, text in enumerate(_DRIVERS, 1)
        },
    ),
)
TEMPLATES: Final[Mapping[str, Template]] = MappingProxyType({one.name: one for one in _ALL})


def find(name: str) -> Template:
    """The letter of this name.

    Raises:
        UnknownTemplateError: there is none.
    """
    found = TEMPLATES.get(name)
    if found is None:
        raise UnknownTemplateError(f"there is no letter {name[:60]!r}: write one of {', '.join(TEMPLATES)}")
    return found


def class_of(template: str) -> MailClass:
    """What a letter is: transactional ones reach a customer who has opted out, too.

    Raises:
        UnknownTemplateError: there is no such letter.
    """
    return find(template).mail_class


def table() -> str:
    """The Markdown table of docs/mail.md."""
    rows = [
        (f"`{one.name}`", one.mail_class, one.about, ", ".join(map(_described, one.values.items())))
        for one in TEMPLATES.values()
    ]
    head = [("letter", "class", "what it is for", "values"), ("---",) * 4]
    return "\n".join(f"| {' | '.join(row)} |" for row in (*head, *rows))


def _described(named: tuple[str, Value]) -> str:
    name, value = named
    return f"`{name}` {value.kind}" if value.required else f"(`{name}` {value.kind})"
