"""`stemtide status`: where everything stands."""

from collections import Counter
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from stemtide.config import bundled_config
from stemtide.recompute_plan import COUNTED
from stemtide.silence import JOB as SILENCE_JOB
from stemtide.store.jobs import read_last
from stemtide.store.quarantine import list_quarantined
from stemtide.store.recomputes import read_latest_run
from stemtide.store.sources import read_freshness
from stemtide.store.sweeps import read_latest_run as read_latest_sweep
from stemtide.sweep_log import stages_in

from stemtide_cli.command import Session
from stemtide_cli.draining import Look, look_at
from stemtide_cli.instants import now_ms
from stemtide_cli.output import escape
from stemtide_cli.sources import rows_of, sources_table
from stemtide_cli.status_billing import billing_of, show_billing
from stemtide_cli.sweep import counts_of, show_stages

BALANCE_JOB = "balance"
PAGE = 1000


def status(session: Session) -> None:
    """Show what came in and where it went, how far the consumers are, who is silent, what was set aside,
    which events of the payment provider wait."""
    table = session.stack.table("ingest")
    as_of_ms = now_ms()
    states = read_freshness(table, as_of_ms, bundled_config().sources)
    data = summarise(
        look_at(session.stack),
        quarantined=by_reason(table),
        last_balance_check=last_check(table),
        last_recompute=last_recompute(table),
        last_sweep=last_sweep(table),
        last_silence_check=last_silence_check(table),
    )
    data = {
        "stack": str(session.stack_file),
        **data,
        "billing": billing_of(session.stack),
        "sources": rows_of(states, as_of_ms=as_of_ms),
    }
    session.out.result(data, lambda console: _show(console, data))


def summarise(
    look: Look,
    *,
    quarantined: dict[str, int],
    last_balance_check: Any,
    last_recompute: Any = None,
    last_sweep: Any = None,
    last_silence_check: Any = None,
) -> dict[str, Any]:
    """A look at the stack under the names that scripts read."""
    return {
        "counters": look.counters.public(),
        "settled": look.counters.settled,
        "balanced": look.counters.unbalanced == 0,
        "unbalanced": look.counters.unbalanced,
        "lag": [
            {
                "consumer": lag.consumer,
                "shard": lag.shard,
                "waiting": lag.waiting,
                "behind_s": round(lag.behind_ms / 1000, 3),
                "waiting_since": lag.waiting_since,
            }
            for lag in look.lags
        ],
        "in_flight": look.pending,
        "dead_letters": {
            "payloads": look.dead_letters.payloads,
            "unregistered": len(look.dead_letters.unregistered),
            "waiting": look.dead_letters.waiting,
        },
        "quarantine": quarantined,
        "queues": look.queues,
        "last_balance_check": last_balance_check,
        "last_recompute": last_recompute,
        "last_sweep": last_sweep,
        "last_silence_check": last_silence_check,
    }


def by_reason(table: Any) -> dict[str, int]:
    """Quarantined calls that were not released, by reason (`table`: boto3 Table resource, ingest)."""
    counts: Counter[str] = Counter()
    cursor: str | None = None
    while True:
        page = list_quarantined(table, limit=PAGE, cursor=cursor)
        counts.update(row.reason for row in page.rows if row.released_at is None)
        cursor = page.cursor
        if cursor is None:
            return dict(counts.most_common())


def last_check(table: Any) -> dict[str, Any] | None:
    """The newest run of the hourly balance check, None before the first."""
    row = read_last(table, BALANCE_JOB)
    if row is None:
        return None
    return {"slot": row["sk"], "claimed_at": row.get("claimed_at"), "done_at": row.get("done_at")}


def last_silence_check(table: Any) -> dict[str, Any] | None:
    """The newest hour of the check for silence; `skipped` says why nobody was looked at."""
    row = read_last(table, SILENCE_JOB)
    if row is None:
        return None
    return {"slot": row["sk"], "done_at": row.get("done_at"), "skipped": row.get("skipped")}


def last_recompute(table: Any) -> dict[str, Any] | None:
    """What became of the newest recompute, None before the first."""
    row = read_latest_run(table)
    if row is None:
        return None
    counts = {name: int(row[name]) for name in COUNTED if name in row}
    return {"run": row["sk"], "from": row["first"], "to": row["last"], "state": row["state"], **counts}


def last_sweep(table: Any) -> dict[str, Any] | None:
    """The newest run over every account, None before the first."""
    row = read_latest_sweep(table)
    if row is None:
        return None
    return {
        "run": row["sk"],
        "nights": list(row["nights"]),
        "state": row["state"],
        "model_version": row["model_version"],
        **counts_of(row),
        "stages": msgspec.to_builtins(stages_in(row)),
        "ignored_gates": list(row.get("ignored_gates", [])),
        "cause": row.get("cause"),
    }


def _show(console: Console, data: dict[str, Any]) -> None:
    console.print(f"stack: {data['stack']}")
    counters = Table("calls", *data["counters"])
    counters.add_row("", *(f"{count:,}" for count in data["counters"].values()))
    console.print(counters)
    if not data["balanced"]:
        console.print(f"[bold red]{data['unbalanced']:,} calls do not balance[/]")
    elif data["settled"]:
        console.print("[green]the counters balance[/]")
    else:
        console.print(
            "the consumers are not equally far: the counters balance as far as they can be compared"
        )
    console.print(sources_table(data["sources"]))
    for line in data["in_flight"]:
        console.print(f"in flight: {line}")
    dead = data["dead_letters"]
    console.print(
        f"dead letters: {dead['payloads']} payloads, {dead['waiting']} not put back (`stemtide requeue`), "
        f"{dead['unregistered']} not registered yet"
    )
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in data["quarantine"].items())
    console.print(f"quarantine: {reasons or 'empty'}")
    check = data["last_balance_check"]
    done = "none yet" if check is None else check["done_at"] or f"{check['slot']} (not finished)"
    console.print(f"last balance check: {done}")
    silence = data["last_silence_check"]
    if silence is not None and silence["skipped"]:
        console.print(
            f"[bold red]silence not looked for[/] at {silence['slot']}: {escape(silence['skipped'])}"
        )
    run = data["last_recompute"]
    said = "none yet"
    if run is not None:
        said = f"arrived {run['from']} to {run['to']}: {run['state']}, {run.get('corrected', 0):,} corrected"
        said += f", {run['lagging']:,} lagging" if run.get("lagging") else ""
    console.print(f"last recompute: {said}")
    _show_sweep(console, data["last_sweep"])
    show_billing(console, data["billing"])


def _show_sweep(console: Console, run: dict[str, Any] | None) -> None:
    if run is None:
        console.print("last sweep: none yet")
        return
    nights = ", ".join(night[:10] for night in run["nights"])
    console.print(f"last sweep: {run['run']} for {nights}: {run['state']}, by {run['model_version']}")
    show_stages(console, run)
    if run["cause"]:
        console.print(f"  {escape(run['cause'])}")
