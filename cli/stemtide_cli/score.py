"""`stemtide score`: one account, now or as of an instant."""

from typing import Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from stemtide.as_of import as_of_text
from stemtide.scoring.anomaly import UNUSUAL
from stemtide.store.records import Records, StoredRecord

from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.functions import invoke
from stemtide_cli.instants import AS_OF, now_ms
from stemtide_cli.output import escape


@click.argument("account")
@AS_OF
def score(session: Session, account: str, as_of: int | None) -> None:
    """Score one account by the model that serves, as of now or of an instant.

    An older instant than that of the record is kept in the account's scores; the record stays as it is.
    """
    records = Records(session.stack.table("accounts"))
    if records.read(account) is None:
        raise CliError(f"nothing is known of the account {account!r}", hint="check the name")
    instant = as_of_text(now_ms() if as_of is None else as_of)
    event = {"accounts": [account], "as_of": instant, "trigger": "manual", "run": "command line"}
    answer = invoke(session.stack, "score", event)
    if answer["not_customers"]:
        raise CliError(
            f"{account} was no customer as of {instant}: not scored",
            hint="its `group` calls and subscription events tell; see the account's record",
        )
    if answer["failed"]:
        raise CliError(
            f"what is stored of {account} cannot be read: not scored",
            hint="the log of the score function has the reason",
        )
    record = records.read(account)
    assert record is not None
    result = {"account": account, "asked_as_of": instant, **answer, "record": _record(record)}
    session.out.result(result, lambda console: _show(console, result))


def _record(record: StoredRecord) -> dict[str, Any]:
    return {
        "as_of": None if record.as_of_ms is None else as_of_text(record.as_of_ms),
        "scored_at": None if record.scored_at_ms is None else as_of_text(record.scored_at_ms),
        "trigger": record.trigger,
        **(msgspec.to_builtins(record.assessment) if record.assessment else {}),
    }


def _show(console: Console, result: dict[str, Any]) -> None:
    record = result["record"]
    if not result["scored"]:
        console.print(f"the record stays as it is: it is of {record['as_of']}")
    if record.get("score") is None:
        console.print(f"{escape(result['account'])}: not enough is known of it to score it")
        return
    chance = "" if record["probability"] is None else f", {record['probability']:.1%}"
    days = "" if record["horizon_days"] is None else f" within {record['horizon_days']} days"
    console.print(
        f"{escape(result['account'])}: {record['score']} ({record['tier']}{chance}{days}), basis "
        f"{record['basis']}, as of {record['as_of']}"
    )
    table = Table("driver", "contribution")
    for driver in record["drivers"]:
        table.add_row(escape(driver["text"]), f"{driver['contribution']:+.2f}")
    console.print(table)
    anomaly = record.get("anomaly")
    if anomaly is not None and anomaly["score"] >= UNUSUAL:
        reasons = "; ".join(escape(reason["text"]) for reason in anomaly["reasons"])
        console.print(f"unusual use ({anomaly['direction']}, {anomaly['score']} of 100): {reasons}")
