"""How a text sounds, from -1 (angry) to 1 (happy): the same number wherever and whenever it is asked for.

VADER (Hutto & Gilbert 2014, MIT) sums the valences of 7,500 rated English words with rules for negation,
emphasis and emoji. It knows no other language, and words of others look like its own (German `die`), so a
text that does not read as English has no sentiment: unknown is not neutral. See docs/adr/0007.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from stemtide.config_schema import Sentiment
from stemtide.traits import MAX_BODY_CHARS

SentimentOf = Callable[[str], float | None]
MAX_EMOJI: Final = 20
"""Emoji that count: VADER spells each out, and takes seconds for a text of nothing else."""
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_ENGLISH_WORDS: Final = """
    the and is are was were be been to of it its this that these those i you we they he she my your our their
    with for from have has had not don't doesn't didn't can't cannot won't isn't i'm it's there what when why
    how which would should could will please at by as if
"""
_OTHER_WORDS: Final = """
    der die das den dem war ein eine einen und ist sind ich wir sie nicht kein keine auch bitte danke vielen
    dank für auf seit wird wurde haben kann zu het een niet geen en ik wij jullie voor zijn och inte det jag
    ikke jeg er og som til med le la les des une est sont et je nous vous pas ne que qui dans pour avec sur
    mais merci c'est el los las una y es son yo nosotros nada pero para con por muy gracias uma os obrigado
    muito il lo gli di che sono non grazie molto della nie jest na z proszę dziękuję não são está
"""
_ENGLISH: Final = frozenset(_ENGLISH_WORDS.split())
_OTHERS: Final = frozenset(_OTHER_WORDS.split())
"""Frequent words that are no English ones, of ten languages: which it is does not matter."""


def sentiment_by(method: Sentiment) -> SentimentOf:
    """What `[support] sentiment` asks for: the sentiment of a text, or of none."""
    return _unknown if method is Sentiment.OFF else of_text


def of_text(text: str) -> float | None:
    """The sentiment of the first 2,000 characters of a text, rounded to 4 digits.

    Returns:
        VADER's `compound` in [-1, 1]; None for a text that does not read as English.
    """
    analyzer = _analyzer()
    short = _with_few_emoji(text[:MAX_BODY_CHARS], analyzer.emojis)
    if not _reads_as_english(short, analyzer):
        return None
    compound: float = analyzer.polarity_scores(short)["compound"]
    return max(-1.0, min(1.0, compound)) + 0.0  # no negative zero


def _unknown(_text: str) -> None:
    return None


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    """Read once per process, some 50 ms, and only where there is a text to look at."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()


def _with_few_emoji(text: str, emoji: Any) -> str:
    left = MAX_EMOJI
    kept = []
    for character in text:
        if character in emoji:
            left -= 1
            if left < 0:
                continue
        kept.append(character)
    return "".join(kept)


def _reads_as_english(text: str, analyzer: Any) -> bool:
    """No fewer English than other function words, and something that VADER can know at all."""
    words = [word.replace("\u2019", "'") for word in _WORD.findall(text.casefold())]
    english = sum(word in _ENGLISH for word in words)
    if english < sum(word in _OTHERS for word in words):
        return False
    known = english or any(word in analyzer.lexicon for word in words)
    return bool(known) or any(character in analyzer.emojis for character in text)
