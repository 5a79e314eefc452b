"""`stemtide doctor`: the machine, the configuration and the deployed stack, each with what to do."""

from dataclasses import asdict
from typing import Any

from rich.console import Console

from stemtide_cli.checks import Check, attempt
from stemtide_cli.checks_machine import machine_checks
from stemtide_cli.checks_stack import stack_checks
from stemtide_cli.command import Session
from stemtide_cli.errors import CliError
from stemtide_cli.output import escape

COLOURS = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(session: Session) -> bool:
    """Check machine, configuration and deployed stack; say what to do about each problem.

    Exit code 1 when something fails; warnings alone do not.
    """
    checks = [check for run in machine_checks() for check in attempt(*run)]
    try:
        stack = session.stack
    except CliError as error:
        checks.append(Check(name="stack", state="fail", says=error.message, do=error.hint))
    else:
        checks += [check for run in stack_checks(stack) for check in attempt(*run)]
    failed = [check for check in checks if check.state == "fail"]
    data: dict[str, Any] = {"ok": not failed, "checks": [asdict(check) for check in checks]}
    session.out.result(data, lambda console: _show(console, checks))
    return not failed


def _show(console: Console, checks: list[Check]) -> None:
    for check in checks:
        colour = COLOURS[check.state]
        console.print(f"[{colour}]{check.state:4}[/] {escape(check.name)}: {escape(check.says)}")
        if check.do:
            console.print(f"       next: {escape(check.do)}")
