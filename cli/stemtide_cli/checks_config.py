"""Is what customers get to read a company's own, or still the example's?"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from stemtide.config_schema import Config

from stemtide_cli.checks import Check, Run
from stemtide_cli.model_options import configuration

OWN: Final = "your own words"
EXAMPLE: Final = re.compile(r"example[.]com|Alex Example|1 Main Street, Springfield|^Example Inc[.]$")
SECTIONS: Final = ("company", "mail", "win_back", "retention")


def config_checks() -> list[Run]:
    """What to look at of the configuration."""
    return [(OWN, lambda: own_words(configuration()))]


def own_words(config: Config) -> Iterator[Check]:
    """Links, names and addresses that are written to customers are no examples any more."""
    found = [
        path
        for section in SECTIONS
        for path, text in _texts(section, msgspec.to_builtins(getattr(config, section)))
        if EXAMPLE.search(text)
    ]
    if not found:
        yield Check(name=OWN, state="ok", says="no example is left in what customers read")
        return
    yield Check(
        name=OWN,
        state="warn",
        says=f"still as in the example: {', '.join(found)}",
        do="write your own into stemtide.toml before a customer reads them, and deploy",
    )


def _texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from _texts(f"{path}.{key}", one)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value, 1):
            yield from _texts(f"{path}[{number}]", one)
