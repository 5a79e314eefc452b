"""The page on which a mail's recipient chooses what mails to get, in words of the recipient's language."""

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from stemtide.mail import locales
from stemtide.mail.preferences import JOURNEYS, Preferences
from stemtide.mail.rendering import FOLDER, Letterhead, environment, languages

STYLE: Final = (FOLDER / "preferences.css").read_text(encoding="utf-8")


class Done(StrEnum):
    """What has just been done, which the page says first."""

    OPTED_OUT = "opted_out"
    OPTED_IN = "opted_in"
    CHOSEN = "chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencePages:
    """Writes the pages of one company."""

    letterhead: Letterhead

    def choice(self, preferences: Preferences, *, language: str, done: Done | None = None) -> str:
        """The page of an address with this choice."""
        topics = [(name, name not in preferences.journeys_off) for name in JOURNEYS]
        return self._page(
            language,
            none_come=preferences.opted_out or preferences.stopped,
            again=not preferences.stopped,
            topics=topics,
            done=done,
        )

    def no_such_link(self, *, language: str) -> str:
        """The page of a link that is none: it does not say what is wrong with it."""
        return self._page(language, none_come=None, again=False, topics=[], done=None)

    def language_for(self, accept_language: str | None) -> str:
        """The language that a browser's person reads best; else the company's."""
        return locales.chosen(languages(), *locales.accepted(accept_language), self.letterhead.locale)

    def _page(self, language: str, **facts: object) -> str:
        return (
            environment()
            .get_template("preferences.html")
            .render(
                company=self.letterhead.company,
                postal_address=self.letterhead.postal_address,
                lang=language,
                style=STYLE,
                w=words(language),
                **facts,
            )
        )


@lru_cache
def words(language: str) -> dict[str, str]:
    """The page's words in one of the languages of the letters."""
    path = FOLDER / language / "preferences.toml"
    found: dict[str, str] = tomllib.loads(path.read_text(encoding="utf-8"))
    return found
