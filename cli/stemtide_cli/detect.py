"""`stemtide detect`: who has become silent."""

from typing import Any

from rich.console import Console
from rich.table import Table
from stemtide.as_of import as_of_text

from stemtide_cli.command import Session
from stemtide_cli.functions import invoke
from stemtide_cli.instants import AS_OF, now_ms
from stemtide_cli.output import escape

SHOWN = 20


@AS_OF
def detect(session: Session, as_of: int | None) -> None:
    """Look for drops of use among the accounts that were silent on the last closed day.

    The same as the hourly check, once, for one instant (now, or --as-of). Each drop found is scored by
    itself; one that was found before is not found again.
    """
    instant = as_of_text(now_ms() if as_of is None else as_of)
    answer = invoke(session.stack, "detect", {"job": "detect", "as_of": instant})
    result = {"as_of": instant, **answer}
    session.out.result(result, lambda console: _show(console, result))


def _show(console: Console, result: dict[str, Any]) -> None:
    console.print(
        f"{result['looked_at']:,} silent accounts as of {result['as_of']}: {result['found']:,} new drops"
    )
    if result["unreadable"]:
        console.print(f"{result['unreadable']} accounts could not be read: see `stemtide status`")
    if not result["drops"]:
        return
    table = Table("account", "rule", "before", "now", "change")
    for drop in result["drops"][:SHOWN]:
        change = f"{drop['change']:+.0%}"
        table.add_row(
            escape(drop["account"]), drop["rule"], f"{drop['before']:,}", f"{drop['now']:,}", change
        )
    console.print(table)
