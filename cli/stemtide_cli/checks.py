"""One line of `stemtide doctor`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError
from stemtide.ports import UnavailableError

from stemtide_cli.errors import CliError


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What was looked at, how it is, and what to do about it."""

    name: str
    state: Literal["ok", "warn", "fail"]
    says: str
    do: str | None = None


Run = tuple[str, Callable[[], Iterable[Check]]]
"""A name, and what looks at the thing of that name."""


def attempt(name: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    """The checks of one thing; that it cannot be looked at is a failed check, not the end of the list."""
    try:
        return list(look())
    except CliError as error:
        return [Check(name=name, state="fail", says=error.message, do=error.hint)]
    except (BotoCoreError, ClientError, UnavailableError, OSError) as error:
        return [
            Check(name=name, state="fail", says=f"cannot be checked: {error}", do="deploy again: `make up`")
        ]
