"""Letters as tests ask for them: one company, any template, friendly and hostile values."""

from html.parser import HTMLParser
from typing import Any

from stemtide.mail.message import MailClass, MailRequest, Rendered
from stemtide.mail.rendering import Letterhead, Letters, languages
from stemtide.mail.templates import TEMPLATES, find
from stemtide.mail.values import Kind

UNSUBSCRIBE_URL = "https://api.acme.example/v1/unsubscribe/AQEAAA"
LETTERS = Letters(
    letterhead=Letterhead(company="Acme", postal_address="Example Street 1, 10115 Berlin", zone="UTC")
)
EVERY = [(name, language) for name in TEMPLATES for language in languages()]
TEXTS = (Kind.PERSON, Kind.LABEL, Kind.SENTENCE)
HOSTILE = {
    "a script": "<script>alert(1)</script>",
    "an image that runs": '"><img src=x onerror=alert(1)>',
    "a quote that closes an attribute": "' onmouseover='alert(1)' x='",
    "a header": "Ada\r\nBcc: all@acme.example\r\n\r\n<b>",
    "a template": "{{7*7}}{% for x in ().__class__.__mro__ %}{{x}}{% endfor %}${7*7}",
    "reversed text": "Ada\u202egnp.exe\u2066\u200f",
    "an emoji family": "👩‍👩‍👧‍👦 Ada 🏳️‍🌈",
    "a name from right to left": "עדה לאבלייס",
    "a name with a quote": 'Ada "The Countess" O\u2019Neil & Söhne',
    "a very long name": "Wolfeschlegelsteinhausenbergerdorff" * 200,
    "marks without end": "A" + "\u0301" * 500 + "da",
    "control characters": "A\x00d\x07a\x1b[31m\x7f\u2028\u0085",
    "half a character": "Ada \ud83d",
    "markup of a comment": "--><!--<![CDATA[",
}


def mail(
    template: str,
    values: dict[str, Any] | None = None,
    *,
    locale: str | None = "en",
    zone: str | None = None,
    letters: Letters = LETTERS,
) -> Rendered:
    """A letter with its example values, or others."""
    of_class = find(template).mail_class
    asked = MailRequest(
        account="acct-1",
        to="ada@customer.example",
        template=template,
        journey="dunning",
        episode="e1",
        step="s1",
        values=find(template).example() if values is None else values,
        locale=locale,
        zone=zone,
    )
    url = UNSUBSCRIBE_URL if of_class is MailClass.LIFECYCLE else None
    return letters.render(asked, mail_class=of_class, unsubscribe_url=url)


def hostile_values(template: str, text: str) -> dict[str, Any]:
    """The example values, every free text of them replaced but the name of the company's own person."""
    own = [("check_in", "sender"), ("executive_note", "sender")]
    return {
        name: value.example if value.kind not in TEXTS or (template, name) in own else text
        for name, value in find(template).values.items()
    }


class Page(HTMLParser):
    """What a reader of HTML finds: tags in their order with attributes, and the text outside style sheets."""

    VOID = frozenset({"br", "meta", "img", "input", "hr", "link"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.unclosed: list[str] = []
        self.wrongly_closed: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.unclosed = self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.wrongly_closed.append(tag)

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """All words with single spaces."""
        return " ".join("".join(self.words).split())

    def links(self) -> list[str]:
        """Where its links lead."""
        return [attributes["href"] or "" for tag, attributes in self.tags if tag == "a"]
