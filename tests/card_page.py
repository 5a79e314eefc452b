"""A card as a browser reads it: text, headings, tags, attributes."""

from html.parser import HTMLParser

SECTIONS = (
    "In short", "Limits and caveats", "What it is for, and not for", "How to read it", "Data", "Quality",
    "Probabilities and tiers", "What it looks at", "Which accounts leave", "Does it work for everybody?",
    "Against other models", "Parity of the exported graph", "Provenance",
)  # fmt: skip


class Page(HTMLParser):
    """Text and structure of a page; an end tag that does not fit is an error."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.titles: dict[str, list[str]] = {"h1": [], "h2": [], "h3": []}
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in {"meta", "hr", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.titles:
            self.titles[self.open[-1]].append(data)
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.texts).replace("\u00a0", " ")
