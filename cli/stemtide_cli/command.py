"""What every command has: `--json`, `--stack`, errors in words and the exit codes."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from stemtide.ports import UnavailableError

from stemtide_cli.errors import CliError, from_aws
from stemtide_cli.output import Output
from stemtide_cli.stack import Stack, find_stack_file

EXIT_FAILED = 1


@dataclass(frozen=True)
class Session:
    """One run of a command: where it writes, and the stack it talks to (found on first use)."""

    out: Output
    stack_option: Path | None

    @cached_property
    def stack_file(self) -> Path:
        return find_stack_file(self.stack_option)

    @cached_property
    def stack(self) -> Stack:
        return Stack.load(self.stack_file)


def command(group: click.Group, name: str) -> Callable[[Callable[..., bool | None]], click.Command]:
    """Register a function as a command; it takes the `Session` first and returns False for exit code 1.

    A CliError, and whatever an AWS client raises, end it with a message and exit code 1.
    """

    def register(function: Callable[..., bool | None]) -> click.Command:
        @functools.wraps(function)
        def run(*, as_json: bool, stack_option: Path | None, **arguments: Any) -> None:
            session = Session(out=Output(as_json=as_json), stack_option=stack_option)
            raise SystemExit(_run(function, session, arguments))

        stack = click.option(
            "--stack",
            "stack_option",
            type=click.Path(path_type=Path, dir_okay=False),
            help="The stack.json to use (else STEMTIDE_STACK, else what `make up` or `make deploy` wrote).",
        )
        machines = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
        return group.command(name)(machines(stack(run)))

    return register


def _run(function: Callable[..., bool | None], session: Session, arguments: dict[str, Any]) -> int:
    try:
        return EXIT_FAILED if function(session, **arguments) is False else 0
    except CliError as error:
        failure = error
    except (Boto3Error, BotoCoreError, ClientError, UnavailableError) as error:
        failure = from_aws(error, endpoint=session.stack.endpoint_url)
    except OSError as error:
        failure = CliError(str(error), hint="check that path, who may read and write it, and the disk's room")
    session.out.error(failure.message, failure.hint)
    return EXIT_FAILED
