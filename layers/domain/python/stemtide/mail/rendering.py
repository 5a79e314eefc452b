"""A letter with its values filled in: subject, plain text and HTML of one mail."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Self

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from stemtide.config_schema import Config
from stemtide.mail import formatting, locales, safe_text
from stemtide.mail.filling import LetterError, checked, letter
from stemtide.mail.message import MailClass, MailRequest, Rendered
from stemtide.mail.shown import Shown, shown
from stemtide.mail.templates import Template
from stemtide.mail.values import WrongValueError, link

FOLDER: Final = Path(__file__).parent / "letters"
MAX_SUBJECT_CHARS: Final = 120
MAX_PREHEADER_CHARS: Final = 160
MAX_PART_BYTES: Final = 60_000
"""Gmail shows the first 102 KB of a mail as it travels, its encoding included."""
INK: Final = "#1f2430"
ACCENT: Final = "#2d5bd0"
_STYLES: Final = {
    "p": f"margin:0 0 16px;font-size:16px;line-height:25px;color:{INK}",
    "h1": f"margin:0 0 20px;font-size:23px;line-height:31px;font-weight:700;color:{INK}",
    "strong": "font-weight:600",
}
"""Many mail programs read no style sheet: these are written into the letters' own bare tags. A value never
is one, as it is escaped."""
_BARE_TAG: Final = re.compile(f"<({'|'.join(_STYLES)})>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """Who writes: the company, its address for post, its own language, IANA zone and colour (`#rrggbb`)."""

    company: str
    postal_address: str
    locale: str = locales.LAST_RESORT
    zone: str = "UTC"
    accent: str = ACCENT

    @classmethod
    def of(cls, config: Config) -> Self:
        """The letterhead that stemtide.toml asks for."""
        return cls(
            company=config.company.name,
            postal_address=config.mail.postal_address,
            locale=config.mail.default_locale,
            zone=config.company.time_zone,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Writes the letters of one company."""

    letterhead: Letterhead

    def render(
        self, request: MailRequest, /, *, mail_class: MailClass, unsubscribe_url: str | None
    ) -> Rendered:
        """The mail's content, in the customer's language where there is one, else in the company's.

        Raises:
            LetterError: no such letter, values that are missing, unknown or wrong, or no way to opt out of a
                lifecycle mail.
        """
        template = letter(request.template)
        opt_out = _opt_out(template, mail_class, unsubscribe_url)
        values = checked(template, request.values)
        language = locales.chosen(languages(), request.locale, self.letterhead.locale)
        manner = formatting.Manner(
            locale=formatting.written_like(locales.normal_tag(request.locale) or language, language=language),
            zone=formatting.zone_of(request.zone, self.letterhead.zone),
        )
        filled = {
            name: None if value is None else shown(template.values[name].kind, value, manner)
            for name, value in values.items()
        }
        return self._write(template, language, filled, opt_out)

    def _write(
        self, template: Template, language: str, values: Mapping[str, Shown | None], opt_out: str | None
    ) -> Rendered:
        given = {**self._common(language), **values, "unsubscribe_url": opt_out}
        try:
            plain = environment().get_template(f"{language}/{template.name}.txt")
            subject = _block(plain, "subject", given, most=MAX_SUBJECT_CHARS)
            preheader = _block(plain, "preheader", given, most=MAX_PREHEADER_CHARS)
            text = _tidy(plain.render(given))
            page = environment().get_template(f"{language}/{template.name}.html")
            html = _styled(page.render({**given, "subject": subject, "preheader": preheader}))
        except TemplateError as error:
            problem = f"its {language} words fail ({type(error).__name__}: {error})"
            raise LetterError(template.name, problem, remedy="mend them and look at the preview") from error
        _check_size(template, text, html)
        return Rendered(subject=subject, text=text, html=html, headers=_headers(opt_out))

    def _common(self, language: str) -> dict[str, Any]:
        head = self.letterhead
        return {
            "company": Shown(text=safe_text.one_line(head.company, most=100)),
            "postal_address": Shown(text=safe_text.one_line(head.postal_address, most=300)),
            "accent": head.accent,
            "ink": INK,
            "lang": language,
        }


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """The languages in which there are letters."""
    return tuple(sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir()))


@lru_cache(maxsize=1)
def environment() -> ImmutableSandboxedEnvironment:
    """What fills in: HTML is escaped, a value that is not given is an error, and no words reach Python."""
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(FOLDER),
        autoescape=select_autoescape(enabled_extensions=("html",), default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _opt_out(template: Template, mail_class: MailClass, url: str | None) -> str | None:
    if mail_class is not template.mail_class:
        wanted = f"send it as a {template.mail_class} mail"
        raise LetterError(template.name, f"it is no {mail_class} mail", remedy=wanted)
    if mail_class is MailClass.TRANSACTIONAL:
        return None
    try:
        return link(url)
    except WrongValueError as error:
        raise LetterError(
            template.name, "its link to opt out is missing or wrong", remedy=str(error)
        ) from None


def _headers(opt_out: str | None) -> tuple[tuple[str, str], ...]:
    """RFC 8058's pair, on what may be opted out of."""
    if opt_out is None:
        return ()
    return (
        ("List-Unsubscribe", f"<{opt_out}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )


def _block(template: Any, name: str, given: Mapping[str, object], *, most: int) -> str:
    written = "".join(template.blocks[name](template.new_context(dict(given))))
    return safe_text.one_line(written, most=most)


def _tidy(text: str) -> str:
    """Plain text with at most one empty line in a row and none at its ends."""
    lines = [line.rstrip() for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def _styled(html: str) -> str:
    lines = [line.strip() for line in html.splitlines()]
    return _BARE_TAG.sub(lambda tag: f'<{tag[1]} style="{_STYLES[tag[1]]}">', "\n".join(filter(None, lines)))


def _check_size(template: Template, text: str, html: str) -> None:
    largest = max(len(text.encode()), len(html.encode()))
    if largest > MAX_PART_BYTES:
        remedy = f"shorten it to {MAX_PART_BYTES} bytes: mail programs cut off what is longer"
        raise LetterError(template.name, f"it is {largest} bytes long", remedy=remedy)
