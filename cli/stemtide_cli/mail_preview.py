"""Letters written into a folder, with their example values or with given ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stemtide.config_schema import Config
from stemtide.mail.filling import LetterError
from stemtide.mail.message import MailClass, MailRequest
from stemtide.mail.rendering import Letterhead, Letters, languages
from stemtide.mail.templates import find

from stemtide_cli.errors import CliError

EXAMPLE_LINK: Final = "https://api.example.com/v1/unsubscribe/example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which letters; `values` None: each with its examples; `locale` None: in every language."""

    names: Sequence[str]
    values: Mapping[str, Any] | None = None
    locale: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A letter in the folder. `picture` is there once one has been taken."""

    template: str
    locale: str
    mail_class: MailClass
    subject: str
    html: Path

    @property
    def text(self) -> Path:
        return self.html.with_suffix(".txt")

    @property
    def picture(self) -> Path:
        return self.html.with_suffix(".png")

    def described(self) -> dict[str, str | None]:
        """What the command prints of it."""
        return {
            "template": self.template,
            "locale": self.locale,
            "class": self.mail_class.value,
            "subject": self.subject,
            "html": str(self.html),
            "text": str(self.text),
            "picture": str(self.picture) if self.picture.exists() else None,
        }


def write_letters(wanted: Wanted, config: Config, folder: Path) -> list[Written]:
    """The letters as `<name>.<locale>.html` and `.txt` (its first line is the subject).

    Raises:
        CliError: a value is missing, unknown or wrong.
        OSError: the folder cannot be written.
    """
    letters = Letters(letterhead=Letterhead.of(config))
    locales = languages() if wanted.locale is None else (wanted.locale,)
    folder.mkdir(parents=True, exist_ok=True)
    return [_write(letters, name, locale, wanted, folder) for name in wanted.names for locale in locales]


def _write(letters: Letters, name: str, locale: str, wanted: Wanted, folder: Path) -> Written:
    template = find(name)
    request = MailRequest(
        account="preview",
        to="customer@example.com",
        template=name,
        journey="preview",
        episode="preview",
        step="preview",
        values=template.example() if wanted.values is None else dict(wanted.values),
        locale=locale,
        zone=wanted.zone,
    )
    url = EXAMPLE_LINK if template.mail_class is MailClass.LIFECYCLE else None
    try:
        found = letters.render(request, mail_class=template.mail_class, unsubscribe_url=url)
    except LetterError as error:
        raise CliError(f"letter {error.template}: {error.problem}", hint=error.remedy) from error
    written = Written(
        template=name,
        locale=locale,
        mail_class=template.mail_class,
        subject=found.subject,
        html=folder / f"{name}.{locale.replace('/', '-')}.html",
    )
    written.picture.unlink(missing_ok=True)
    written.html.write_text(found.html, encoding="utf-8")
    written.text.write_text(f"Subject: {found.subject}\n\n{found.text}", encoding="utf-8")
    return written
