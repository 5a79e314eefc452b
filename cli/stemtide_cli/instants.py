"""`--as-of`: the instant a decision is made for."""

import time
from typing import Any

import click
from stemtide.as_of import as_of_text, end_of_day_ms, last_closed_day, parse_as_of


class AsOf(click.ParamType):
    """A UTC date (its last millisecond) or an ISO instant, as epoch milliseconds; not in the future."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The instant. A date that is not over yet would look at days to come, as would a later instant."""
        if isinstance(value, int):
            return value
        try:
            instant = parse_as_of(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a date (2026-01-31) nor an instant (2026-01-31T12:00:00Z)")
        if instant > now_ms():
            self.fail(f"{as_of_text(instant)} is yet to come: the newest that can be asked for is now")
        return instant


AS_OF = click.option(
    "--as-of",
    type=AsOf(),
    metavar="INSTANT",
    help="A UTC date (the end of that day) or an instant, e.g. 2026-01-31T12:00:00Z.",
)


def now_ms() -> int:
    """This moment, epoch milliseconds."""
    return int(time.time() * 1000)


def end_of_yesterday_ms() -> int:
    """The last millisecond of the latest UTC day that is over."""
    return end_of_day_ms(last_closed_day(now_ms()))
